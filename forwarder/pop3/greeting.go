package pop3

import (
	"errors"
	"strings"
)

// NotPOP3 says what becomes of a connection on which no POP3 is spoken.
type NotPOP3 uint8

const (
	CloseNotPOP3 NotPOP3 = iota // it ends. The zero value: nothing passes unread
	PassNotPOP3                 // both directions are opaque and counted as not scanned
)

// Unscanned says why a connection passes unread. Its values are stable.
type Unscanned string

// The reasons.
const (
	UnscannedTLS     Unscanned = "tls"      // it switched to TLS, and STLS is Pass
	UnscannedNotPOP3 Unscanned = "not_pop3" // it speaks something else, and NotPOP3 is PassNotPOP3
)

// unscanned tells whoever wants to know that the connection passes unread.
func (s *session) unscanned(why Unscanned) {
	if s.cfg.Unscanned != nil {
		s.cfg.Unscanned(s.origin.Client, s.origin.Server, why)
	}
}

// What a connection speaks, as far as is known.
const (
	speaksUnknown int32 = iota
	speaksPOP3          // the server has greeted as RFC 1939 section 4 wants it
	speaksElse          // it has not, or not in time; or the client spoke first, and it was no command
)

// decide settles what the connection speaks, unless that is settled. It returns what holds, which both pumps then go by.
func (s *session) decide(speaks int32) int32 {
	if !s.speaks.CompareAndSwap(speaksUnknown, speaks) {
		return s.speaks.Load()
	}
	if speaks == speaksElse {
		if s.cfg.NotPOP3 == PassNotPOP3 {
			s.relay.counters.notPOP3Passed.Add(1)
			s.unscanned(UnscannedNotPOP3)
			s.cfg.Log.Warn("not POP3: passed unscanned", "protocol", "pop3", "client", s.origin.Client, "server", s.origin.Server)
		} else {
			s.relay.counters.notPOP3Closed.Add(1)
		}
	}
	close(s.known)
	return speaks
}

// answerGreeting relays the server's greeting, which nobody asked for.
func (s *session) answerGreeting() error {
	speaks, err := s.greeting()
	if err != nil {
		return err
	}
	if s.decide(speaks) == speaksElse {
		if s.cfg.NotPOP3 == CloseNotPOP3 {
			return ErrNotPOP3
		}
		return s.copyToClient()
	}
	line, ok, err := s.status(s.cfg.Reply)
	if err != nil {
		return err
	}
	if err := s.send(line); err != nil {
		return err
	}
	if !ok {
		return errOver
	}
	return nil
}

// greeting waits for the server's first octets, which stay unread, and says what they make of the connection.
func (s *session) greeting() (speaks int32, err error) {
	if err = s.expect(s.cfg.Greeting); err == nil {
		s.server.patience = s.cfg.Greeting // for the whole of the word too
		for n := 1; err == nil; n++ {
			var peeked []byte
			peeked, err = s.replies.Peek(n)
			switch head := string(peeked); {
			case head == "+OK" || head == "-ERR":
				return speaksPOP3, nil
			case !strings.HasPrefix("+OK", head) && !strings.HasPrefix("-ERR", head):
				return speaksElse, nil
			}
		}
		err = serverError(err)
	}
	if errors.Is(err, ErrServerSilent) {
		return speaksElse, nil
	}
	return speaksUnknown, err
}

// wordOctet says whether c may be part of a command's keyword.
func wordOctet(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
}

// awaitGreeting keeps back what the client says until the server has greeted; opaque says that what follows is not the relay's to
// read.
func (s *session) awaitGreeting() (opaque bool, err error) {
	s.client.readWithin(s.cfg.Login)
	for n := 1; !closed(s.known); n++ {
		peeked, err := s.in.Peek(n)
		if err != nil {
			break // told again by the next read
		}
		if n < len("QUIT ") && wordOctet(peeked[n-1]) {
			continue
		}
		// Before the greeting even a client that pipelines has nothing to say but commands.
		if v, _ := verbOf(peeked[:n-1]); v == unknown {
			s.decide(speaksElse)
		}
		break
	}
	select {
	case <-s.known:
	case <-s.done:
		return false, errOver
	}
	if s.speaks.Load() == speaksPOP3 {
		return false, nil
	}
	if s.cfg.NotPOP3 == CloseNotPOP3 {
		return false, ErrNotPOP3
	}
	return true, nil
}
