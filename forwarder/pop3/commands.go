package pop3

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Bad commands a client may send; the one that reaches the limit ends the session.
const (
	maxBadBeforeLogin = 5
	maxBad            = 20
)

// What the gateway answers to commands it does not send on.
const (
	refuseUnknown   = "-ERR unknown or malformed command\r\n"
	refuseTooLong   = "-ERR command line too long\r\n"
	refuseFeature   = "-ERR not available here\r\n"
	refuseMechanism = "-ERR authentication mechanism not available here\r\n"
	refuseDelete    = "-ERR message was not delivered and is kept\r\n"
)

// pumpCommands is the client pump: it reads commands, queues how each is answered, and sends on those it understands.
func (s *session) pumpCommands() error {
	opaque, err := s.awaitGreeting()
	switch {
	case err != nil:
		return err
	case opaque:
		return s.copyToServer()
	}
	for {
		line, err := s.readCommand()
		if err != nil {
			return s.inputFailed(err)
		}
		c, ok := parse(line)
		switch {
		case len(line) > maxCommand && (!ok || c.verb != cmdAUTH):
			err = s.refuseBad(refuseTooLong, false)
		case !ok:
			err = s.refuseBad(refuseUnknown, false)
		case c.verb == cmdQUIT:
			return s.quit(&c)
		case c.verb == cmdSTLS && s.cfg.STLS == Pass:
			var opaque bool
			if opaque, err = s.startTLS(&c); opaque {
				return s.copyToServer()
			}
		default:
			err = s.relayCommand(&c)
		}
		if err != nil {
			return err
		}
	}
}

// readCommand returns the next command line, waiting for it as long as the state of the session allows.
func (s *session) readCommand() ([]byte, error) {
	if err := s.awaitCommand(); err != nil {
		return nil, err
	}
	if s.authed.Load() {
		s.client.readWithin(s.cfg.Command)
	}
	return readLine(s.in, maxSASLLine)
}

// outstandingCheck is how often a client whose time is over, but who waits for a reply, is looked at again.
const outstandingCheck = time.Second

// awaitCommand waits for the first octet of a command.
func (s *session) awaitCommand() error {
	for {
		left := s.cfg.Idle - s.quiet()
		if !s.authed.Load() {
			left = s.loginLeft()
		}
		if s.queue.outstanding.Load() > 0 {
			left = max(left, outstandingCheck)
		}
		if left <= 0 {
			return os.ErrDeadlineExceeded
		}
		s.client.readWithin(left)
		if err := s.awaitClient(); !errors.Is(err, os.ErrDeadlineExceeded) || s.stopping() {
			return err
		}
	}
}

// quiet returns how long no reply has left.
func (s *session) quiet() time.Duration {
	return time.Since(s.began) - time.Duration(s.active.Load())
}

// loginLeft returns how much of Config.Login the client has left. Time in which it waits for the server is not its own.
func (s *session) loginLeft() time.Duration {
	return s.cfg.Login - time.Since(s.began) + time.Duration(s.served.Load())
}

// serverTook takes note that the client has waited for the server since asked.
func (s *session) serverTook(asked time.Time) {
	if !s.authed.Load() {
		s.served.Add(int64(time.Since(asked)))
	}
}

// inputFailed says what a failed read of a command means for the session; nil leaves the rest to the server pump.
func (s *session) inputFailed(err error) error {
	switch {
	case s.stopping():
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF): // half a command is none
		s.gone = true
		if s.queue.messages.Load() > 0 {
			return ErrClientLeft
		}
		s.halfClosed.Store(s.server.closeWrite())
		close(s.inputEnd)
		s.server.nudge()
		return nil
	case errors.Is(err, errLineTooLong):
		return s.refuseBad(refuseTooLong, true)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrClientIdle
	default:
		return &lost{side: "client", err: err}
	}
}

// refuseBad refuses what is no command; last ends the session with it, as does one too many.
func (s *session) refuseBad(text string, last bool) error {
	s.bad++
	if s.bad >= maxBadBeforeLogin && !s.authed.Load() && !s.queue.waitDrained(s.done) {
		return errOver // the login this one is pipelined behind was still under way
	}
	limit := maxBad
	if !s.authed.Load() {
		limit = maxBadBeforeLogin
	}
	if s.bad < limit && !last {
		return s.refuse(text)
	}
	s.relay.counters.refused.Add(1)
	if err := s.push(&pending{answer: answerLocal, local: text, last: true}); err != nil {
		return err
	}
	<-s.done // the server pump ends the session once the refusal has left
	return nil
}

