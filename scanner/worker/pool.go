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

// ErrClosed is returned by Pool.Ask and AskAll after Close.
var ErrClosed = errors.New("the workers have been sent away")

// Question is what a worker is asked. scanner/yara's is one.
type Question interface {
	// Request returns the request, of 1 to MaxRequest octets, and the file that goes beside it, or nil. It borrows neither: both
	// stay as they are until Ask returns. It is called more than once.
	Request() (request []byte, file *os.File)

	// Accept reads the answer, which it borrows. An error says that no honest worker would answer so; the worker is killed. It is called
	// again where the question is put again, and in another goroutine than Ask, before that returns.
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

	asking  sync.RWMutex // read-locked by each call of AskAll, locked by Close
	closed  chan struct{}
	closing sync.Once
	running sync.WaitGroup // of supervise
	errands sync.Pool      // of *errand, for newErrand

	mu      sync.Mutex
	slots   []*slot   // the fields of each guarded by mu
	waiting []*errand // for a worker, the one waiting longest first; none while there is one that nobody asks; guarded by mu
	fault   error     // why starts fail; nil once one does not; guarded by mu
}

// slot is the place of one worker, and of those that follow it.
type slot struct {
	process *Process // nil while there is none
	held    bool     // somebody asks it
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
		closed: make(chan struct{}),
	}
	for range c.Workers {
		s := &slot{}
		p.slots = append(p.slots, s)
		p.running.Go(func() { p.supervise(s) }) // ends with Close
	}
	first := p.newErrand()
	defer p.release(first)
	if err := p.take(context.Background(), first); err != nil {
		p.Close()
		return nil, err
	}
	p.giveBack(first.slot, first.process, true)
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
		p.offerLocked()
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
	if p.faultLocked() != nil {
		p.sendAwayLocked(err)
	}
	p.mu.Unlock()
	if first {
		p.log.Error("no worker can be started; it is tried again", "worker", p.program.Args, "error", err)
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
	p.offerLocked()
	p.mu.Unlock()
}

// Ask is AskAll for one question.
func (p *Pool) Ask(ctx context.Context, q Question) error {
	if errs := p.AskAll(ctx, []Question{q}); errs != nil {
		return errs[0]
	}
	return nil
}

// AskAll has a worker answer questions, 1 to MaxTogether of at most MaxRequest octets together and one alone if it has a file, waiting for it
// while all are asked. It returns nil when all have accepted their answers, otherwise an error or nil for each.
//
// They go in one message, and other questions that wait for a worker go with them. Where a message of several comes to nothing, or is
// not answered to its end in time, each of them is asked again alone; so is one that was alone, unless it was its time that was up.
//
// Errors: those of ctx, wrapped, when its time is up; ErrClosed; that workers fail on the question, or cannot be started.
func (p *Pool) AskAll(ctx context.Context, questions []Question) []error {
	p.asking.RLock()
	defer p.asking.RUnlock()
	e := p.newErrand()
	defer p.release(e)
	err := p.admit(ctx)
	if err == nil {
		err = e.load(questions)
	}
	if err == nil {
		err = p.run(ctx, e)
	}
	if err == nil && e.failed == nil && e.answered == len(questions) {
		return nil
	}
	errs, failed := make([]error, len(questions)), false
	for i := range errs {
		switch {
		case err != nil:
			errs[i] = err
		case e.failed != nil || i >= e.answered:
			errs[i] = p.askAgain(ctx, e, questions[i:i+1])
		}
		failed = failed || errs[i] != nil
	}
	if !failed {
		return nil
	}
	return errs
}

// admit says whether questions are asked at all.
func (p *Pool) admit(ctx context.Context) error {
	select {
	case <-p.closed: // while it closes, there may still be workers
		return ErrClosed
	default:
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("asking a worker: %w", err)
	}
	return nil
}

// askAgain asks a question that was part of e once more.
func (p *Pool) askAgain(ctx context.Context, e *errand, question []Question) error {
	if !e.several && errors.Is(e.failed, errLate) {
		return fmt.Errorf("%w: %w", e.failed, ctx.Err())
	}
	p.tally.repeated.Add(1)
	again := p.newErrand()
	defer p.release(again)
	if err := again.load(question); err != nil {
		return err
	}
	again.alone = true
	switch err := p.run(ctx, again); {
	case err != nil:
		return err
	case errors.Is(again.failed, errLate):
		return fmt.Errorf("%w: %w", again.failed, ctx.Err())
	case again.failed != nil:
		return fmt.Errorf("asked twice: %w", again.failed)
	}
	return nil
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
