package pop3

import (
	"bytes"
	"io"
)

// sink takes a multi-line reply apart from its end, as it is on the wire, piece by piece. The dots at the places dots, which ascend, are not in
// the content. It borrows both, and has taken all of wire also when it returns an error.
type sink interface {
	take(wire []byte, dots []int) error
}

// maxDots bounds the dots in one piece.
const maxDots = 512

// framer finds the end of a multi-line reply (RFC 1939 section 3) and its stuffed dots, in whatever pieces it comes. A
// dot alone on a line ends the reply when the line before ended in CRLF and so does this one; when lfOnly, after and
// before any LF.
type framer struct {
	lfOnly bool
	end    []byte // the last line as it came, once there

	state frameState
	crlf  bool // lineStart and after: the line before ended in CRLF, or there is none
	cr    bool // inLine: the octet before is CR

	dots []int // in the piece at hand
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

// What is handed on when it was held back, and where the dot stands in the first of it.
var (
	oneDot  = []byte(".")
	onlyDot = []int{0}
	dotCR   = []byte("\r")
)

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
				err = out.take(oneDot, onlyDot)
			}
		case afterDotCR:
			if p[n] == '\n' && (f.crlf || f.lfOnly) {
				f.end = []byte(".\r\n")
				return n + 1, true, nil
			}
			f.state = owesCR
			err = out.take(oneDot, onlyDot)
		case owesCR: // a step of its own, since out may fail at the dot and reading goes on with another
			f.state, f.cr = inLine, true
			err = out.take(dotCR, nil)
		case inLine:
			end := f.lines(p[n:])
			err = out.take(p[n:n+end], f.dots)
			n += end
		}
	}
	return n, false, err
}

// lines returns the length of the text that p, which is not empty, begins with: to the end of p or to a line that begins
// with a dot, unless that is surely a stuffed one. Those are in f.dots.
//
// Up to the first dot it does not look for lines: base64 has none.
func (f *framer) lines(p []byte) int {
	f.dots = f.dots[:0]
	at := bytes.IndexByte(p, '.')
	for at >= 0 && at < len(p) {
		if p[at] == '.' && at > 0 && p[at-1] == '\n' {
			if at+1 == len(p) || p[at+1] == '\r' || p[at+1] == '\n' || len(f.dots) == maxDots {
				return f.ended(p[:at])
			}
			f.dots = append(f.dots, at)
		}
		lf := bytes.IndexByte(p[at:], '\n')
		if lf < 0 {
			break
		}
		at += lf + 1
	}
	return f.ended(p)
}

// ended takes note of where in a line p, which is not empty, ends, and returns its length.
func (f *framer) ended(p []byte) int {
	last := len(p) - 1
	if p[last] != '\n' {
		f.cr = p[last] == '\r'
		return len(p)
	}
	if last > 0 {
		f.cr = p[last-1] == '\r'
	}
	f.state, f.crlf, f.cr = lineStart, f.cr, false
	return len(p)
}

// appendContent appends what of wire is content to b.
func appendContent(b, wire []byte, dots []int) []byte {
	from := 0
	for _, at := range dots {
		if at >= len(wire) {
			break
		}
		b = append(b, wire[from:at]...)
		from = at + 1
	}
	return append(b, wire[from:]...)
}

// discard is a sink that drops everything.
type discard struct{}

func (discard) take([]byte, []int) error { return nil }

// through is a sink that writes the wire form.
type through struct{ w io.Writer }

func (t through) take(wire []byte, _ []int) error { _, err := t.w.Write(wire); return err }

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
