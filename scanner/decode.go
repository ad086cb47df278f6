package scanner

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"io"
	"strings"
)

// encoding is a content transfer encoding (RFC 2045 section 6), as far as it is undone here.
type encoding uint8

const (
	identity        encoding = iota // 7bit, 8bit, binary, none, and any name nobody knows: clients show such a body as it is
	quotedPrintable                 // RFC 2045 section 6.7
	base64Encoding                  // RFC 2045 section 6.8
	foreign                         // known to some clients and not undone here
)

// transferEncoding reads the value of a Content-Transfer-Encoding field.
func transferEncoding(value string) encoding {
	value = strings.ToLower(strings.Trim(value, " \t\""))
	if i := strings.IndexAny(value, " \t;(,\""); i >= 0 {
		value = value[:i]
	}
	switch value {
	case "quoted-printable":
		return quotedPrintable
	case "base64":
		return base64Encoding
	case "x-uuencode", "uuencode", "x-uue", "uue", "x-yenc", "yenc", "mac-binhex40", "x-binhex40":
		return foreign
	default:
		return identity
	}
}

// newDecoder returns a writer that undoes e and writes the result to w. It reads as mail clients do: what is not part of the
// encoding is skipped (base64) or taken as it stands (quoted-printable). Close writes what is left and does not close w.
func newDecoder(e encoding, w io.Writer) io.WriteCloser {
	out := flusher{w: w}
	switch e {
	case quotedPrintable:
		return &qpDecoder{out: out}
	case base64Encoding:
		return &base64Decoder{out: out}
	default:
		return &identityDecoder{out: bufio.NewWriterSize(w, 4<<10)}
	}
}

// flusher gathers single octets into larger writes.
type flusher struct {
	w   io.Writer
	buf [4096]byte
	n   int
	err error // the first; sticky
}

func (f *flusher) put(c byte) {
	if f.n == len(f.buf) {
		_ = f.flush() // the error is kept
	}
	f.buf[f.n] = c
	f.n++
}

func (f *flusher) flush() error {
	if f.err == nil && f.n > 0 {
		_, f.err = f.w.Write(f.buf[:f.n])
	}
	f.n = 0
	return f.err
}

// identityDecoder changes nothing. It gathers short lines: a spilled Buffer makes a system call of every write.
type identityDecoder struct{ out *bufio.Writer }

func (d *identityDecoder) Write(p []byte) (int, error) { return d.out.Write(p) }
func (d *identityDecoder) Close() error                { return d.out.Flush() }

// base64Decoder skips what is not in the alphabet, and goes on after padding: concatenated padded blocks are common, and
// clients decode all of them.
type base64Decoder struct {
	out     flusher
	quantum uint32
	digits  int
}

func (d *base64Decoder) Write(p []byte) (int, error) {
	for _, c := range p {
		v := sextet(c)
		switch {
		case v < 64:
			d.quantum = d.quantum<<6 | uint32(v)
			if d.digits++; d.digits == 4 {
				d.out.put(byte(d.quantum >> 16))
				d.out.put(byte(d.quantum >> 8))
				d.out.put(byte(d.quantum))
				d.digits = 0
			}
		case c == '=':
			d.end()
		}
	}
	return len(p), d.out.err
}

// end writes the whole octets of an unfinished quantum.
func (d *base64Decoder) end() {
	switch d.digits {
	case 2:
		d.out.put(byte(d.quantum >> 4))
	case 3:
		d.out.put(byte(d.quantum >> 10))
		d.out.put(byte(d.quantum >> 2))
	}
	d.digits = 0
}

func (d *base64Decoder) Close() error {
	d.end()
	return d.out.flush()
}

// sextet returns the value of a base64 digit (RFC 4648 section 4), 64 or more for any other octet.
func sextet(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c - 'A'
	case 'a' <= c && c <= 'z':
		return c - 'a' + 26
	case '0' <= c && c <= '9':
		return c - '0' + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	default:
		return 64
	}
}

// maxBlanks bounds the blanks remembered in case a line ends after them. RFC 2045 lines have 76 octets.
const maxBlanks = 1024

// qpDecoder undoes quoted-printable. Blanks at the end of a line are dropped (RFC 2045 section 6.7, rule 3); an equals sign
// that begins no escape stands for itself.
type qpDecoder struct {
	out    flusher
	blanks []byte // blanks, and a CR, that may turn out to end the line
	escape []byte // an equals sign and what followed it so far
}

func (d *qpDecoder) Write(p []byte) (int, error) {
	for _, c := range p {
		d.octet(c)
	}
	return len(p), d.out.err
}

func (d *qpDecoder) octet(c byte) {
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
		d.blanks = bytes.TrimRight(rest, " \t")
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
	case (c == ' ' || c == '\t' || c == '\r') && (len(d.escape) == 1 || blankTail) && len(d.escape) < maxBlanks:
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
	for _, e := range d.escape {
		d.out.put(e)
	}
	d.escape = d.escape[:0]
	return false
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
	d.blanks = bytes.TrimRight(d.blanks, " \t")
	d.release()
	if len(d.escape) > 1 && isHex(d.escape[1]) { // half an escape is text; a lone equals sign is a soft line break
		d.out.put(d.escape[0])
		d.out.put(d.escape[1])
	}
	d.escape = d.escape[:0]
	return d.out.flush()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'F' || 'a' <= c && c <= 'f'
}