// refuse queues an answer of the gateway's own, so that it keeps its place among the replies.
func (s *session) refuse(text string) error {
	s.relay.counters.refused.Add(1)
	return s.push(&pending{answer: answerLocal, local: text})
}

// push queues p. It fails only when the session has ended.
func (s *session) push(p *pending) error {
	if p.judged() && s.queue.outstanding.Load() == 0 { // the server pump waits for the server, and so sees it late
		s.enter(Downloading, p.message, time.Now())
	}
	if !s.queue.push(p, s.done) {
		return errOver
	}
	if !p.upstream() {
		s.server.nudge()
	}
	return nil
}

// forward queues p and sends c upstream, in this order: a reply never finds the queue without its command.
func (s *session) forward(c *command, p *pending) error {
	p.verb, p.message, p.lines = c.verb, c.message, c.lines
	if err := s.push(p); err != nil {
		return err
	}
	return s.toServer(c.line)
}

func (s *session) toServer(p []byte) error {
	s.upstream.Lock()
	_, err := s.server.Write(p)
	s.upstream.Unlock()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrServerSilent
	default:
		return &lost{side: "server", err: err}
	}
}

// relayCommand refuses a well-formed command or sends it on.
func (s *session) relayCommand(c *command) error {
	if s.drop != nil {
		if taken, err := s.toMaildrop(c); taken {
			return err
		}
	}
	p := &pending{answer: answerLine}
	switch c.verb {
	case cmdSTLS, cmdLANG, cmdUTF8:
		return s.refuse(refuseFeature)
	case cmdUSER, cmdAPOP:
		s.called(bounded(c.text))
		if c.verb == cmdAPOP {
			p.answer = answerLogin
			var who identity
			who.give(c.text)
			return s.logIn(c, p, who.sole())
		}
		s.users.give(c.text)
	case cmdPASS:
		p.answer = answerLogin
		return s.logIn(c, p, s.users.sole())
	case cmdCAPA:
		p.answer = answerCAPA
	case cmdLIST, cmdUIDL:
		if !c.argued {
			p.answer = answerLines
		}
	case cmdAUTH:
		return s.authenticate(c)
	case cmdDELE:
		kept, err := s.kept(c.message)
		if err != nil {
			return err
		}
		if kept {
			return s.refuse(refuseDelete)
		}
	case cmdRETR:
		p.answer = answerMessage
	case cmdTOP:
		p.answer = answerTopFields
		if c.lines > 0 { // what was not judged whole is not shown
			p.answer = answerMessage
			c.line = fmt.Appendf(nil, "RETR %d\r\n", c.message)
		}
	}
	return s.forward(c, p)
}

// kept says whether the gateway refused the last RETR of a message, waiting for one in flight.
func (s *session) kept(message uint64) (bool, error) {
	// The server pump writes withheld only while a message is outstanding.
	if s.queue.messages.Load() > 0 && !s.queue.waitDrained(s.done) {
		return false, errOver
	}
	_, kept := s.withheld[message]
	return kept, nil
}

// quit sends QUIT once every earlier reply has left, since it makes deletions final. From then on the client's end does
// not end the session: some clients close without waiting for the reply.
func (s *session) quit(c *command) error {
	if !s.queue.waitDrained(s.done) {
		return errOver
	}
	s.quitSent.Store(true)
	if err := s.push(&pending{answer: answerQuit, verb: c.verb, drop: s.drop}); err != nil {
		return err
	}
	close(s.inputEnd) // before the server can answer, which spares a nudge
	if err := s.toServer(c.line); err != nil {
		return err
	}
	s.client.readWithin(0)
	if _, err := s.in.Peek(1); err == nil {
		s.relay.counters.afterQuit.Add(1)
	}
	if _, err := io.Copy(io.Discard, s.in); err == nil {
		s.gone = true
		s.server.closeWrite()
	}
	return nil
}
