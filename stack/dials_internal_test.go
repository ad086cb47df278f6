package stack

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Never more dials than allowed are under way, to one server or in all, and nothing is left of those that are done.
func TestDialSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDialSlots(10, 3)
		var all, most, waited atomic.Int64
		var each [6]atomic.Int64
		var wg sync.WaitGroup
		for i := range 120 {
			to := i % len(each)
			wg.Go(func() {
				release, had, err := d.take(t.Context(), netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(to)}), 110))
				if err != nil {
					t.Error(err)
					return
				}
				if had {
					waited.Add(1)
				}
				if n := each[to].Add(1); n > 3 {
					t.Errorf("%d dials to one server", n)
				}
				most.Store(max(most.Load(), all.Add(1)))
				time.Sleep(time.Second) // the bubble's
				all.Add(-1)
				each[to].Add(-1)
				release()
			})
		}
		wg.Wait()
		if most.Load() != 10 || waited.Load() != 110 {
			t.Errorf("%d at most at once, %d waited", most.Load(), waited.Load())
		}
		if len(d.servers) != 0 || len(d.all) != 0 {
			t.Errorf("left behind: %v", d.servers)
		}
	})
}

// Who gives up waiting leaves nothing behind, and those who wait for one server keep none from another.
func TestDialSlotsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDialSlots(3, 2)
		silent, good := netip.MustParseAddrPort("10.0.0.1:110"), netip.MustParseAddrPort("10.0.0.2:110")
		var held []func()
		for range 2 {
			release, _, err := d.take(t.Context(), silent)
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, release)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, waited, err := d.take(ctx, silent); !waited || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v, %v", waited, err)
				}
			})
		}
		synctest.Wait()
		if release, waited, err := d.take(t.Context(), good); waited || err != nil {
			t.Errorf("another server: %v, %v", waited, err)
		} else {
			release()
		}
		wg.Wait()
		for _, release := range held {
			release()
		}
		if len(d.servers) != 0 || len(d.all) != 0 {
			t.Errorf("left behind: %v", d.servers)
		}
	})
}
