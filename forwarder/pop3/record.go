package pop3

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"mirrorgw/scanner"
)

// Bounds of a record.
const (
	maxSpoken     = 16 // lines
	maxSpokenText = 60 // octets of one
)

// record holds what was said last in a session: commands by verb and number, and status lines. Nothing by which a client proves who
// it is gets into it, and nothing that was no command: either may hold a password. The server pump writes it, in the order in which
// the replies leave.
type record struct {
	lines [maxSpoken]spoken
	noted int  // lines so far, those that were overwritten included
	login bool // the command noted last says who the client is, and its reply may repeat that
}

// spoken is one line of it.
type spoken struct {
	at   time.Duration // since the session began
	by   byte          // C, S, or G for the gateway
	n    uint8
	text [maxSpokenText]byte
}

// note adds a line and returns it, to be filled in.
func (t *record) note(at time.Duration, by byte) *spoken {
	l := &t.lines[t.noted%maxSpoken]
	t.noted++
	l.at, l.by, l.n = at, by, 0
	return l
}

// command notes the command to be answered next.
func (t *record) command(at time.Duration, p *pending) {
	t.login = false
	if p.verb == unknown {
		return
	}
	l := t.note(at, 'C')
	text := append(l.text[:0], p.verb.String()...)
	switch {
	case p.verb == cmdUSER, p.verb == cmdPASS, p.verb == cmdAPOP, p.verb == cmdAUTH:
		t.login = true
		text = append(text, " ***"...)
	case p.message > 0:
		text = strconv.AppendUint(append(text, ' '), p.message, 10)
		if p.verb == cmdTOP {
			text = strconv.AppendUint(append(text, ' '), p.lines, 10)
		}
	}
	l.n = uint8(len(text)) // at most a verb and two numbers of maxDigits
}

// reply notes a status line, which may be cut.
func (t *record) reply(at time.Duration, by byte, line []byte) {
	if t.login {
		line, _, _ = bytes.Cut(line, []byte(" "))
	}
	l := t.note(at, by)
	l.n = uint8(copy(l.text[:], bytes.TrimRight(line, "\r\n")))
}

// Lines implements scanner.Transcript.
func (s *session) Lines() []string {
	t := &s.said
	var lines []string
	for i := max(t.noted-maxSpoken, 0); i < t.noted; i++ {
		l := &t.lines[i%maxSpoken]
		lines = append(lines, fmt.Sprintf("%.3fs %c: %s", l.at.Seconds(), l.by, scanner.Printable(string(l.text[:l.n]), maxSpokenText)))
	}
	return lines
}

// noteReply notes a status line of the server's, or of the gateway's own.
func (s *session) noteReply(by byte, line []byte) {
	s.said.reply(time.Since(s.began), by, line)
}

// String returns the verb as it is sent.
func (v verb) String() string {
	names := [...]string{
		cmdAPOP: "APOP", cmdAUTH: "AUTH", cmdCAPA: "CAPA", cmdDELE: "DELE", cmdLANG: "LANG", cmdLAST: "LAST", cmdLIST: "LIST", cmdNOOP: "NOOP", cmdPASS: "PASS",
		cmdQUIT: "QUIT", cmdRETR: "RETR", cmdRSET: "RSET", cmdSTAT: "STAT", cmdSTLS: "STLS", cmdTOP: "TOP", cmdUIDL: "UIDL", cmdUSER: "USER", cmdUTF8: "UTF8",
	}
	return names[v]
}
