package testnet

import (
	"context"
	"time"

	"go.uber.org/goleak"
)

// TB is the part of testing.TB that this package uses.
type TB interface {
	Cleanup(func())
	Context() context.Context
	Error(args ...any)
	Fatalf(format string, args ...any)
	Helper()
	Logf(format string, args ...any)
	Name() string
	Skipf(format string, args ...any)
}

const (
	waitLimit    = 10 * time.Second
	waitInterval = 5 * time.Millisecond
)

// WaitFor returns when condition holds and fails the test when it does not within 10 seconds. It is for what a real
// kernel or another process does in its own time; anything that can be told of by a channel or a fake clock should be.
// what completes the sentence "waiting for …".
func WaitFor(t TB, what string, condition func() bool) {
	t.Helper()
	if err := waitFor(t.Context(), what, waitLimit, condition); err != nil {
		t.Fatalf("%v", err)
	}
}

// CheckLeaks fails the test when goroutines that it started still run after it and after the cleanups registered later
// than this call. Not for parallel tests, whose goroutines it cannot tell apart.
func CheckLeaks(t TB) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		t.Helper()
		goleak.VerifyNone(t, before)
	})
}
