package testnet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
)

// NewLab makes a lab for one test, under a name of its own, and takes it down after the test. On a machine that cannot hold
// a lab the test is skipped with the reason.
func NewLab(t TB) *Lab {
	t.Helper()
	l, err := Up(t.Context(), Config{Name: fmt.Sprintf("t%08x", rand.Uint32())})
	if errors.Is(err, ErrUnable) {
		t.Skipf("%v", err)
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		// The test's context has ended by now.
		if err := l.Down(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return l
}
