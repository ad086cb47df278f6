package pop3

import (
	"bytes"
	"errors"
	"io"
	"os"
	"time"
)

// maxStatus bounds a status line; RFC 2449 section 4 has 512 octets, servers exceed it.
const maxStatus = 8 << 10

// lineStyle is how the server has ended its status lines so far.
type lineStyle struct{ crlf, lf bool }

// saw takes note of one status line.
func (l *lineStyle) saw(line []byte) {
	if bytes.HasSuffix(line, []byte("\r\n")) {
		l.crlf = true
	} else {
		l.lf = true
	}
}

// lfOnly says that the server has ended every status line in a bare LF.
func (l lineStyle) lfOnly() bool { return l.lf && !l.crlf }

// pumpReplies is the server pump: it answers the queue's commands in order and is the only writer towards the client.
func (s *session) pumpReplies() error {
	for {
		p, err := s.next()
		if err == nil {
			asked := s.asked
			s.said.command(asked.Sub(s.began), p)
			err = s.answer(p)
			if p.answer != answerSASL { // where client and server take turns
				s.serverTook(asked)
			}
		}
		if err == nil {
			err = s.settle()
		}
		// What comes next, if not already here, may take long: nothing is kept from the client meanwhile.
		if err != nil || len(s.queue.entries) == 0 || s.replies.Buffered() == 0 {
			if ferr := s.flush(); err == nil && !s.quitSent.Load() {
				err = ferr
			}
		}
		if err != nil {
			return err
		}
		s.active.Store(int64(time.Since(s.began)))
		s.queue.finish(p)
	}
}

// next returns the next outstanding command, and sets asked. While there is none it waits for the server, which may close, and has nothing
// to say. It is the reply that wakes it to a command sent upstream; whoever has something else for it nudges.
func (s *session) next() (*pending, error) {
	for waited := false; ; waited = true {
		inputEnded := closed(s.inputEnd) // before the queue is looked at: nothing is pushed after it
		if closed(s.done) {
			return nil, errOver
		}
		answering := waited && len(s.queue.entries) > 0 // it would be, had its reply been quicker than the end
		if closed(s.draining) && !s.quitSent.Load() && !answering {
			return nil, errDrained
		}
		select {
		case p := <-s.queue.entries:
			if s.asked = p.pushed; !waited { // the client has waited for other replies until now
				s.asked = time.Now()
			}
			return p, nil
		default:
		}
		if s.replies.Buffered() > 0 {
			return nil, ErrUnsolicited
		}
		if inputEnded && !s.quitSent.Load() && !s.halfClosed.Load() {
			return nil, errOver // the server cannot be told otherwise
		}
		if err := s.await(inputEnded); err != nil && len(s.queue.entries) == 0 {
			return nil, err
		}
	}
}

// await waits until there is something new for next: octets of the server, a nudge, or time to look whether it owes a reply.
func (s *session) await(inputEnded bool) error {
	within := min(s.cfg.Reply, s.cfg.Silence) // no reply has to come sooner
	if inputEnded {
		within = closeWait
	}
	s.server.patience = 0
	if !s.server.waitWithin(within) {
		return nil
	}
	err := s.awaitServer()
	switch late := errors.Is(err, os.ErrDeadlineExceeded); {
	case s.server.waited(), err == nil, late && !inputEnded:
		return nil
	case late, errors.Is(err, io.EOF):
		return errOver
	}
	return serverError(err)
}

// expect waits for the first octet of a reply, within a time from asked on.
func (s *session) expect(within time.Duration) error {
	if s.replies.Buffered() == 0 {
		s.server.patience = 0
		s.server.readBy(s.asked.Add(within))
		if _, err := s.replies.Peek(1); err != nil {
			return serverError(err)
		}
	}
	s.server.patience = s.cfg.Silence
	return nil
}

// replyLine returns the next line of the server, which is valid until the next read.
func (s *session) replyLine(within time.Duration, limit int) ([]byte, error) {
	if err := s.expect(within); err != nil {
		return nil, err
	}
	line, err := readLine(s.replies, limit)
	if err != nil {
		return nil, serverError(err)
	}
	return line, nil
}

// status returns the next status line, valid until the next read, and whether it is a positive one (RFC 1939 section 3).
func (s *session) status(within time.Duration) (line []byte, ok bool, err error) {
	line, err = s.replyLine(within, maxStatus)
	if err != nil {
		return nil, false, err
	}
	ok, err = s.verdictOf(line)
	return line, ok, err
}

// verdictOf reads a status line.
func (s *session) verdictOf(line []byte) (ok bool, err error) {
	s.style.saw(line)
	s.noteReply('S', line)
	switch {
	case bytes.HasPrefix(line, []byte("+OK")):
		return true, nil
	case bytes.HasPrefix(line, []byte("-ERR")):
		return false, nil
	default:
		return false, ErrMalformedReply
	}
}

// answer answers one command.
func (s *session) answer(p *pending) error {
	switch p.answer {
	case answerLocal:
		s.noteReply('G', []byte(p.local))
		if err := s.send([]byte(p.local)); err != nil {
			return err
		}
		if p.last {
			return ErrTooManyBad
		}
		return nil
	case answerGreeting:
		return s.answerGreeting()
	case answerSASL:
		return s.answerSASL(p)
	case answerSTLS:
		return s.answerSTLS(p)
	case answerMessage, answerTopFields:
		return s.answerMessage(p)
	case answerCount:
		return s.count(p.drop)
	case answerMerged:
		return s.answerMerged(p)
	case answerReleased:
		return s.answerReleased(p)
	}
	line, ok, err := s.status(s.cfg.Reply)
	if err != nil {
		return err
	}
	if ok && (p.answer == answerCAPA || p.answer == answerMechs) {
		return s.filtered(p, line)
	}
	if ok && p.answer == answerQuit {
		line = s.consume(p.drop, line)
	}
	err = s.send(line)
	switch {
	case p.answer == answerQuit:
		return nil // the server has taken QUIT; whether the client waits for it is the client's affair
	case err != nil:
		return err
	case p.answer == answerLogin && ok:
		if p.accepted = !s.authed.Swap(true); p.accepted {
			s.account.Store(&p.account)
		}
	case p.answer == answerLines && ok:
		f := newFramer(s.style.lfOnly())
		if err := s.readBody(f, s.listing(p.verb)); err != nil {
			return err
		}
		return s.send(f.end)
	case p.verb == cmdUIDL && ok:
		s.uids.add(bytes.TrimPrefix(line, []byte("+OK ")))
	}
	return nil
}

// readBody reads a multi-line reply to its end, or to the error of out, after which it can be read on with another sink.
func (s *session) readBody(f *framer, out sink) error {
	for {
		if s.replies.Buffered() == 0 {
			if _, err := s.replies.Peek(1); err != nil {
				return serverError(err)
			}
		}
		chunk, _ := s.replies.Peek(s.replies.Buffered()) // what is buffered is there
		n, done, err := f.feed(chunk, out)
		_, _ = s.replies.Discard(n) // n octets were peeked at, so they are there
		if err != nil {
			return err
		}
		if done {
			return nil
		}
	}
}

// send writes p towards the client.
func (s *session) send(p []byte) error {
	_, err := s.out.Write(p)
	return clientError(err)
}

func (s *session) flush() error { return clientError(s.out.Flush()) }

// clientError names a failed write to the client.
func clientError(err error) error {
	if err == nil {
		return nil
	}
	return &lost{side: "client", err: err}
}

// closed says whether c, on which nothing is sent, is closed.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
