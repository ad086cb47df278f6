package literal

import (
	"bytes"
	"strconv"
	"sync"
	"unicode/utf8"
)

const (
	longestCode = 16 // octets in which one character is told
	maxBetween  = 16 // octets between two codes, which stand for themselves
	tellingCode = 4  // codes in a stretch that tell what it is
)

// form is how a character is told by number.
type form struct {
	prefix      string
	base        int
	least, most int // digits
}

// forms returns those that begin with each mark. Of these the first that fits counts.
var forms = sync.OnceValue(func() map[byte][]form {
	return map[byte][]form{
		'\\': { // ECMA-262
			{prefix: `\x`, base: 16, least: 2, most: 2},
			{prefix: `\u`, base: 16, least: 4, most: 4},
			{prefix: `\`, base: 8, least: 2, most: 3},
		},
		'%': { // RFC 3986 section 2.1, and what unescape() takes beside it
			{prefix: "%u", base: 16, least: 4, most: 4},
			{prefix: "%", base: 16, least: 2, most: 2},
		},
		'&': { // HTML, XML
			{prefix: "&#x", base: 16, least: 1, most: 6},
			{prefix: "&#X", base: 16, least: 1, most: 6},
			{prefix: "&#", base: 10, least: 1, most: 7},
		},
		'=': {{prefix: "=", base: 16, least: 2, most: 2}}, // quoted-printable, as in vCard 2.1
	}
})

// read returns the character that text begins with, and how many octets tell it; 0 where it begins with none in this form.
func (f *form) read(text []byte) (char rune, n int) {
	rest, ok := bytes.CutPrefix(text, []byte(f.prefix))
	if !ok {
		return 0, 0
	}
	digits := 0
	for digits < min(len(rest), f.most) {
		if v, ok := hexValue(rest[digits]); !ok || int(v) >= f.base {
			break
		}
		digits++
	}
	v, err := strconv.ParseUint(string(rest[:digits]), f.base, 32)
	if digits < f.least || err != nil || v > utf8.MaxRune {
		return 0, 0
	}
	n = len(f.prefix) + digits
	if f.prefix[0] == '&' && digits < len(rest) && rest[digits] == ';' { // browsers do without it
		n++
	}
	return rune(v), n
}

// readCode returns the character that text begins with in one of the forms, and how many octets tell it; 0 where it begins with none.
func readCode(text []byte, forms []form) (char rune, n int) {
	for i := range forms {
		if char, n = forms[i].read(text); n > 0 {
			return char, n
		}
	}
	return 0, 0
}

// newCodes returns a decoder of a string that begins with text, a stretch, where that holds enough codes with one of marks; else nil.
func newCodes(text []byte, marks string) *codes {
	for i := range len(marks) {
		mark := marks[i]
		if bytes.Count(text, []byte{mark}) < tellingCode {
			continue
		}
		forms, count := forms()[mark], 0
		for at := 0; ; at++ {
			next := bytes.IndexByte(text[at:], mark)
			if next < 0 {
				break
			}
			at += next
			if _, n := readCode(text[at:], forms); n > 0 {
				count++
			}
		}
		if count >= tellingCode {
			return &codes{mark: mark, forms: forms}
		}
	}
	return nil
}

// codes decodes strings, many of whose characters are told by number.
type codes struct {
	mark    byte
	forms   []form
	between int  // octets since the last code
	joint   bool // between two strings
	done    bool

	read   int64 // octets of the text
	behind int64 // how many it had read behind the last code
}

// feed implements decoder.
func (d *codes) feed(text, out []byte, last bool) (int, []byte) {
	i := 0
	for !d.done && i < len(text) && (last || i+longestCode <= len(text)) {
		c := text[i]
		quote := bytes.IndexByte([]byte(quotes), c) >= 0
		if d.joint {
			d.joint = !quote
			if d.done = d.joint && bytes.IndexByte([]byte(joints), c) < 0; !d.done {
				i++
			}
			continue
		}
		if c == d.mark {
			if char, n := readCode(text[i:], d.forms); n > 0 {
				if char < 0x100 {
					out = append(out, byte(char))
				} else {
					out = utf8.AppendRune(out, char)
				}
				i += n
				d.between, d.behind = 0, d.read+int64(i)
				continue
			}
		}
		switch {
		case quote:
			d.joint = true
		case d.mark == '\\' && c == '\\' || d.mark == '=' && c == '=': // the line goes on
		case (d.mark == '\\' || d.mark == '=') && (c == '\r' || c == '\n'):
		case d.between == maxBetween, c == '<', c == '>':
			d.done = true
			continue
		default:
			d.between++
			out = append(out, c)
		}
		i++
	}
	d.read += int64(i)
	return i, out
}

func (d *codes) ended() bool { return d.done }
