package recode

import (
	"bytes"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// digit returns the value of a digit of base64; -1: it is none.
func digit(c byte) int {
	switch {
	case 'A' <= c && c <= 'Z':
		return int(c - 'A')
	case 'a' <= c && c <= 'z':
		return int(c-'a') + 26
	case '0' <= c && c <= '9':
		return int(c-'0') + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	default:
		return -1
	}
}

// newUTF7 returns a decoder that writes UTF-8 to w.
func newUTF7(w io.Writer) io.WriteCloser { return &utf7Decoder{w: w} }

type utf7Decoder struct {
	w       io.Writer
	shift   bool
	empty   bool // nothing has come since the plus sign
	bits    uint32
	n       int  // of them
	pending rune // the first half of a surrogate pair
	out     []byte
}

// Write implements io.Writer.
func (d *utf7Decoder) Write(p []byte) (int, error) {
	d.out = d.out[:0]
	for rest := p; len(rest) > 0; {
		if !d.shift {
			plain := bytes.IndexByte(rest, '+')
			if plain < 0 {
				plain = len(rest)
			}
			d.out = append(d.out, rest[:plain]...)
			if rest = rest[plain:]; len(rest) == 0 {
				break
			}
		}
		d.octet(rest[0])
		rest = rest[1:]
	}
	if _, err := d.w.Write(d.out); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (d *utf7Decoder) octet(c byte) {
	if !d.shift {
		if c == '+' {
			d.shift, d.empty, d.bits, d.n = true, true, 0, 0
			return
		}
		d.out = append(d.out, c)
		return
	}
	v := digit(c)
	switch {
	case v >= 0:
		d.bits = d.bits<<6 | uint32(v)
		if d.n += 6; d.n >= 16 {
			d.n -= 16
			d.unit(rune(d.bits >> d.n & 0xFFFF))
		}
	case c == '-' && d.empty:
		d.out = append(d.out, '+')
		d.shift = false
	default:
		d.shift = false
		d.alone()
		if c != '-' {
			d.out = append(d.out, c)
		}
	}
	d.empty = false
}

// unit takes one unit of UTF-16.
func (d *utf7Decoder) unit(u rune) {
	if d.pending != 0 {
		if r := utf16.DecodeRune(d.pending, u); r != utf8.RuneError {
			d.out = utf8.AppendRune(d.out, r)
			d.pending = 0
			return
		}
		d.alone()
	}
	if utf16.IsSurrogate(u) {
		d.pending = u
		return
	}
	d.out = utf8.AppendRune(d.out, u)
}

// alone ends a surrogate that has no other half. It takes no character from the text with it.
func (d *utf7Decoder) alone() {
	if d.pending != 0 {
		d.out = utf8.AppendRune(d.out, utf8.RuneError)
		d.pending = 0
	}
}

// Close implements io.Closer.
func (d *utf7Decoder) Close() error { return nil }
