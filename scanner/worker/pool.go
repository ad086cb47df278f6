package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// ErrClosed is returned by Pool.Ask after Close.
var ErrClosed = errors.New("the workers have been sent away")

// Question is what a worker is asked. scanner/yara's is one.
type Question interface {
	// Request returns the message, of 1 to MaxRequest octets, and the file that goes beside it, or nil. It borrows neither: both
	// stay as they are until Ask returns.
	Request() (message []byte, file *os.File)

	// Accept reads the answer, which it borrows. An error says that no honest worker would answer so; the worker is killed.
	Accept(answer []byte) error
}

// Config says what workers a Pool has.
type Config struct {
	Program Program
	Workers int                  // at least one
	Prepare func(*Process) error // makes a worker that has just started ready for questions, in the thread that Program confines; nil: it is ready
	Log     *slog.Logger
}

// Pool is a number of workers. It is safe for concurrent use.
type Pool struct {
	program Program
	prepare func(*Process) error
	tally   *Tally // the program's
	log     *slog.Logger

	asking  sync.RWMutex // read-locked by each question, locked by Close
	closed  chan struct{}
	closing sync.Once
	running sync.WaitGroup // of supervise

	idle chan *slot // the slots that are listed

	mu      sync.Mutex
	slots   []*slot       // the fields of each guarded by mu
	fault   error         // why starts fail; nil once one does not; guarded by mu
	changed chan struct{} // closed, and replaced, when fault is set; guarded by mu
}

// slot is the place of one worker, and of those that follow it. It is listed when its worker is there and nobody asks it.
type slot struct {
	process *Process // nil while there is none
	held    bool     // somebody asks it
	listed  bool     // it is in Pool.idle
}

// Start starts the workers and waits until one is ready. The caller closes the pool.
//
// Errors: that of a start that failed while there was no worker.
func Start(c Config) (*Pool, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Workers < 1 {
		return nil, fmt.Errorf("a pool of %d workers", c.Workers)
	}
	p := &Pool{
		program: c.Program, prepare: c.Prepare, tally: c.Program.Tally, log: c.Log,
		closed: make(chan struct{}), idle: make(chan *slot, c.Workers), changed: make(chan struct{}),
	}
	for range c.Workers {
		s := &slot{}
		p.slots = append(p.slots, s)
		p.running.Go(func() { p.supervise(s) }) // ends with Close
	}
	s, process, err := p.take(context.Background())
	if err != nil {
		p.Close()
		return nil, err
	}
	p.giveBack(s, process, true)
	return p, nil
}

// Pauses between starts that fail, from the second one on.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// supervise keeps a worker in s until the pool closes.
func (p *Pool) supervise(s *slot) {
	unconfined := p.program.lockThread()
	pause := time.Duration(0)
	for {
		process, err := p.ready(unconfined)
		if err != nil {
			p.failed(err, pause > 0) // once may be an accident, such as a kill
			select {
			case <-time.After(pause):
			case <-p.closed:
				return
			}
			pause = min(max(firstPause, 2*pause), lastPause)
			continue
		}
		pause = 0
		p.mu.Lock()
		s.process, p.fault = process, nil
		p.offerLocked(s)
		p.mu.Unlock()
		select {
		case <-p.closed: // Close may not have seen it
			process.Kill()
		default:
		}
		how := process.end()
		p.mu.Lock()
		idle := s.process == process && !s.held // else it is counted by who asks it
		if s.process == process {
			s.process = nil
		}
		p.mu.Unlock()
		select {
		case <-p.closed:
			return
		default:
		}
		if idle {
			p.tally.lost.Add(1)
		}
		p.log.Warn("a worker has ended, another takes its place", "worker", p.program.Args, "how", how)
	}
}

// ready returns a new worker that has been prepared. unconfined says why there can be none from this thread.
func (p *Pool) ready(unconfined error) (*Process, error) {
	if unconfined != nil {
		return nil, unconfined
	}
	process, err := p.program.start()
	if err != nil {
		return nil, err
	}
	if p.prepare == nil {
		return process, nil
	}
	if err := p.prepare(process); err != nil {
		process.Kill()
		return nil, fmt.Errorf("preparing a worker: %w: %s", err, process.end())
	}
	return process, nil
}

