package pop3

import (
	"bytes"
	"io"
)

// maxFreeTop bounds the reply to TOP n 0 that may leave unjudged.
const maxFreeTop = 64 << 10

// cutter passes the header, the blank line and a number of body lines of a message in its wire form on to w, and drops
// the rest (RFC 1939 section 7, TOP). Lines end as the framer's do, so that the reply's last line can follow the cut.
type cutter struct {
	w      io.Writer
	lines  uint64 // body lines still wanted
	lfOnly bool

	body   bool  // past the blank line
	full   bool  // past the last line wanted
	length int64 // octets of the line so far
	cr     bool  // the octet before is CR
}

// Write implements io.Writer; what is dropped counts as written.
func (c *cutter) Write(p []byte) (int, error) {
	keep := 0
	for keep < len(p) && !c.full {
		lf := bytes.IndexByte(p[keep:], '\n')
		if lf < 0 {
			c.length += int64(len(p) - keep)
			c.cr = p[len(p)-1] == '\r'
			keep = len(p)
			break
		}
		if lf > 0 {
			c.cr = p[keep+lf-1] == '\r'
		}
		c.length += int64(lf) + 1
		if c.cr || c.lfOnly {
			c.endLine()
		}
		c.cr = false
		keep += lf + 1
	}
	if _, err := c.w.Write(p[:keep]); err != nil {
		return 0, err
	}
	return len(p), nil
}

// endLine takes note of a line's end.
func (c *cutter) endLine() {
	blank := c.length == 1 || c.length == 2 && c.cr
	c.length = 0
	switch {
	case c.body:
		c.lines--
	case blank:
		c.body = true
	default:
		return
	}
	c.full = c.lines == 0
}

// fieldsOnly says whether a message in its wire form is nothing but header fields (RFC 5322 section 2.2) and a blank line
// to end them.
func fieldsOnly(wire []byte, lfOnly bool) bool {
	for first := true; len(wire) > 0; first = false {
		line, rest, ended := bytes.Cut(wire, []byte("\n"))
		content, crlf := bytes.CutSuffix(line, []byte("\r"))
		if !ended || !crlf && !lfOnly || bytes.ContainsAny(content, "\x00\r") {
			return false
		}
		wire = rest
		switch {
		case len(content) == 0:
			return len(rest) == 0
		case content[0] == ' ' || content[0] == '\t':
			if first {
				return false
			}
		case !field(content):
			return false
		}
	}
	return true
}

// field says whether line begins with a field's name and a colon.
func field(line []byte) bool {
	for i, c := range line {
		switch {
		case c == ':':
			return i > 0
		case c < '!' || c > '~':
			return false
		}
	}
	return false
}
