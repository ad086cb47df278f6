package main

import (
	"context"
	"runtime/debug"
	"testing"
	"testing/synctest"
)

func TestGarbagePercent(t *testing.T) {
	for live, want := range map[uint64]int{
		0: 1600, 1 << 20: 1600, 4 << 20: 1600, 10 << 20: 625, 40 << 20: 150, 16 << 20: 400, 30 << 20: 200, 64 << 20: 100, 100 << 20: 100, 8 << 30: 100,
	} {
		if got := garbagePercent(live); got != want {
			t.Errorf("%d MiB in use: %d %%, want %d", live>>20, got, want)
		}
	}
}

// The percentage is the runtime's own again once the gateway has ended, and is not touched where the environment names one.
func TestManageGarbage(t *testing.T) {
	t.Setenv("GOGC", "")
	percent := func() int {
		now := debug.SetGCPercent(100)
		debug.SetGCPercent(now)
		return now
	}
	for _, env := range []string{"", "100"} {
		t.Setenv("GOGC", env)
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { manageGarbage(ctx); close(ended) }() // ends with ctx
			synctest.Wait()
			if got := percent(); (got > 100) != (env == "") {
				t.Errorf("GOGC %q: %d %%", env, got)
			}
			cancel()
			<-ended
			if got := percent(); got != 100 {
				t.Errorf("GOGC %q: %d %% at the end", env, got)
			}
		})
	}
}