// failed counts a start that has failed, and tells who waits if it is not the first in its place.
func (p *Pool) failed(err error, again bool) {
	p.tally.failed.Add(1)
	if !again {
		return
	}
	p.mu.Lock()
	first := p.fault == nil
	p.fault = err
	close(p.changed)
	p.changed = make(chan struct{})
	p.mu.Unlock()
	if first {
		p.log.Error("no worker can be started; it is tried again", "worker", p.program.Args, "error", err)
	}
}

// offerLocked lists s if it has a worker that nobody asks. p.mu is held.
func (p *Pool) offerLocked(s *slot) {
	if s.process != nil && !s.held && !s.listed {
		s.listed = true
		p.idle <- s // has room: no slot is in it twice
	}
}

// take returns a worker to ask. giveBack must follow.
//
// Errors: ErrClosed; those of ctx, wrapped; why workers cannot be started, when there is none.
func (p *Pool) take(ctx context.Context) (*slot, *Process, error) {
	for {
		p.mu.Lock()
		fault, changed := p.faultLocked(), p.changed
		p.mu.Unlock()
		if fault != nil {
			return nil, nil, fault
		}
		select {
		case s := <-p.idle:
			p.mu.Lock()
			s.listed = false
			process := s.process
			s.held = process != nil
			p.mu.Unlock()
			if process != nil { // else it has ended since it was listed
				return s, process, nil
			}
		case <-changed:
		case <-p.closed:
			return nil, nil, ErrClosed
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("waiting for a worker: %w", ctx.Err())
		}
	}
}

// faultLocked returns why there is no worker, nil when there is one or one is on its way. p.mu is held.
func (p *Pool) faultLocked() error {
	for _, s := range p.slots {
		if s.process != nil {
			return nil
		}
	}
	return p.fault
}

// giveBack ends what take began. A worker that is of no use any more is killed.
func (p *Pool) giveBack(s *slot, process *Process, usable bool) {
	if !usable {
		process.Kill()
	}
	p.mu.Lock()
	s.held = false
	switch {
	case usable && s.process != process: // it has ended since it answered
		p.tally.lost.Add(1)
	case !usable && s.process == process:
		s.process = nil
	}
	p.offerLocked(s)
	p.mu.Unlock()
}

// Ask has a worker answer q, waiting for one while all are asked. Where the worker ends, or its answer is not accepted, another one
// is asked, once.
//
// Errors: those of ctx, wrapped, when its time is up; ErrClosed; that workers fail on q, or cannot be started.
func (p *Pool) Ask(ctx context.Context, q Question) error {
	p.asking.RLock()
	defer p.asking.RUnlock()
	select {
	case <-p.closed: // while it closes, there may still be idle workers
		return ErrClosed
	default:
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("asking a worker: %w", err)
	}
	request, file := q.Request()
	if len(request) == 0 || len(request) > MaxRequest {
		return fmt.Errorf("a question of %d octets", len(request))
	}
	for again := false; ; {
		s, process, err := p.take(ctx)
		if err != nil {
			return err
		}
		answer, err := process.Ask(ctx, request, file)
		if err == nil {
			err = q.Accept(answer)
		}
		p.giveBack(s, process, err == nil)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errUnread):
			p.tally.lost.Add(1)
			continue
		case errors.Is(err, errLate):
			p.tally.late.Add(1)
			return fmt.Errorf("%w: %w", err, ctx.Err())
		case errors.Is(err, errEnded):
			p.tally.crashed.Add(1)
		default:
			p.tally.rejected.Add(1)
		}
		if again {
			return fmt.Errorf("asked twice: %w", err)
		}
		again = true
		p.tally.repeated.Add(1)
	}
}

// Health says how many workers there are, how they are confined as they say themselves, and when there is none, why.
func (p *Pool) Health() (workers int, hello string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.slots {
		if s.process != nil {
			workers++
			hello = s.process.hello
		}
	}
	return workers, hello, p.faultLocked()
}

// Close waits for the questions being answered, then ends the workers. Calling it again does nothing.
func (p *Pool) Close() {
	p.closing.Do(func() {
		p.asking.Lock()
		close(p.closed)
		p.asking.Unlock()
		p.mu.Lock()
		for _, s := range p.slots {
			if s.process != nil {
				s.process.Kill()
			}
		}
		p.mu.Unlock()
	})
	p.running.Wait()
}
