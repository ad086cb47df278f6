package archive

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// maxObjects bounds the objects of one document that are looked at; beyond: budget.
const maxObjects = 10_000

// openRTF opens the objects in a document: hexadecimal digits behind \objdata.
func openRTF(o *opening, at int64) error {
	text := o.section(at, o.size)
	return eachWord(text, []byte(`\objdata`), maxObjects, func(from int64) error {
		if err := o.ctx.Err(); err != nil {
			return err
		}
		digits := func() io.Reader { return &hexGroup{r: bufio.NewReader(o.section(at+from, o.size))} }
		if err := o.member("object", digits()); err != nil {
			return err
		}
		return o.object(digits())
	})
}

// object hands out what an object holds ([MS-OLEDS] section 2.2.5): version and format, three names, each with its length ahead, and the
// content with its own. What is no object has been handed out as it is.
func (o *opening) object(r io.Reader) error {
	var number [4]byte
	next := func() (int64, bool) {
		_, err := io.ReadFull(r, number[:])
		return int64(binary.LittleEndian.Uint32(number[:])), err == nil
	}
	next()
	next()
	class := ""
	for i := range 3 {
		n, ok := next()
		if !ok || n > maxName {
			return nil
		}
		name := make([]byte, n)
		if _, err := io.ReadFull(r, name); err != nil {
			return nil
		}
		if i == 0 {
			class = string(bytes.TrimRight(name, "\x00"))
		}
	}
	size, ok := next()
	if !ok {
		return nil
	}
	content := io.LimitReader(r, size)
	if class == "Package" {
		return o.packaged(content, 0)
	}
	_, err := o.attempt(class, content)
	return err
}

// eachWord calls found for the octet behind each place in content where word stands, limit times at most.
//
// Errors: those of found and of content; a faultError where there are more.
func eachWord(content *io.SectionReader, word []byte, limit int, found func(at int64) error) error {
	buffer := make([]byte, min(content.Size(), chunk))
	count := 0
	for at := int64(0); at < content.Size(); {
		n, err := content.ReadAt(buffer, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		i := 0
		for {
			next := bytes.Index(buffer[i:n], word)
			if next < 0 {
				break
			}
			i += next + len(word)
			if count++; count > limit {
				return budget("more than %d of %q", limit, word)
			}
			if err := found(at + int64(i)); err != nil {
				return err
			}
		}
		if at+int64(n) >= content.Size() {
			return nil
		}
		at += int64(max(i, n-len(word)+1))
	}
	return nil
}

// hexGroup reads the hexadecimal digits up to the end of the group they stand in. Control words and groups among them, which hide objects
// from scanners, are passed over, as the programs that open documents do.
type hexGroup struct {
	r     *bufio.Reader
	depth int
	half  byte // of an octet
	odd   bool
	ended bool
}

func (h *hexGroup) Read(p []byte) (n int, err error) {
	for n < len(p) && !h.ended {
		c, err := h.r.ReadByte()
		if err != nil {
			return n, err
		}
		switch c {
		case '{':
			h.depth++
		case '}':
			h.depth--
			h.ended = h.depth < 0
		case '\\':
			if err := h.control(); err != nil {
				return n, err
			}
		default:
			digit, ok := hexDigit(c)
			switch {
			case !ok:
			case h.odd:
				p[n], h.odd = h.half<<4|digit, false
				n++
			default:
				h.half, h.odd = digit, true
			}
		}
	}
	if n == 0 && h.ended {
		return 0, io.EOF
	}
	return n, nil
}

// control passes over a control word, its number and the blank behind it, or over a control symbol.
func (h *hexGroup) control() error {
	const letters, digits = 0, 1
	state, first := letters, true
	for {
		c, err := h.r.ReadByte()
		if err != nil {
			return err
		}
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		switch {
		case letter && state == letters:
		case first:
			return nil
		case c >= '0' && c <= '9' || c == '-' && state == letters:
			state = digits
		case c == ' ':
			return nil
		default:
			return h.r.UnreadByte()
		}
		first = false
	}
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	default:
		return 0, false
	}
}
