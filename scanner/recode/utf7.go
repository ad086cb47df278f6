package recode

import (
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// shifted says whether what stands at at, behind a plus sign, is a character below 256 in the shifted form of UTF-7.
func (s *search) shifted(at int64) bool {
	var text [3]byte
	if n, _ := s.content.ReadAt(text[:], at); n < len(text) { // its errors show elsewhere
		return false
	}
	return text[0] == 'A' && 'A' <= text[1] && text[1] <= 'P' && strings.IndexByte(digits, text[2]) >= 0
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
	for _, c := range p {
		d.octet(c)
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
	v := strings.IndexByte(digits, c)
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
		if c != '-' {
			d.out = append(d.out, c)
		}
	}
	d.empty = false
}

// unit takes one unit of UTF-16.
func (d *utf7Decoder) unit(u rune) {
	switch {
	case d.pending != 0:
		d.out = utf8.AppendRune(d.out, utf16.DecodeRune(d.pending, u))
		d.pending = 0
	case utf16.IsSurrogate(u):
		d.pending = u
	default:
		d.out = utf8.AppendRune(d.out, u)
	}
}

// Close implements io.Closer.
func (d *utf7Decoder) Close() error { return nil }
