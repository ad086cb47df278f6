//go:build noyara

package yara

import (
	"errors"
	"testing"
)

func TestNotCompiledIn(t *testing.T) {
	if _, err := New(Config{}); !errors.Is(err, ErrNotCompiledIn) {
		t.Errorf("error %v", err)
	}
	if Version() != "" {
		t.Errorf("version %q", Version())
	}
}
