package clamd

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"mirrorgw/scanner"
)

// errNoTurn is why a mail is asked about once it is there, as a part is.
var errNoTurn = errors.New("clamd: no turn is free")

// Begin implements scanner.Streamer: it asks the daemon that answered last about a mail that still arrives. Of the questions that may
// be asked at once, half at most are of this kind, and none waits for its turn: mails that arrive slowly keep no other from being
// judged. One that fails is asked again as a part is.
//
// Errors: errNoTurn, ErrDown, those of connecting.
func (e *Engine) Begin(ctx context.Context) (scanner.Stream, error) {
	if e.breaker.open() {
		return nil, ErrDown
	}
	select {
	case e.early <- struct{}{}:
	default:
		return nil, errNoTurn
	}
	var buf *buffer
	select {
	case buf = <-e.buffers:
	default:
		<-e.early
		return nil, errNoTurn
	}
	if buf == nil {
		buf = new(buffer)
	}
	a := &arriving{engine: e, question: question{buf: buf}}
	at := e.first.Load()
	conn, err := e.dial(ctx, e.daemons[at])
	if err != nil {
		a.giveBack()
		return nil, err
	}
	a.daemon, a.conn = e.daemons[at].name, conn
	a.hangUp = sync.OnceFunc(func() { conn.Close() })
	a.stop = context.AfterFunc(ctx, a.hangUp)
	e.counted.early.Add(1)
	a.failed = a.begin()
	return a, nil
}

// arriving is a question about a mail that still arrives. It is a scanner.Stream.
type arriving struct {
	engine *Engine
	daemon string
	question
	hangUp func()
	stop   func() bool // ends the wait of hangUp for the context
	failed error       // of sending

	answered, closed bool
}

// Write implements scanner.Stream.
func (a *arriving) Write(p []byte) (n int, err error) {
	for n < len(p) && a.failed == nil {
		m := copy(a.buf[4+a.n:], p[n:])
		n += m
		if a.n += m; a.n == chunkSize {
			a.failed = a.send()
		}
	}
	return n, a.failed
}

// Finish implements scanner.Stream.
func (a *arriving) Finish() (scanner.Findings, error) {
	var reply, name string
	err := a.failed
	if err == nil && a.n > 0 {
		err = a.send()
	}
	if err == nil {
		reply, err = a.end()
	} else {
		reply, err = a.late(err)
	}
	if err == nil {
		name, err = verdict(reply)
	}
	if _, obstacle := errors.AsType[*scanner.Obstacle](err); err == nil || obstacle {
		a.answered = true
		a.engine.breaker.succeeded()
		return findings("", name, err)
	}
	return nil, fmt.Errorf("clamd: %s: %w", a.daemon, err)
}

// Close implements scanner.Stream.
func (a *arriving) Close() error {
	if !a.closed {
		a.closed = true
		if !a.answered {
			a.engine.counted.earlyLost.Add(1)
		}
		a.stop()
		a.hangUp()
		a.giveBack()
	}
	return nil
}

// giveBack ends its turn.
func (a *arriving) giveBack() {
	a.engine.buffers <- a.buf
	<-a.engine.early
}
