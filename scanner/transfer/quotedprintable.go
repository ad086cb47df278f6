package transfer

import (
	"bytes"
	"encoding/hex"
	"io"
)

// QuotedPrintable is one reading of quoted-printable (RFC 2045 section 6.7).
type QuotedPrintable struct {
	KeepBlanks bool // blanks at the end of a line are kept; rule 3 drops them
	DropCRs    bool // all CRs are dropped: LF CR ends lines
	DropStray  bool // an equals sign that begins no escape is dropped; else it stands for itself
	JoinFirst  bool // soft line breaks are taken out before escapes are read, so that one within an escape does not break it
}

// NewQuotedPrintable returns a decoder that writes to w.
func NewQuotedPrintable(w io.Writer, q QuotedPrintable) io.WriteCloser {
	d := &qpDecoder{out: flusher{w: w}, keepBlanks: q.KeepBlanks, dropCRs: q.DropCRs, dropStray: q.DropStray}
	if q.JoinFirst {
		return &joiner{to: d}
	}
	return d
}

// maxBlanks bounds the blanks remembered in case a line ends after them. RFC 2045 lines have 76 octets.
const maxBlanks = 1024

// qpDecoder undoes quoted-printable. Blanks at the end of a line are dropped (RFC 2045 section 6.7, rule 3); an equals sign
// that begins no escape stands for itself.
type qpDecoder struct {
	out                   flusher
	keepBlanks, dropStray bool
	dropCRs               bool

	blanks []byte // blanks, and a CR, that may turn out to end the line
	escape []byte // an equals sign and what followed it so far
}

func (d *qpDecoder) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if len(d.escape) == 0 && len(d.blanks) == 0 {
			plain := plainRun(p)
			d.out.putAll(p[:plain])
			if p = p[plain:]; len(p) == 0 {
				break
			}
		}
		d.octet(p[0])
		p = p[1:]
	}
	return n, d.out.err
}

// plainRun returns how many octets at the beginning of p stand for themselves whatever follows p. A blank does where another
// such octet follows it.
func plainRun(p []byte) int {
	n := 0
	for i, c := range p {
		switch c {
		case '=', '\r', '\n':
			return n
		case ' ', '\t':
		default:
			n = i + 1
		}
	}
	return n
}

func (d *qpDecoder) octet(c byte) {
	if c == '\r' && d.dropCRs {
		return
	}
	if len(d.escape) > 0 && d.escaped(c) {
		return
	}
	switch c {
	case ' ', '\t', '\r':
		if len(d.blanks) == maxBlanks {
			d.release()
		}
		d.blanks = append(d.blanks, c)
	case '\n':
		rest, crlf := bytes.CutSuffix(d.blanks, []byte("\r"))
		if d.blanks = rest; !d.keepBlanks {
			d.blanks = bytes.TrimRight(rest, " \t")
		}
		d.release()
		if crlf {
			d.out.put('\r')
		}
		d.out.put('\n')
	case '=':
		d.release()
		d.escape = append(d.escape, c)
	default:
		d.release()
		d.out.put(c)
	}
}

// escaped takes the octet after an equals sign; false: the escape turned out to be none and c is still to be handled.
func (d *qpDecoder) escaped(c byte) bool {
	blankTail := len(d.escape) > 1 && !isHex(d.escape[1])
	switch {
	case c == '\n' && (len(d.escape) == 1 || blankTail): // soft line break
		d.escape = d.escape[:0]
		return true
	case (c == ' ' || c == '\t' || c == '\r' || c == 0) && (len(d.escape) == 1 || blankTail) && len(d.escape) < maxBlanks:
		d.escape = append(d.escape, c)
		return true
	case isHex(c) && len(d.escape) == 1:
		d.escape = append(d.escape, c)
		return true
	case isHex(c) && len(d.escape) == 2 && !blankTail:
		var octet [1]byte
		if _, err := hex.Decode(octet[:], []byte{d.escape[1], c}); err == nil {
			d.out.put(octet[0])
		}
		d.escape = d.escape[:0]
		return true
	}
	if blankTail && d.escape[len(d.escape)-1] == '\r' { // a CR alone is the line end of some mails
		d.escape = d.escape[:0]
		return false
	}
	d.stray()
	return false
}

// stray writes what looked like an escape and is none.
func (d *qpDecoder) stray() {
	text := d.escape
	if d.dropStray {
		text = text[1:]
	}
	for _, c := range text {
		d.out.put(c)
	}
	d.escape = d.escape[:0]
}

// release writes the remembered blanks: no line end followed.
func (d *qpDecoder) release() {
	for _, b := range d.blanks {
		d.out.put(b)
	}
	d.blanks = d.blanks[:0]
}

// Close treats the end of the content as the end of a line: the line end that was there belongs to the boundary after it.
func (d *qpDecoder) Close() error {
	if !d.keepBlanks {
		d.blanks = bytes.TrimRight(d.blanks, " \t")
	}
	d.release()
	if len(d.escape) > 1 && isHex(d.escape[1]) { // half an escape is text; a lone equals sign is a soft line break
		d.stray()
	}
	d.escape = d.escape[:0]
	return d.out.flush()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'F' || 'a' <= c && c <= 'f'
}
