package pop3

import (
	"errors"
	"io"
	"os"
	"time"
)

// startTLS sends STLS on and waits for its answer; opaque says that what follows is not the relay's to read (RFC 2595
// section 4).
func (s *session) startTLS(c *command) (opaque bool, err error) {
	p := &pending{answer: answerSTLS, early: s.in.Buffered() > 0, turns: make(chan turn, 1)}
	if err := s.forward(c, p); err != nil {
		return false, err
	}
	select {
	case t := <-p.turns:
		return t == turnOpaque, nil
	case <-s.done:
		return false, errOver
	}
}

// answerSTLS relays the reply to STLS. After +OK both directions are opaque, unless one of them already holds plain text
// beyond the switch: read by either end as if it had come under TLS, that would be an injection.
func (s *session) answerSTLS(p *pending) error {
	line, ok, err := s.status(s.cfg.Reply)
	if err != nil {
		return err
	}
	if !ok {
		if err := s.send(line); err != nil {
			return err
		}
		p.turns <- turnCommand
		return nil
	}
	if p.early || s.replies.Buffered() > 0 {
		return ErrInjection
	}
	if err := s.send(line); err != nil {
		return err
	}
	if err := s.flush(); err != nil {
		return err
	}
	s.relay.counters.opaqueFlows.Add(1)
	s.unscanned(UnscannedTLS)
	p.turns <- turnOpaque
	return s.copyToClient()
}

// copyToServer is the client pump of an opaque session.
func (s *session) copyToServer() error {
	defer close(s.opaqueEnd)
	err := s.copyOpaque(s.server, s.client, s.in)
	if err == nil {
		s.gone = true
	}
	return err
}

// copyToClient is the server pump of an opaque session. It ends the session once both directions have ended.
func (s *session) copyToClient() error {
	s.server.patience = 0
	s.enter(Opaque, 0, time.Now())
	if err := s.copyOpaque(s.client, s.server, s.replies); err != nil {
		return err
	}
	select {
	case <-s.opaqueEnd:
	case <-s.done:
	}
	return errOver
}

// copyOpaque copies from one leg, whose reader is r, to the other until its end, which it passes on.
func (s *session) copyOpaque(to, from *leg, r io.Reader) error {
	buf := make([]byte, serverBuffer)
	for {
		from.readWithin(s.cfg.Idle)
		n, err := r.Read(buf)
		if n > 0 {
			s.active.Store(int64(time.Since(s.began)))
			s.relay.counters.opaqueOctets.Add(uint64(n))
			if _, werr := to.Write(buf[:n]); werr != nil {
				return &lost{side: s.sideOf(to), err: werr}
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			if !to.closeWrite() {
				return errOver
			}
			return nil
		case closed(s.draining):
			return errDrained
		case errors.Is(err, os.ErrDeadlineExceeded):
			if s.quiet() >= s.cfg.Idle {
				return ErrClientIdle
			}
		default:
			return &lost{side: s.sideOf(from), err: err}
		}
	}
}

func (s *session) sideOf(l *leg) string {
	if l == s.client {
		return "client"
	}
	return "server"
}
