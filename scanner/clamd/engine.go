package clamd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"mirrorgw/scanner"
)

// A daemon that restarts is away for some seconds. A question is asked anew within askAgain of the first time, pauses apart.
const askAgain = 10 * time.Second

// pauses returns how long to wait before the second and the third time. A daemon that is back within five seconds is asked once more.
func pauses() []time.Duration { return []time.Duration{time.Second, 4500 * time.Millisecond} }

// Engine asks clamd. It is a scanner.Engine.
type Engine struct {
	daemons []daemon
	first   atomic.Int32 // index of the daemon to ask first: the one that answered last
	message int64
	connect func(ctx context.Context, network, address string) (net.Conn, error)
	log     *slog.Logger

	buffers chan *buffer  // one token per question that may be asked at once; nil for a buffer not made yet
	early   chan struct{} // holds one for each question about a mail that still arrives
	breaker breaker
	counted counted

	checking sync.Mutex // held by Check: one at a time
	mu       sync.Mutex
	health   Health // as of the last check; guarded by mu
}

// New returns an engine and connects to nothing. Errors: what is wrong with an address.
func New(c Config) (*Engine, error) {
	list, err := daemons(c.Addresses)
	if err != nil {
		return nil, err
	}
	if c.Parallel <= 0 {
		c.Parallel = DefaultParallel
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{}).DialContext
	}
	e := &Engine{daemons: list, message: c.Message, connect: c.Dial, log: c.Log, buffers: make(chan *buffer, c.Parallel), early: make(chan struct{}, c.Parallel/2)}
	for range c.Parallel {
		e.buffers <- nil
	}
	return e, nil
}

// Name implements scanner.Engine.
func (e *Engine) Name() string { return Name }

// Scan implements scanner.Engine. It waits while as many questions as may be asked at once are, and asks up to three times
// within ten seconds while no daemon answers.
//
// Errors: *scanner.Obstacle where clamd cannot see all of the part; ErrDown; those of ctx; what a daemon answered that is no verdict.
func (e *Engine) Scan(ctx context.Context, part *scanner.Part) (scanner.Findings, error) {
	var buf *buffer
	select {
	case buf = <-e.buffers:
	case <-ctx.Done():
		return nil, fmt.Errorf("clamd: waiting for a turn: %w", ctx.Err())
	}
	if buf == nil {
		buf = new(buffer)
	}
	defer func() { e.buffers <- buf }()
	if !e.breaker.admit() {
		e.counted.refused.Add(1)
		return nil, ErrDown
	}
	name, err := e.askOften(ctx, part, buf)
	return findings(part.Path, name, err)
}

// findings returns what a verdict, or none, means for the part at path.
func findings(path, name string, err error) (scanner.Findings, error) {
	switch obstacle, ok := errors.AsType[*scanner.Obstacle](err); {
	case ok:
		return nil, obstacle
	case err != nil:
		return nil, fmt.Errorf("clamd: %w", err)
	case name != "":
		return scanner.Findings{{Engine: Name, Rule: name, Part: path}}, nil
	default:
		return nil, nil
	}
}

// askOften asks until there is a verdict or trying again is of no use.
func (e *Engine) askOften(ctx context.Context, part *scanner.Part, buf *buffer) (name string, err error) {
	began := time.Now()
	for _, pause := range append(pauses(), 0) {
		name, err = e.ask(ctx, part, buf)
		if _, obstacle := errors.AsType[*scanner.Obstacle](err); err == nil || obstacle {
			e.breaker.succeeded()
			return name, err
		}
		e.counted.failures.Add(1)
		if pause == 0 || time.Since(began)+pause > askAgain || !wait(ctx, pause) {
			break
		}
		e.counted.repeated.Add(1)
	}
	// A client that has gone says nothing of the daemon, nor does a mail whose time was spent before.
	if ctx.Err() == nil || errors.Is(ctx.Err(), context.DeadlineExceeded) && time.Since(began) >= writeTime {
		if e.breaker.failed() {
			e.counted.opened.Add(1)
			e.log.Warn("clamd does not answer, and is asked less often for now", "error", err)
		}
	}
	return "", err
}

// ask asks the first daemon that can be connected to. One that cannot, or gives no verdict, is not asked first the next time.
func (e *Engine) ask(ctx context.Context, part *scanner.Part, buf *buffer) (name string, err error) {
	first := int(e.first.Load())
	for i := range e.daemons {
		at := (first + i) % len(e.daemons)
		conn, dialled := e.dial(ctx, e.daemons[at])
		if dialled != nil {
			err = errors.Join(err, dialled)
			continue
		}
		if at != first && e.first.CompareAndSwap(int32(first), int32(at)) {
			e.counted.failOvers.Add(1)
		}
		e.counted.asked.Add(1)
		reply, err := stream(ctx, conn, part.Reader(), buf)
		if err == nil {
			name, err = verdict(reply)
		}
		if _, obstacle := errors.AsType[*scanner.Obstacle](err); err == nil || obstacle {
			return name, err
		}
		e.first.CompareAndSwap(int32(at), int32((at+1)%len(e.daemons)))
		return "", fmt.Errorf("%s: %w", e.daemons[at].name, err)
	}
	return "", err
}

// wait returns after a pause, false when ctx has ended before.
func wait(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Counters of an Engine.
type Counters struct {
	Asked     uint64 // questions that reached a daemon, those of the checks not counted
	Failures  uint64 // times no daemon gave a verdict
	Repeated  uint64 // questions asked once more after that
	FailOvers uint64 // times another daemon than before was asked, since that one could not be connected to
	Opened    uint64 // times asking was given up for a few seconds
	Refused   uint64 // questions not asked for that reason
	Early     uint64 // questions begun while the mail still arrived
	EarlyLost uint64 // of those, the ones without a verdict: called off, or asked anew
}

type counted struct {
	asked, failures, repeated, failOvers, opened, refused, early, earlyLost atomic.Uint64
}

// Counters returns the counters as they stand.
func (e *Engine) Counters() Counters {
	c := &e.counted
	return Counters{c.asked.Load(), c.failures.Load(), c.repeated.Load(), c.failOvers.Load(), c.opened.Load(), c.refused.Load(), c.early.Load(), c.earlyLost.Load()}
}
