package archive

import (
	"bufio"
	"encoding/binary"
	"io"
	"strconv"
	"strings"
)

// openAr opens what ar(1) writes, as .deb packages are.
func openAr(o *opening, at int64) error {
	const magicLen, headLen = 8, 60
	for at += magicLen; at < o.size; {
		b, err := o.bytes(at, headLen)
		if err != nil {
			return err
		}
		if len(b) < headLen {
			return malformed("a header that is cut")
		}
		size, err := strconv.ParseInt(strings.TrimSpace(string(b[48:58])), 10, 64)
		if err != nil || size < 0 {
			return malformed("a length that is no number")
		}
		at += headLen
		if err := o.whole(strings.TrimRight(string(b[:16]), " /"), at, size); err != nil {
			return err
		}
		at += size + size%2
	}
	return nil
}

// whole hands out a member that stands in the content as it is.
func (o *opening) whole(name string, at, size int64) error {
	if size == 0 {
		return nil
	}
	return o.member(name, &exactly{o.section(at, at+min(size, o.size)), size})
}

// cpioHead is what the header of a member in a cpio archive says.
type cpioHead struct {
	len        int64 // of the header
	name, size int64
	align      int64 // of the name's end and the content's
}

// openCpio opens archives of cpio(1) in their four forms.
func openCpio(o *opening, at int64) error {
	for members := 0; ; members++ {
		b, err := o.bytes(at, 110)
		if err != nil {
			return err
		}
		h, ok := readCpio(b)
		if !ok || h.name > maxName || h.size < 0 {
			if members == 0 {
				return nil
			}
			return malformed("a header that makes no sense")
		}
		name, err := o.bytes(at+h.len, int(h.name))
		if err != nil {
			return err
		}
		text := strings.TrimRight(string(name), "\x00")
		if text == "TRAILER!!!" {
			return nil
		}
		at += h.len + h.name
		at += (h.align - at%h.align) % h.align
		if err := o.whole(text, at, h.size); err != nil {
			return err
		}
		at += h.size
		at += (h.align - at%h.align) % h.align
		if at >= o.size {
			return nil
		}
	}
}

// readCpio reads a header. ok is false when there is none.
func readCpio(b []byte) (h cpioHead, ok bool) {
	number := func(from, n, base int) int64 {
		v, err := strconv.ParseInt(string(b[from:from+n]), base, 64)
		ok = ok && err == nil
		return v
	}
	ok = true
	switch {
	case len(b) >= 110 && (string(b[:6]) == "070701" || string(b[:6]) == "070702"):
		return cpioHead{110, number(94, 8, 16), number(54, 8, 16), 4}, ok
	case len(b) >= 76 && string(b[:6]) == "070707":
		return cpioHead{76, number(59, 6, 8), number(65, 11, 8), 1}, ok
	case len(b) < 26:
		return h, false
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if order.Uint16(b) == 0o70707 {
			size := int64(order.Uint16(b[22:]))<<16 | int64(order.Uint16(b[24:]))
			return cpioHead{26, int64(order.Uint16(b[20:])), size, 2}, true
		}
	}
	return h, false
}

// openSZDD opens what COMPRESS.EXE wrote: flags for eight of what follows, each an octet, or a place in a ring of 4 KiB and a length.
func openSZDD(o *opening, at int64) error {
	const headLen, window, first = 14, 4096, 4096 - 16
	head, err := o.bytes(at, headLen)
	if err != nil {
		return err
	}
	if len(head) < headLen || head[8] != 'A' {
		return malformed("a header that makes no sense")
	}
	size := int64(binary.LittleEndian.Uint32(head[10:]))
	r := bufio.NewReader(o.section(at+headLen, o.size))
	h := &history{window: window, ahead: ' '}
	place := first // in the ring, of what is written next
	flags, left := byte(0), 0
	h.step = func() error {
		if left == 0 {
			var err error
			if flags, err = r.ReadByte(); err != nil {
				return errEnd
			}
			left = 8
		}
		literal := flags&1 != 0
		flags, left = flags>>1, left-1
		c, err := r.ReadByte()
		if err != nil {
			return errEnd
		}
		if literal {
			h.literal(c)
			place = (place + 1) % window
			return nil
		}
		d, err := r.ReadByte()
		if err != nil {
			return errEnd
		}
		from, n := int(c)|int(d&0xf0)<<4, int(d&0xf)+3
		back := (place - from + window) % window
		if back == 0 {
			back = window
		}
		if err := h.repeat(back, n); err != nil {
			return err
		}
		place = (place + n) % window
		return nil
	}
	if err := o.out.Expect(size); err != nil {
		return err
	}
	return o.member("", io.LimitReader(h, size))
}
