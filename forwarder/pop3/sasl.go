package pop3

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// maxUser bounds what is kept of a user's name.
const maxUser = 256

// maxRounds bounds the server's challenges in one exchange.
const maxRounds = 32

// mechanismAllowed says whether a SASL mechanism, in capitals, neither adds a security layer (RFC 4422 section 3.7) nor
// binds itself to a TLS channel.
func mechanismAllowed(mech string) bool {
	switch mech {
	case "PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER", "EXTERNAL", "ANONYMOUS", "OTP", "NTLM":
		return true
	}
	return strings.HasPrefix(mech, "SCRAM-") && !strings.HasSuffix(mech, "-PLUS")
}

// mechanismName says whether s is a mechanism's name (RFC 4422 section 3.1), already in capitals.
func mechanismName(s string) bool {
	if len(s) < 1 || len(s) > 20 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// base64Line says whether p holds nothing but the alphabet of base64 and its padding.
func base64Line(p []byte) bool {
	for _, c := range p {
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '+' && c != '/' && c != '=' {
			return false
		}
	}
	return true
}

// bounded returns the head of a user's name.
func bounded(name []byte) string { return string(name[:min(len(name), maxUser)]) }

// userIn returns the user's name from the first message of an exchange; the rest of the message is forgotten.
func userIn(mech string, message []byte) (string, bool) {
	plain := make([]byte, base64.StdEncoding.DecodedLen(len(message)))
	defer clear(plain)
	n, err := base64.StdEncoding.Decode(plain, message)
	if err != nil {
		return "", false
	}
	switch mech {
	case "LOGIN":
		return bounded(plain[:n]), n > 0
	case "CRAM-MD5": // RFC 2195: name, blank, digest
		if i := bytes.LastIndexByte(plain[:n], ' '); i > 0 {
			return bounded(plain[:i]), true
		}
	case "PLAIN": // RFC 4616: authorization identity NUL authentication identity NUL password
		fields := bytes.Split(plain[:n], []byte{0})
		if len(fields) == 3 && len(fields[1]) > 0 {
			return bounded(fields[1]), true
		}
	}
	return "", false
}

// authenticate sends AUTH on and plays the client's part of the exchange: lines from the client are no commands until the
// server has decided (RFC 5034 section 4).
func (s *session) authenticate(c *command) error {
	if !c.argued {
		return s.forward(c, &pending{answer: answerMechs})
	}
	if !mechanismAllowed(c.mech) {
		return s.refuse(refuseMechanism)
	}
	first := c.text == nil // whether the first message is still to come
	e := &naming{mech: c.mech}
	if name, ok := userIn(c.mech, c.text); ok {
		s.called(name)
	}
	if !first {
		e.message(c.text)
	}
	p := &pending{answer: answerSASL, turns: make(chan turn, 1)}
	if err := s.forward(c, p); err != nil {
		return err
	}
	for {
		select {
		case t := <-p.turns:
			if t == turnCommand {
				return s.loggedIn(p, e.sole())
			}
		case <-s.done:
			return errOver
		}
		line, err := s.readSASLLine()
		if err != nil {
			return err
		}
		if name, ok := userIn(c.mech, line); first && ok {
			s.called(name)
		}
		first = false
		e.message(line)
		if err := s.toServer(slices.Concat(line, []byte("\r\n"))); err != nil {
			return err
		}
	}
}

// readSASLLine returns the client's next message, without its line end: base64, "*" to cancel, or nothing. It is valid
// until the next read.
func (s *session) readSASLLine() ([]byte, error) {
	asked := time.Now()
	s.client.readWithin(max(s.loginLeft(), outstandingCheck))
	line, err := readLine(s.in, maxSASLLine)
	s.served.Add(-int64(time.Since(asked))) // the server pump takes it for the server's
	switch {
	case err == nil:
	case closed(s.draining):
		return nil, errDrained
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		s.gone = true
		return nil, ErrClientLeft
	case errors.Is(err, errLineTooLong):
		return nil, ErrBadSASLLine
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, ErrClientIdle
	default:
		return nil, &lost{side: "client", err: err}
	}
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	if !base64Line(line) && string(line) != "*" {
		return nil, ErrBadSASLLine
	}
	return line, nil
}

// answerSASL relays the server's part of an exchange: challenges, of which some servers leave out the blank after the
// plus sign, and then a status line.
func (s *session) answerSASL(p *pending) error {
	wait := s.cfg.Reply
	for round := range maxRounds {
		if round > 0 {
			s.asked = time.Now()
		}
		line, err := s.replyLine(wait, maxSASLLine)
		s.serverTook(s.asked)
		if err != nil {
			return err
		}
		challenge := line[0] == '+' && !bytes.HasPrefix(line, []byte("+OK"))
		var ok bool
		if !challenge {
			if ok, err = s.verdictOf(line); err != nil {
				return err
			}
		}
		if err := s.send(line); err != nil {
			return err
		}
		if err := s.flush(); err != nil {
			return err
		}
		t := turnCommand
		if challenge {
			t = turnContinue
			wait = s.cfg.Reply + s.cfg.Login // the client's time to answer, and the server's
		} else if ok {
			p.accepted = !s.authed.Swap(true)
		}
		select {
		case p.turns <- t:
		case <-s.done:
			return errOver
		}
		if !challenge {
			return nil
		}
	}
	return ErrMalformedReply
}
