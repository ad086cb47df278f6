package literal

import (
	"bytes"
	"sync"
)

// minPiece is how many digits are in a row at least where a literal begins.
const minPiece = 20

// joints are what stands between two strings that are one.
const joints = " \t\r\n+&._,\\"

// none is the value of an octet that is no digit.
const none = 0xFF

var (
	base64Values = sync.OnceValue(func() *[256]byte {
		table := noValues()
		for i, c := range []byte(letters + decimals + "+/") {
			table[c] = byte(i)
		}
		table['-'], table['_'] = table['+'], table['/']
		return table
	})

	hexValues = sync.OnceValue(func() *[256]byte {
		table := noValues()
		for c := range table {
			if v, ok := hexValue(byte(c)); ok {
				table[c] = v
			}
		}
		return table
	})
)

func noValues() *[256]byte {
	var table [256]byte
	for c := range table {
		table[c] = none
	}
	return &table
}

// hexValue returns the value of a hexadecimal digit.
func hexValue(c byte) (v byte, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	default:
		return 0, false
	}
}

// startsIn returns where in text, a stretch of digits and what may stand between them, a literal may begin: at the first piece that is
// long enough, and at the first one of all, which may be a short beginning or a word on the line ahead. Where there is none, starts is
// empty and next says where to go on.
func startsIn(text []byte) (starts []int, next int) {
	table, first := classes(), -1
	for i := 0; i < len(text); {
		if table[text[i]]&digit == 0 {
			i++
			continue
		}
		end := i
		for end < len(text) && table[text[end]]&digit != 0 {
			end++
		}
		if first < 0 {
			first = i
		}
		switch {
		case end-i >= minPiece && first < i:
			return []int{i, first}, 0
		case end-i >= minPiece:
			return []int{i}, 0
		}
		i = end
	}
	return nil, beginsIn(text)
}

// beginsIn returns where in text, a stretch, another may begin that goes on behind it: the length of text where none does.
func beginsIn(text []byte) int {
	table := classes()
	for i := len(text) - 1; i > 0; i-- {
		if table[text[i]]&plain == 0 || bytes.IndexByte([]byte(quotes+"\r\n\t"), text[i]) >= 0 {
			return i + 1
		}
	}
	return len(text)
}

// digits decodes base64 or hexadecimal.
type digits struct {
	value *[256]byte
	width int // bits in a digit

	bits  uint32
	n     int // of them
	state digitState
	done  bool

	other bool // it was ended by a digit, or the padding, of base64

	read  int64 // octets of the text
	joint int64 // how many it had read where the first string of a list ended amidst an octet; 0: nowhere
}

// newDigits returns a decoder of a literal that begins with text: hexadecimal where all digits in it are. A file that begins with zeros does so in
// base64, too, see digits.other.
func newDigits(text []byte) *digits {
	table := classes()
	for _, c := range text {
		if _, ok := hexValue(c); !ok && table[c]&digit != 0 {
			return &digits{value: base64Values(), width: 6}
		}
	}
	return &digits{value: hexValues(), width: 4}
}

// digitState says what the octet before was.
type digitState int

const (
	inDigits digitState = iota
	behindBlank
	behindLine
	behindBackslash
	behindString
	behindComma
)

// feed implements decoder.
func (d *digits) feed(text, out []byte, _ bool) (int, []byte) {
	for i, c := range text {
		if v := d.value[c]; v != none && d.state == inDigits {
			out = d.digit(out, v)
		} else if out = d.between(out, c, d.read+int64(i)); d.done {
			d.other = c == '=' || classes()[c]&digit != 0
			d.read += int64(i)
			return i, out
		}
	}
	d.read += int64(len(text))
	return len(text), out
}

func (d *digits) ended() bool { return d.done }

// digit takes a digit.
func (d *digits) digit(out []byte, v byte) []byte {
	d.bits = d.bits<<d.width | uint32(v)
	if d.n += d.width; d.n >= 8 {
		d.n -= 8
		out = append(out, byte(d.bits>>d.n))
	}
	return out
}

// between takes an octet that is no digit, or stands where one may end the literal. at is where.
func (d *digits) between(out []byte, c byte, at int64) []byte {
	line, blank, quote := c == '\r' || c == '\n', c == ' ' || c == '\t', bytes.IndexByte([]byte(quotes), c) >= 0
	switch d.state {
	case behindBackslash:
		switch {
		case line, c == 'n', c == 'r', c == 't':
			d.state = behindLine
		case c == '/' && d.value['/'] != none:
			d.state = inDigits
			return d.digit(out, d.value['/'])
		case quote:
			d.state = behindString
		default:
			d.done = true
		}
	case behindString, behindComma:
		switch {
		case quote:
			d.state = inDigits
		case c == ',' && d.state == behindString:
			d.state = behindComma
			if d.joint == 0 && d.n != 0 {
				d.joint = at
			}
		default:
			d.done = bytes.IndexByte([]byte(joints), c) < 0
		}
	default:
		switch {
		case line:
			d.state = behindLine
		case blank:
			if d.state == inDigits {
				d.state = behindBlank
			}
		case quote && d.state != behindBlank:
			d.state = behindString
		case c == '\\' && d.state != behindBlank:
			d.state = behindBackslash
		case d.value[c] != none && d.state == behindLine:
			d.state = inDigits
			return d.digit(out, d.value[c])
		default:
			d.done = true
		}
	}
	return out
}
