package transfer

import (
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
	values := standard
	if b.URL {
		values = url
	}
	return &base64Decoder{out: flusher{w: w}, padding: b.Padding, junk: b.Junk, values: values()}
}

type base64Decoder struct {
	out     flusher
	padding Padding
	junk    Junk
	values  *[256]byte
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
	for len(p) >= 4 {
		out := d.out.room(3)
		n := 0
		for len(p) >= 4 && n+3 <= len(out) {
			a, b, c, e := d.values[p[0]], d.values[p[1]], d.values[p[2]], d.values[p[3]]
			if a|b|c|e > 63 {
				d.out.n += n
				return p
			}
			out[n], out[n+1], out[n+2] = a<<2|b>>4, b<<4|c>>2, c<<6|e
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
