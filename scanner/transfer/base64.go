package transfer

import (
	"encoding/binary"
	"io"
	"sync"
)

// Padding says how a base64 decoder reads an equals sign.
type Padding uint8

const (
	PadEnds  Padding = iota // it ends a quantum, and the next digit begins another: padded blocks in a row. The zero value
	PadStops                // the first one that ends a quantum ends the text
	PadSkips                // it is skipped like any octet outside the alphabet
)

// Base64 is one reading of base64 (RFC 2045 section 6.8, RFC 4648).
type Base64 struct {
	Padding Padding
	URL     bool // - and _ are digits too (RFC 4648 section 5); else they are skipped
	Junk    Junk
}

// Junk says how a base64 decoder reads octets outside the alphabet, blanks and line ends apart.
type Junk uint8

const (
	JunkSkipped Junk = iota // the octet is skipped. The zero value
	JunkStops               // the first one ends the text
)

// NewBase64 returns a decoder that writes to w.
func NewBase64(w io.Writer, b Base64) io.WriteCloser {
	values, quads := standard, standardQuads
	if b.URL {
		values, quads = url, urlQuads
	}
	return &base64Decoder{out: flusher{w: w}, padding: b.Padding, junk: b.Junk, values: values(), quads: quads()}
}

type base64Decoder struct {
	out     flusher
	padding Padding
	junk    Junk
	values  *[256]byte
	quads   *quads
	quantum uint32
	digits  int
	ended   bool
}

func (d *base64Decoder) Write(p []byte) (int, error) {
	n := len(p)
	if d.ended {
		return n, d.out.err
	}
	for len(p) > 0 {
		if d.digits == 0 {
			if p = d.quanta(p); len(p) == 0 {
				break
			}
		}
		c := p[0]
		p = p[1:]
		v := d.values[c]
		switch {
		case v < 64:
			d.quantum = d.quantum<<6 | uint32(v)
			if d.digits++; d.digits == 4 {
				d.out.put(byte(d.quantum >> 16))
				d.out.put(byte(d.quantum >> 8))
				d.out.put(byte(d.quantum))
				d.digits = 0
			}
		case c == '=' && d.padding != PadSkips:
			if d.padding == PadStops && d.digits > 1 {
				d.end()
				d.ended = true
				return n, d.out.err
			}
			d.end()
		case d.junk == JunkStops && c > ' ' && c != '=':
			d.ended = true
			return n, d.out.err
		}
	}
	return n, d.out.err
}

// quanta decodes the whole quanta at the beginning of p, four digits at a time, and returns what follows them.
func (d *base64Decoder) quanta(p []byte) []byte {
	t := d.quads
	for len(p) >= 4 {
		out := d.out.room(4) // of which the next quantum has the last
		n := 0
		for len(p) >= 4 && n+4 <= len(out) {
			q := t[0][p[0]] | t[1][p[1]] | t[2][p[2]] | t[3][p[3]]
			if q&noDigit != 0 {
				d.out.n += n
				return p
			}
			binary.BigEndian.PutUint32(out[n:], q)
			p, n = p[4:], n+3
		}
		d.out.n += n
	}
	return p
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

// quads holds, for each of the four digits of a quantum, what it adds to the quantum's three octets, which are the first of the number's four. The
// last octet is noDigit where there is none.
type quads [4][256]uint32

const noDigit = 1

// quadsOf returns the quads of an alphabet.
func quadsOf(values *[256]byte) *quads {
	var q quads
	for i := range q {
		for c, v := range values {
			q[i][c] = noDigit
			if v < 64 {
				q[i][c] = uint32(v) << (26 - 6*i)
			}
		}
	}
	return &q
}

// The two alphabets, each made once.
var (
	standard = sync.OnceValue(func() *[256]byte {
		return alphabet("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
	})
	url = sync.OnceValue(func() *[256]byte {
		values := *standard()
		values['-'], values['_'] = 62, 63
		return &values
	})
	standardQuads = sync.OnceValue(func() *quads { return quadsOf(standard()) })
	urlQuads      = sync.OnceValue(func() *quads { return quadsOf(url()) })
)

// alphabet returns the value of each octet as one of 64 digits, more where it is none.
func alphabet(digits string) *[256]byte {
	var values [256]byte
	for i := range values {
		values[i] = 64
	}
	for i := range len(digits) {
		values[digits[i]] = byte(i)
	}
	return &values
}
