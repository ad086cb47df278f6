package pop3

import (
	"bytes"
	"strconv"
)

// maxUIDs bounds what is remembered of UIDL's replies in one session, in octets: the latest messages of a large maildrop, which are
// those that its client is likely to fetch.
const maxUIDs = 32 << 10

// maxUID bounds one unique-id. RFC 1939 section 7 has 70 octets.
const maxUID = 128

// uids are the unique-ids that the server has told the client (RFC 1939 section 7), by which a delivered mail can be found again.
type uids struct {
	lines []byte // as they came: number, blank, unique-id, line end
}

// begin forgets all, since a list of all follows.
func (u *uids) begin() { u.lines = u.lines[:0] }

// add takes what came next of a reply, cut anywhere.
func (u *uids) add(p []byte) {
	for len(p) > 0 {
		if len(u.lines) >= maxUIDs {
			// Half of it goes at once, so that this is seldom done, and the line that is cut with it.
			_, rest, _ := bytes.Cut(u.lines[maxUIDs/2:], []byte("\n"))
			u.lines = append(u.lines[:0], rest...)
		}
		n := min(len(p), maxUIDs-len(u.lines))
		u.lines = append(u.lines, p[:n]...)
		p = p[n:]
	}
}

// of returns the unique-id of a message, empty where none is known.
func (u *uids) of(message uint64) string {
	var b [24]byte
	start := append(strconv.AppendUint(append(b[:0], '\n'), message, 10), ' ')
	line, ok := bytes.CutPrefix(u.lines, start[1:])
	if !ok {
		_, line, ok = bytes.Cut(u.lines, start)
	}
	uid, _, ended := bytes.Cut(line, []byte("\n"))
	if uid = bytes.TrimRight(uid, " \r"); !ok || !ended || len(uid) > maxUID {
		return ""
	}
	return string(uid)
}

// listing returns the sink for the lines of LIST's or UIDL's reply.
func (s *session) listing(v verb) sink {
	if v != cmdUIDL {
		return through{s.out}
	}
	s.uids.begin()
	return listed{through{s.out}, &s.uids}
}

// listed is a sink that takes note of the unique-ids in a reply on their way.
type listed struct {
	through
	uids *uids
}

func (l listed) take(wire []byte, dots []int) error {
	content := wire
	if len(dots) > 0 {
		content = appendContent(nil, wire, dots)
	}
	l.uids.add(content)
	return l.through.take(wire, dots)
}
