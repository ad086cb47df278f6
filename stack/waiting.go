package stack

import (
	"os"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/waiter"
)

// waiting is how the calls in one direction of a connection wait for the netstack, within a deadline. Moving the deadline on costs no
// timer and wakes nobody: a timer that goes off early is wound up again.
type waiting struct {
	entry waiter.Entry
	ready chan struct{} // holds one: it may be worth trying again, or the deadline has been missed

	mu       sync.Mutex
	deadline time.Time   // zero for none; guarded by mu, like the rest
	waited   bool        // some call has waited: from now on the timer goes off by the deadline
	timer    *time.Timer // nil until it is needed
	due      time.Time   // when timer goes off; zero when it does not
}

// init has the queue of an endpoint tell of events.
func (w *waiting) init(wq *waiter.Queue, events waiter.EventMask) {
	w.entry, w.ready = waiter.NewChannelEntry(events)
	wq.EventRegister(&w.entry) // for good: the queue goes with the endpoint
}

// set moves the deadline.
func (w *waiting) set(t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.deadline = t; w.waited {
		w.windUpLocked()
	}
}

// missed says whether the deadline has passed.
func (w *waiting) missed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.missedLocked()
}

func (w *waiting) missedLocked() bool {
	return !w.deadline.IsZero() && time.Until(w.deadline) <= 0
}

// wait returns when it is worth trying again, or at the deadline, which the next call then tells of. One call at a time.
//
// Errors: os.ErrDeadlineExceeded.
func (w *waiting) wait() error {
	w.mu.Lock()
	if w.missedLocked() {
		w.mu.Unlock()
		return os.ErrDeadlineExceeded
	}
	w.waited = true
	w.windUpLocked()
	w.mu.Unlock()
	<-w.ready
	return nil
}

// windUpLocked makes sure that the timer goes off by the deadline.
func (w *waiting) windUpLocked() {
	if w.deadline.IsZero() || !w.due.IsZero() && !w.deadline.Before(w.due) {
		return
	}
	w.due = w.deadline
	switch left := time.Until(w.deadline); {
	case left <= 0:
		w.due = time.Time{}
		w.wake()
	case w.timer == nil:
		w.timer = time.AfterFunc(left, w.expire)
	default:
		w.timer.Reset(left)
	}
}

// expire is called when the timer goes off.
func (w *waiting) expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = time.Time{}
	w.windUpLocked()
}

// wake ends the wait in progress, or else the next one.
func (w *waiting) wake() {
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

// stop ends the use of the timer, which would keep a connection that is closed until it goes off.
func (w *waiting) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
	}
}
