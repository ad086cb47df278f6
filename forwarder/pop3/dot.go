package pop3

import (
	"bytes"
	"io"
)

// sink takes a multi-line reply apart from its end: text is on the wire and in the content, a dot only on the wire. It
// has taken what it was given also when it returns an error.
type sink interface {
	text(p []byte) error
	dot() error
}

// framer finds the end of a multi-line reply (RFC 1939 section 3) and its stuffed dots, in whatever pieces it comes. A
// dot alone on a line ends the reply when the line before ended in CRLF and so does this one; when lfOnly, after and
// before any LF.
type framer struct {
	lfOnly bool
	end    []byte // the last line as it came, once there

	state frameState
	crlf  bool // lineStart and after: the line before ended in CRLF, or there is none
	cr    bool // inLine: the octet before is CR
}

// frameState says where in a line a framer stands.
type frameState uint8

const (
	lineStart  frameState = iota
	afterDot              // a dot at the start of a line is held back
	afterDotCR            // a dot and CR are held back
	owesCR                // the CR of those is still to be handed on
	inLine
)

func newFramer(lfOnly bool) *framer { return &framer{lfOnly: lfOnly, crlf: true} }

var dotCR = []byte("\r")

// feed hands the reply in p to out up to its end. It returns how much of p it used, which is all but what follows the
// end, or, with the error of out, what out has taken.
func (f *framer) feed(p []byte, out sink) (n int, done bool, err error) {
	for n < len(p) && err == nil {
		switch f.state {
		case lineStart:
			f.state = inLine
			f.cr = false
			if p[n] == '.' {
				f.state = afterDot
				n++
			}
		case afterDot:
			switch {
			case p[n] == '\r':
				f.state = afterDotCR
				n++
			case p[n] == '\n' && f.lfOnly:
				f.end = []byte(".\n")
				return n + 1, true, nil
			default:
				f.state = inLine
				err = out.dot()
			}
		case afterDotCR:
			if p[n] == '\n' && (f.crlf || f.lfOnly) {
				f.end = []byte(".\r\n")
				return n + 1, true, nil
			}
			f.state = owesCR
			err = out.dot()
		case owesCR: // a step of its own, since out may fail at the dot and reading goes on with another
			f.state, f.cr = inLine, true
			err = out.text(dotCR)
		case inLine:
			end := f.lines(p[n:])
			err = out.text(p[n : n+end])
			n += end
		}
	}
	return n, false, err
}

// lines returns the length of the text that p, which is not empty, begins with: to the end of p or to a line that begins
// with a dot.
func (f *framer) lines(p []byte) int {
	for at := 0; ; {
		lf := bytes.IndexByte(p[at:], '\n')
		if lf < 0 {
			f.cr = p[len(p)-1] == '\r'
			return len(p)
		}
		lf += at
		if lf > 0 {
			f.cr = p[lf-1] == '\r'
		}
		f.crlf = f.cr
		f.cr = false
		at = lf + 1
		if at == len(p) || p[at] == '.' {
			f.state = lineStart
			return at
		}
	}
}

// discard is a sink that drops everything.
type discard struct{}

func (discard) text([]byte) error { return nil }
func (discard) dot() error        { return nil }

// through is a sink that writes the wire form.
type through struct{ w io.Writer }

var oneDot = []byte(".")

func (t through) text(p []byte) error { _, err := t.w.Write(p); return err }
func (t through) dot() error          { _, err := t.w.Write(oneDot); return err }

// writeStuffed writes mail, whose lines end in CRLF, as the body of a multi-line reply, its end not included.
func writeStuffed(w io.Writer, mail []byte) error {
	for len(mail) > 0 {
		line, rest, _ := bytes.Cut(mail, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) > 0 && line[0] == '.' {
			if _, err := w.Write(oneDot); err != nil {
				return err
			}
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
		if _, err := io.WriteString(w, "\r\n"); err != nil {
			return err
		}
		mail = rest
	}
	return nil
}
