package gateway

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"

	"mirrorgw/testnet"
)

func TestGarbagePercent(t *testing.T) {
	for live, want := range map[uint64]int{
		0: 1600, 1 << 20: 1600, 4 << 20: 1600, 10 << 20: 625, 40 << 20: 150, 16 << 20: 400, 30 << 20: 200, 64 << 20: 100, 100 << 20: 50, 8 << 30: 50,
	} {
		if got := garbagePercent(live); got != want {
			t.Errorf("%d MiB in use: %d %%, want %d", live>>20, got, want)
		}
	}
}

// The percentage is the runtime's own again once the gateway has ended, and is not touched where the environment names one.
func TestManageGarbage(t *testing.T) {
	t.Setenv("GOGC", "")
	for _, env := range []string{"", "100"} {
		t.Setenv("GOGC", env)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { manageGarbage(ctx); close(ended) }() // ends with ctx
		if env == "" {
			testnet.WaitFor(t, "more garbage to be allowed", func() bool { runtime.GC(); return gcPercent() > 100 })
		} else {
			<-ended
		}
		cancel()
		<-ended
		if got := gcPercent(); got != 100 {
			t.Errorf("GOGC %q: %d %% at the end", env, got)
		}
		if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
			t.Errorf("GOGC %q: a limit of %d at the end", env, limit)
		}
	}
}

// After each collection the percentage is adapted at once, so that what a burst leaves in use does not let garbage grow with it.
func TestGarbageAfterABurst(t *testing.T) {
	t.Setenv("GOGC", "")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { manageGarbage(ctx); close(ended) }() // ends with ctx
	defer func() { cancel(); <-ended }()
	burst := make([][]byte, 100)
	for i := range burst {
		burst[i] = make([]byte, 1<<20)
	}
	runtime.GC()
	testnet.WaitFor(t, "less garbage to be allowed", func() bool { return gcPercent() < 100 })
	runtime.KeepAlive(burst)
}

// gcPercent returns the runtime's GOGC.
func gcPercent() uint64 {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
