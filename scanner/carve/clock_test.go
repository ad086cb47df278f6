package carve_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"mirrorgw/scanner"
	"mirrorgw/scanner/carve"
)

// TestTheClockIsLookedAt: the search ends with its context.
func TestTheClockIsLookedAt(t *testing.T) {
	b := scanner.Spool{}.NewBuffer()
	defer b.Close()
	if _, err := io.WriteString(b, strings.Repeat("\n", 10_000)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (carve.Carver{}).Open(ctx, scanner.NewPart("1", "", "", b), nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
