package pop3

import (
	"bytes"
	"strings"
)

// maxList bounds a CAPA reply and a list of mechanisms.
const maxList = 64 << 10

// collected is a sink that keeps a short reply in its wire form.
type collected struct{ b []byte }

func (c *collected) take(wire []byte, _ []int) error {
	if len(c.b)+len(wire) > maxList {
		return ErrMalformedReply
	}
	c.b = append(c.b, wire...)
	return nil
}

// filtered relays the rest of a CAPA reply or of a list of mechanisms, without what the gateway cannot honour. Lines that
// stay leave as they came.
func (s *session) filtered(p *pending, status []byte) error {
	if err := s.send(status); err != nil {
		return err
	}
	f := newFramer(s.style.lfOnly())
	var list collected
	if err := s.readBody(f, &list); err != nil {
		return err
	}
	if p.answer == answerCAPA {
		s.respCodes = false // what counts is the latest list (RFC 2449 section 5)
	}
	for line := range bytes.Lines(list.b) {
		if p.answer == answerMechs {
			if !mechanismAllowed(string(bytes.ToUpper(bytes.TrimSpace(line)))) {
				continue
			}
		} else {
			if line = s.capability(line); line == nil {
				continue
			}
		}
		if err := s.send(line); err != nil {
			return err
		}
	}
	return s.send(f.end)
}

// capability returns what the client gets of one line of a CAPA reply, nil for nothing.
func (s *session) capability(line []byte) []byte {
	content := bytes.TrimRight(line, "\r\n")
	tag, arguments, _ := bytes.Cut(content, []byte(" "))
	switch strings.ToUpper(string(tag)) {
	case "TOP", "USER", "LOGIN-DELAY", "PIPELINING", "EXPIRE", "UIDL", "IMPLEMENTATION", "AUTH-RESP-CODE", "CAPA", "APOP":
		return line
	case "RESP-CODES":
		s.respCodes = true
		return line
	case "STLS":
		if s.cfg.STLS == Pass {
			return line
		}
		return nil
	case "SASL":
		return saslLine(line, tag, arguments)
	default:
		return nil
	}
}

// saslLine returns the SASL capability with the mechanisms that are allowed; line itself when all are, nil when none is.
func saslLine(line, tag, arguments []byte) []byte {
	offered := bytes.Fields(arguments)
	kept := append([]byte(nil), tag...)
	n := 0
	for _, mech := range offered {
		if mechanismAllowed(string(bytes.ToUpper(mech))) {
			kept = append(append(kept, ' '), mech...)
			n++
		}
	}
	switch n {
	case 0:
		return nil
	case len(offered):
		return line
	default:
		return append(kept, line[len(bytes.TrimRight(line, "\r\n")):]...)
	}
}
