package stack

import (
	"os"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/waiter"
)

// waiting is how the calls in one direction of a connection wait for the netstack, within a deadline. Moving the deadline on costs no
// timer: one that goes off early is wound up again.
type waiting struct {
	entry waiter.Entry
	ready chan struct{} // holds one: it may be worth trying again

	mu       sync.Mutex
	deadline time.Time     // zero for none; guarded by mu
	sooner   chan struct{} // holds one: the deadline may be earlier than the timer

	// Of the one call in progress.
	timer *time.Timer // nil until it is needed
	due   time.Time   // when timer goes off; zero when it does not
}

// init has the queue of an endpoint tell of events.
func (w *waiting) init(wq *waiter.Queue, events waiter.EventMask) {
	w.entry, w.ready = waiter.NewChannelEntry(events)
	w.sooner = make(chan struct{}, 1)
	wq.EventRegister(&w.entry) // for good: the queue goes with the endpoint
}

// set moves the deadline.
func (w *waiting) set(t time.Time) {
	w.mu.Lock()
	earlier := !t.IsZero() && (w.deadline.IsZero() || t.Before(w.deadline))
	w.deadline = t
	w.mu.Unlock()
	if earlier {
		select {
		case w.sooner <- struct{}{}:
		default:
		}
	}
}

// left returns the deadline and the time to it, which means nothing without one.
func (w *waiting) left() (deadline time.Time, left time.Duration) {
	w.mu.Lock()
	deadline = w.deadline
	w.mu.Unlock()
	if deadline.IsZero() {
		return deadline, 0
	}
	return deadline, time.Until(deadline)
}

// missed says whether the deadline has passed.
func (w *waiting) missed() bool {
	deadline, left := w.left()
	return !deadline.IsZero() && left <= 0
}

// wait returns when it is worth trying again. One call at a time.
//
// Errors: os.ErrDeadlineExceeded.
func (w *waiting) wait() error {
	for {
		var expired <-chan time.Time
		if deadline, left := w.left(); !deadline.IsZero() {
			if left <= 0 {
				return os.ErrDeadlineExceeded
			}
			expired = w.windUp(deadline, left)
		}
		select {
		case <-w.ready:
			return nil
		case <-w.sooner:
		case <-expired:
			w.due = time.Time{}
		}
	}
}

// windUp makes sure that the timer goes off by the deadline.
func (w *waiting) windUp(deadline time.Time, left time.Duration) <-chan time.Time {
	switch {
	case w.timer == nil:
		w.timer = time.NewTimer(left)
	case !w.due.IsZero() && !deadline.Before(w.due):
		return w.timer.C
	default:
		w.timer.Reset(left)
	}
	w.due = deadline
	return w.timer.C
}
