package scanner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// Bounds on what is done about a mail while it still arrives.
const (
	earlyFrom  = 512 << 10   // octets there are of a mail before any engine is told of it: a small one is there at once
	earlyChunk = 64 << 10    // octets that are read at once, and between two times an engine is woken
	earlyPause = time.Second // without so many octets more, after which an engine is no longer kept waiting
)

// Streamer is an Engine that can look at the whole mail while that still arrives, so that its answer is there soon after the last
// octet. scanner/clamd is one.
//
// Begin does not wait for others, is safe for concurrent use, and returns an error where the engine would rather be asked about the
// whole mail later, as any other is. What it returns ends soon after ctx does.
type Streamer interface {
	Engine
	Begin(ctx context.Context) (Stream, error)
}

// Stream is one mail that an engine is shown as it arrives. It belongs to one goroutine, which calls Close in the end.
type Stream interface {
	io.Writer                  // takes the mail's octets in their order, borrowed until it returns; after an error there is nothing left to do but Finish or Close
	Finish() (Findings, error) // the mail was whole: what Engine.Scan would return for it
	io.Closer                  // calls it off, if Finish has not returned yet
}

// Early is what engines do about a mail while it still arrives. It is a help and no verdict: Scan takes an engine's answer from here
// where there is one, and asks otherwise. A nil Early does nothing.
//
// Each Streamer has a goroutine, which reads what has arrived at its own pace from where that is kept: whoever receives the mail
// waits for no engine, and an engine that is slow is shown the rest when all is there. They end with the answer, when octets come
// too slowly to keep an engine waiting, and with Close.
type Early struct {
	scanner *Scanner
	mail    io.ReaderAt
	ctx     context.Context
	cancel  context.CancelFunc // nil before there is enough of the mail

	told  int64       // the size at which the engines were woken last; its owner's
	shows []*earlyOne // one per Streamer, none before there is enough of the mail; its owner's

	size  atomic.Int64
	whole atomic.Bool // size is the mail's
}

// earlyOne is one engine and what it said.
type earlyOne struct {
	streamer Streamer
	grown    chan struct{} // has one when there is more of the mail, or it is whole
	done     chan struct{} // closed when findings and err are set
	findings Findings
	err      error
}

// errSlow is why no answer was given early.
var errSlow = errors.New("the mail arrives too slowly")

// Early returns what engines will do about a mail that begins to arrive, nil where none can. mail is that mail: it need not be
// complete, may be read by several at once while it grows, and must be readable until Close.
func (s *Scanner) Early(ctx context.Context, mail io.ReaderAt) *Early {
	for _, e := range s.engines {
		if _, ok := e.(Streamer); ok {
			return &Early{scanner: s, mail: mail, ctx: ctx}
		}
	}
	return nil
}

// Early is Scanner.Early of the judge's scanner.
func (j *Judge) Early(ctx context.Context, mail io.ReaderAt) *Early {
	return j.scanner.Early(ctx, mail)
}

// Grow says that there are size octets of the mail now. It waits for nothing. It is not called while another call of it is under way,
// nor once Scan has been given the mail.
func (e *Early) Grow(size int64) {
	if e == nil || size < earlyFrom || size-e.told < earlyChunk {
		return
	}
	e.told = size
	e.size.Store(size)
	if e.cancel == nil {
		e.begin()
	}
	e.wake()
}

// begin starts the engines.
func (e *Early) begin() {
	e.ctx, e.cancel = context.WithCancel(e.ctx)
	for _, engine := range e.scanner.engines {
		if streamer, ok := engine.(Streamer); ok {
			one := &earlyOne{streamer: streamer, grown: make(chan struct{}, 1), done: make(chan struct{})}
			e.shows = append(e.shows, one)
			go e.show(one) // ends with the answer, the pace of the mail, or Close
		}
	}
}

func (e *Early) wake() {
	for _, one := range e.shows {
		select {
		case one.grown <- struct{}{}:
		default: // it has not looked since
		}
	}
}

// complete says that the mail is whole.
func (e *Early) complete(size int64) {
	if e == nil {
		return
	}
	e.size.Store(size)
	e.whole.Store(true)
	e.wake()
}

// Close calls off what is still done, and returns when it has ended. Closing again does nothing.
func (e *Early) Close() {
	if e == nil || e.cancel == nil {
		return
	}
	e.cancel()
	for _, one := range e.shows {
		<-one.done
	}
}

// show has an engine look at the mail. A panic is the engine's error.
func (e *Early) show(one *earlyOne) {
	defer close(one.done)
	defer func() {
		if p := recover(); p != nil {
			e.scanner.log.Warn("panic in an engine", "engine", one.streamer.Name(), "kind", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			one.findings, one.err = nil, errors.New("panic")
		}
	}()
	one.findings, one.err = e.stream(one)
}

func (e *Early) stream(one *earlyOne) (Findings, error) {
	stream, err := one.streamer.Begin(e.ctx)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	chunk := make([]byte, earlyChunk)
	patience := time.NewTimer(earlyPause)
	defer patience.Stop()
	for at := int64(0); ; {
		whole := e.whole.Load() // looked at first: the size is then the last there is
		size := e.size.Load()
		switch {
		case size > e.scanner.limits.Message:
			return nil, ErrTooLarge // it will not be looked into
		case at < size:
			n, err := e.mail.ReadAt(chunk[:min(earlyChunk, size-at)], at)
			if at += int64(n); err != nil && (at < size || !errors.Is(err, io.EOF)) {
				return nil, err
			}
			if _, err := stream.Write(chunk[:n]); err != nil {
				return stream.Finish() // it may have an answer all the same
			}
			continue
		case whole:
			return stream.Finish()
		}
		patience.Reset(earlyPause)
		select {
		case <-one.grown:
		case <-patience.C:
			return nil, errSlow
		case <-e.ctx.Done():
			return nil, e.ctx.Err()
		}
	}
}

// shownAny says whether any engine has been shown the mail, or begun to be.
func (e *Early) shownAny() bool { return e != nil && len(e.shows) > 0 }

// shown says whether engine has.
func (e *Early) shown(engine Engine) bool { return e.of(engine) != nil }

// of returns what is done by engine, nil for nothing.
func (e *Early) of(engine Engine) *earlyOne {
	if e != nil {
		for _, one := range e.shows {
			if one.streamer == engine {
				return one
			}
		}
	}
	return nil
}

// answer waits for what an engine says of the mail, until ctx ends. given is false where it says nothing, and is to be asked.
func (e *Early) answer(ctx context.Context, engine Engine) (findings Findings, given bool, err error) {
	one := e.of(engine)
	if one == nil {
		return nil, false, nil
	}
	select {
	case <-one.done:
	default:
		select {
		case <-one.done:
		case <-ctx.Done():
			return nil, true, ctx.Err()
		}
	}
	_, obstacle := errors.AsType[*Obstacle](one.err)
	return one.findings, one.err == nil || obstacle, one.err
}
