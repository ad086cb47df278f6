package gateway

import (
	"context"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// garbageRoom is how much garbage may pile up, in octets, before it is collected, where that is more than what is in use. By
	// itself the runtime collects when there is as much of it as is in use: for a gateway at work on short sessions every few hundred of
	// them, each time with a look at all that the network stack holds.
	garbageRoom = 64 << 20

	// garbageBeyond is what there may be beside one and a half times what is in use and what is no heap, before garbage is collected
	// whatever the percentage says: until that is adapted, it may be one for much less in use.
	garbageBeyond = garbageRoom + 16<<20
)

// manageGarbage has the runtime make use of garbageRoom until ctx ends. A GOGC in the environment is left to say what it says.
func manageGarbage(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	const before = 100 // of the runtime
	defer debug.SetGCPercent(before)
	limited := os.Getenv("GOMEMLIMIT") != "" // then it is left alone too
	if !limited {
		defer debug.SetMemoryLimit(math.MaxInt64)
	}
	samples := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
	}
	collected := make(chan struct{}, 1)
	for now := before; ; {
		// At once after each collection: a percentage that was right for little in use is far too much for what a burst of
		// sessions has left there.
		tellOfCollection(collected)
		metrics.Read(samples)
		inUse, noHeap := samples[0].Value.Uint64(), samples[1].Value.Uint64()
		for _, heap := range samples[2:] {
			noHeap -= heap.Value.Uint64()
		}
		if next := garbagePercent(inUse); next != now {
			debug.SetGCPercent(next)
			now = next
		}
		if !limited {
			debug.SetMemoryLimit(int64(inUse + inUse/2 + noHeap + garbageBeyond))
		}
		select {
		case <-collected:
		case <-ctx.Done():
			return
		}
	}
}

// tellOfCollection sends to told when the next garbage collection has ended.
func tellOfCollection(told chan<- struct{}) {
	type sentinel struct{ _ [64]byte } // an allocation of its own, or it might live as long as a neighbour
	runtime.AddCleanup(new(sentinel), func(told chan<- struct{}) {
		select {
		case told <- struct{}{}:
		default:
		}
	}, told)
}

// garbagePercent is how many percent of what is in use, in octets, may be garbage: of garbageRoom, in steps, since each change stops the
// world for a moment.
func garbagePercent(live uint64) int {
	const step, least, most = 25, 50, 1600
	percent := garbageRoom / max(live/100, 1)
	return int(min(max(percent/step*step, least), most))
}
