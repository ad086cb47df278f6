package pop3

import (
	"sync"
	"time"
)

// pulse calls a function again and again while the server pump is busy with something that may take long. What the function
// uses belongs to it from start to stop.
type pulse struct {
	mu      sync.Mutex // held while the function runs
	timer   *time.Timer
	stopped bool
}

// start has beat called after first, and then every so often until stop. It is called on a timer's goroutine, never twice at a
// time; its error, or its panic, ends the session.
func (p *pulse) start(s *session, first, every time.Duration, beat func() error) {
	p.mu.Lock() // the timer is set before a beat can use it
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(first, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.stopped {
			return
		}
		if err := s.guarded(beat); err != nil {
			p.stopped = true
			s.end(err)
			return
		}
		p.timer.Reset(every)
	})
}

// stop ends the beats, waiting for one in progress. A pulse that was never started is left alone; stopping again does nothing.
func (p *pulse) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	if p.timer != nil {
		p.timer.Stop()
	}
}
