package pop3

import (
	"sync"
	"time"
)

// pulse calls a function again and again while the server pump is busy with something that may take long. What the function
// uses belongs to it from start to stop. A pulse may be started anew once it is stopped, which costs no timer.
type pulse struct {
	s *session

	mu    sync.Mutex   // held while beat runs
	beat  func() error // nil while stopped
	every time.Duration
	due   time.Time // of the next beat
	timer *time.Timer
}

// start has beat called at first, and then every so often until stop. It is called on a timer's goroutine, never twice at a
// time; its error, or its panic, ends the session.
func (p *pulse) start(first time.Time, every time.Duration, beat func() error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beat, p.every, p.due = beat, every, first
	if left := time.Until(first); p.timer == nil {
		p.timer = time.AfterFunc(left, p.run)
	} else {
		p.timer.Reset(left)
	}
}

// run is called when the timer goes off, perhaps late: for what has been stopped since, or started anew.
func (p *pulse) run() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.beat == nil || time.Until(p.due) > 0 {
		return
	}
	if err := p.s.guarded(p.beat); err != nil {
		p.beat = nil
		p.s.end(err)
		return
	}
	p.due = time.Now().Add(p.every)
	p.timer.Reset(p.every)
}

// stop ends the beats, waiting for one in progress. Stopping again does nothing.
func (p *pulse) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beat = nil
	if p.timer != nil {
		p.timer.Stop()
	}
}
