package archive

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// openARJ opens an archive of ARJ: headers, each with the length of what follows.
func openARJ(o *opening, at int64) error {
	const magicLen, sumLen, maxHead = 4, 4, 2600
	for members := 0; ; members++ {
		b, err := o.bytes(at, magicLen+maxHead+sumLen+2)
		if err != nil {
			return err
		}
		c := &cursor{b: b}
		magic, n := c.u16(), uint64(c.u16())
		if magic == 0xea60 && n == 0 && members > 0 {
			return nil
		}
		head := c.take(n)
		sum := c.u32()
		if magic != 0xea60 || c.bad || n > maxHead || sum != crc32.ChecksumIEEE(head) {
			if members == 0 {
				return nil // two octets say little
			}
			return malformed("a header that is cut")
		}
		at += int64(magicLen + n + sumLen)
		for { // extended headers
			n := int64(c.u16())
			at += 2
			if n == 0 || c.bad {
				break
			}
			c.take(uint64(n) + sumLen)
			at += n + sumLen
		}
		if members == 0 {
			continue // the archive's own header
		}
		h := &cursor{b: head}
		own := uint64(h.u8())
		h.take(3)
		flags, method, kind := h.u8(), h.u8(), h.u8()
		h.take(5)
		packed, size := int64(h.u32()), int64(h.u32())
		if own < 20 || uint64(len(head)) < own {
			return malformed("a header that makes no sense")
		}
		h.b = head[own:]
		name := h.text()
		if err := o.arjMember(name, flags, method, kind, o.section(at, at+packed), size); err != nil {
			return err
		}
		at += packed
	}
}

// arjMember hands out one member.
func (o *opening) arjMember(name string, flags, method, kind byte, packed *io.SectionReader, size int64) error {
	const secret, directory, stored, fastest = 1, 3, 0, 4
	switch {
	case flags&secret != 0:
		o.encrypted(name)
		return nil
	case kind >= directory || size == 0:
		return nil
	case method == stored:
		return o.member(name, packed)
	case method >= fastest:
		o.note(name, fmt.Errorf("compression method %d is not known here", method))
		return nil
	}
	if err := o.out.Expect(size); err != nil {
		return err
	}
	return o.member(name, &exactly{newUnARJ(packed), size})
}

// unARJ undoes the methods 1 to 3 of ARJ: repetitions, in blocks that have codes of their own.
type unARJ struct {
	history
	bits             bitReader
	left             int // words in this block
	words, distances func() (int, error)
}

func newUnARJ(packed io.Reader) io.Reader {
	u := &unARJ{bits: bitReader{r: bufio.NewReader(packed), highest: true}}
	u.history = history{window: 32 << 10, ahead: -1, step: u.next}
	return u
}

func (u *unARJ) next() error {
	if u.left == 0 {
		if err := u.block(); err != nil {
			return err
		}
	}
	u.left--
	word, err := u.words()
	if err != nil {
		return err
	}
	if word < 256 {
		u.literal(byte(word))
		return nil
	}
	n, err := u.distances()
	if err != nil {
		return err
	}
	back := n
	if n > 1 {
		more, err := u.bits.bits(n - 1)
		if err != nil {
			return err
		}
		back = 1<<(n-1) + more
	}
	return u.repeat(back+1, word-256+3)
}

// block reads the number of words in the next block, and its codes.
func (u *unARJ) block() (err error) {
	const words, lengths, distances, skipAt = 510, 19, 17, 3
	if u.left, err = u.bits.bits(16); err != nil {
		return err
	}
	if u.left == 0 {
		return errPacked
	}
	first, err := u.shortCode(lengths, skipAt)
	if err != nil {
		return err
	}
	if u.words, err = u.longCode(words, first); err != nil {
		return err
	}
	u.distances, err = u.shortCode(distances, -1)
	return err
}

// constant is a code of one word without a bit.
func (u *unARJ) constant(bits int) (func() (int, error), error) {
	v, err := u.bits.bits(bits)
	return func() (int, error) { return v, nil }, err
}

// coded is a code with words of the lengths given.
func (u *unARJ) coded(list []byte) (func() (int, error), error) {
	code, err := newPrefixCode(list)
	return func() (int, error) { return code.read(&u.bits) }, err
}

// shortCode reads the lengths of words as numbers; behind the first three, in one of the two, some may be left out.
func (u *unARJ) shortCode(most, skipAt int) (func() (int, error), error) {
	n, err := u.bits.bits(5)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return u.constant(5)
	}
	list := make([]byte, 0, most)
	for len(list) < n {
		length, err := u.bits.bits(3)
		for more := 1; err == nil && length >= 7 && more == 1; length += more {
			more, err = u.bits.bit()
		}
		if err != nil {
			return nil, err
		}
		if length > 16 {
			return nil, errPacked
		}
		list = append(list, byte(length))
		if len(list) == skipAt {
			skip, err := u.bits.bits(2)
			if err != nil {
				return nil, err
			}
			list = append(list, make([]byte, skip)...)
		}
	}
	if len(list) > most {
		return nil, errPacked
	}
	return u.coded(list)
}

// longCode reads the lengths of words as words of another code.
func (u *unARJ) longCode(most int, lengths func() (int, error)) (func() (int, error), error) {
	n, err := u.bits.bits(9)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return u.constant(9)
	}
	list := make([]byte, 0, most)
	for len(list) < n {
		length, err := lengths()
		if err != nil {
			return nil, err
		}
		zeros := 0
		switch length {
		case 0:
			zeros = 1
		case 1:
			zeros, err = u.bits.bits(4)
			zeros += 3
		case 2:
			zeros, err = u.bits.bits(9)
			zeros += 20
		default:
			list = append(list, byte(length-2))
		}
		if err != nil {
			return nil, err
		}
		list = append(list, make([]byte, zeros)...)
	}
	if len(list) > most {
		return nil, errors.New("a code of too many words")
	}
	return u.coded(list)
}
