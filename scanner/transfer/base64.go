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
	values, pairs := standard, standardPairs
	if b.URL {
		values, pairs = url, urlPairs
	}
	return &base64Decoder{out: flusher{w: w}, padding: b.Padding, junk: b.Junk, values: values(), pairs: pairs()}
}

type base64Decoder struct {
	out     flusher
	padding Padding
	junk    Junk
	values  *[256]byte
	pairs   *pairs
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

// quanta decodes the whole quanta at the beginning of p and the line ends between them, and returns what follows.
func (d *base64Decoder) quanta(p []byte) []byte {
	t := d.pairs
	for len(p) >= 4 {
		if p[0] == '\r' && p[1] == '\n' {
			p = p[2:]
			continue
		}
		out := d.out.room(8) // of which what comes next has the last two
		n := 0
		for len(p) >= 8 && len(out)-n >= 8 {
			a, b := t[binary.LittleEndian.Uint16(p)], t[binary.LittleEndian.Uint16(p[2:])]
			c, e := t[binary.LittleEndian.Uint16(p[4:])], t[binary.LittleEndian.Uint16(p[6:])]
			if (a|b|c|e)&noDigits != 0 {
				break
			}
			binary.BigEndian.PutUint64(out[n:], uint64(a)<<52|uint64(b)<<40|uint64(c)<<28|uint64(e)<<16)
			p, n = p[8:], n+6
		}
		d.out.n += n
		if len(p) < 4 || len(out)-n < 8 {
			continue
		}
		a, b := t[binary.LittleEndian.Uint16(p)], t[binary.LittleEndian.Uint16(p[2:])]
		if (a|b)&noDigits != 0 {
			break
		}
		binary.BigEndian.PutUint32(out[n:], uint32(a)<<20|uint32(b)<<8)
		p = p[4:]
		d.out.n += 3
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

// pairs holds the twelve bits that two octets stand for, of which the first is the lower one of the index; noDigits where one of them is no
// digit. Of its 128 KiB, digits use some 16.
type pairs [1 << 16]uint16

const noDigits = 1 << 15

// pairsOf returns the pairs of an alphabet.
func pairsOf(values *[256]byte) *pairs {
	p := new(pairs)
	for i := range p {
		first, second := values[i&0xff], values[i>>8]
		p[i] = uint16(first)<<6 | uint16(second)
		if first >= 64 || second >= 64 {
			p[i] = noDigits
		}
	}
	return p
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
	standardPairs = sync.OnceValue(func() *pairs { return pairsOf(standard()) })
	urlPairs      = sync.OnceValue(func() *pairs { return pairsOf(url()) })
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
