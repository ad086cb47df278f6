package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// garbageRoom is how much garbage may pile up, in octets, before it is collected, where that is more than what is in use. By
	// itself the runtime collects when there is as much of it as is in use: for a gateway at work on short sessions every few hundred of
	// them, each time with a look at all that the network stack holds.
	garbageRoom = 64 << 20

	garbageEvery = time.Second
)

// manageGarbage has the runtime make use of garbageRoom until ctx ends. A GOGC in the environment is left to say what it says.
func manageGarbage(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	const before = 100 // of the runtime
	defer debug.SetGCPercent(before)
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	ticker := time.NewTicker(garbageEvery)
	defer ticker.Stop()
	for now := before; ; {
		metrics.Read(live)
		if next := garbagePercent(live[0].Value.Uint64()); next != now {
			debug.SetGCPercent(next)
			now = next
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// garbagePercent is how many percent of what is in use, in octets, may be garbage: of garbageRoom, in steps, since each change stops the
// world for a moment.
func garbagePercent(live uint64) int {
	const step, least, most = 25, 100, 1600
	percent := garbageRoom / max(live/100, 1)
	return int(min(max(percent/step*step, least), most))
}
