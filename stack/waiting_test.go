package stack

import (
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"gvisor.dev/gvisor/pkg/waiter"
)

// waitFor begins a wait and returns where its result goes.
func waitFor(w *waiting) <-chan error {
	result := make(chan error, 1)
	go func() { result <- w.wait() }() // ends with an event or the deadline
	synctest.Wait()
	return result
}

// waitForDeadline begins to wait for nothing but the deadline.
func waitForDeadline(w *waiting) <-chan error {
	result := make(chan error, 1)
	go func() { // the same
		var err error
		for err == nil {
			err = w.wait()
		}
		result <- err
	}()
	synctest.Wait()
	return result
}

// TestWaitingDeadline: a wait ends at the deadline as it is by then, wherever it was moved to before and meanwhile.
func TestWaitingDeadline(t *testing.T) {
	for name, moves := range map[string][]time.Duration{ // each a second after the one before, from its own time on; 0 lifts
		"as it was":               {},
		"later":                   {time.Hour},
		"sooner":                  {5 * time.Second},
		"later, then sooner":      {time.Hour, 3 * time.Second},
		"sooner, then later":      {2 * time.Second, time.Hour},
		"lifted, then set again":  {0, 20 * time.Second},
		"at once":                 {-time.Second},
		"later for a long while":  {time.Minute, time.Minute, time.Minute, time.Minute},
		"within the first timer":  {8 * time.Second, 7 * time.Second},
		"lifted, then set to now": {0, -1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var w waiting
				w.init(new(waiter.Queue), waiter.ReadableEvents)
				// A wait before, whose timer goes on.
				w.set(time.Now().Add(12 * time.Second))
				first := waitFor(&w)
				w.entry.NotifyEvent(waiter.EventIn)
				if err := <-first; err != nil {
					t.Fatal(err)
				}
				due := time.Now().Add(10 * time.Second)
				w.set(due)
				result := waitForDeadline(&w)
				for _, d := range moves {
					time.Sleep(time.Second)
					due = time.Now().Add(d)
					if d == 0 {
						w.set(time.Time{})
					} else {
						w.set(due)
					}
				}
				due = due.Add(max(0, time.Since(due))) // one in the past is missed now
				if err := <-result; !errors.Is(err, os.ErrDeadlineExceeded) || !time.Now().Equal(due) {
					t.Errorf("%v, %s after the deadline", err, time.Since(due))
				}
				if !w.missed() {
					t.Error("the deadline is not missed")
				}
				w.set(time.Time{})
				if w.missed() {
					t.Error("no deadline is missed")
				}
			})
		})
	}
}

// TestWaitingAllocations: waiting with a deadline that moves on each time makes nothing.
func TestWaitingAllocations(t *testing.T) {
	var w waiting
	w.init(new(waiter.Queue), waiter.ReadableEvents)
	deadline := time.Now().Add(time.Hour)
	if n := testing.AllocsPerRun(100, func() {
		deadline = deadline.Add(time.Second)
		w.set(deadline)
		w.entry.NotifyEvent(waiter.EventIn)
		if err := w.wait(); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestWaitingStops: a connection that was closed leaves no timer behind, which would keep it in memory.
func TestWaitingStops(t *testing.T) {
	var w waiting
	w.init(new(waiter.Queue), waiter.ReadableEvents)
	w.set(time.Now().Add(time.Hour))
	w.entry.NotifyEvent(waiter.EventIn)
	if err := w.wait(); err != nil {
		t.Fatal(err)
	}
	w.stop()
	if w.timer.Stop() {
		t.Error("the timer went on")
	}
}
