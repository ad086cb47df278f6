package archive

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// LZX comes in frames, behind each of which the bits begin anew at a word of two octets ([MS-PATCH] section 2).
const (
	lzxFrame   = 32 << 10
	lzxLengths = 249
	lzxE8Limit = 1 << 30 // octets from the first in which targets of calls were made absolute
)

// Kinds of blocks.
const (
	lzxVerbatim = 1
	lzxAligned  = 2
	lzxStored   = 3
)

// lzx undoes LZX.
type lzx struct {
	history
	raw  *bufio.Reader
	bits bitReader
	word *words

	total int64 // octets that are to come
	frame int   // octets of this frame that are to come
	every int   // frames after which all begins anew; 0: never
	until int   // frames until then

	begun               bool
	calls               int64 // the length of the file by which targets were made absolute; 0: they were not
	kind, block         int   // of this block, and its octets that are to come
	odd                 bool  // the block has an octet more behind it
	mains               []byte
	lengths             [lzxLengths]byte
	main, length, align *prefixCode
	recent              [3]int
}

// newLZX returns a reader of size octets, packed with a window of so many bits, that all begin anew after every so many frames.
func newLZX(packed io.Reader, windowBits int, size int64, every int) (io.Reader, error) {
	if windowBits < 15 || windowBits > 21 {
		return nil, fmt.Errorf("a window of %d bits", windowBits)
	}
	slots := 2 * windowBits
	switch windowBits {
	case 20:
		slots = 42
	case 21:
		slots = 50
	}
	raw := bufio.NewReader(packed)
	x := &lzx{raw: raw, word: &words{r: raw}, total: size, every: every, until: every, mains: make([]byte, 256+8*slots)}
	x.bits = bitReader{r: x.word, highest: true}
	x.history = history{window: 1 << windowBits, step: x.next, ahead: 0}
	x.recent = [3]int{1, 1, 1}
	return &lzxCalls{x: x}, nil
}

// words reads octets two by two, the second of each ahead of the first.
type words struct {
	r      *bufio.Reader
	second byte
	half   bool
}

func (w *words) ReadByte() (byte, error) {
	if w.half {
		w.half = false
		return w.second, nil
	}
	var err error
	if w.second, err = w.r.ReadByte(); err != nil {
		return 0, err
	}
	w.half = true
	return w.r.ReadByte()
}

// skip passes over what is left of the word, and says whether there was any.
func (x *lzx) skip() bool {
	left := x.bits.left > 0 || x.word.half
	x.bits.left, x.word.half = 0, false
	return left
}

// next writes what one symbol stands for.
func (x *lzx) next() error {
	if x.total == 0 {
		return errEnd
	}
	if x.frame == 0 {
		if x.begun {
			x.skip()
		}
		if x.every > 0 {
			if x.until == 0 {
				x.until, x.begun, x.block, x.odd = x.every, false, 0, false
				x.recent = [3]int{1, 1, 1}
				clear(x.mains)
				clear(x.lengths[:])
			}
			x.until--
		}
		x.frame = int(min(lzxFrame, x.total))
	}
	if !x.begun {
		if err := x.begin(); err != nil {
			return err
		}
	}
	if x.block == 0 {
		if err := x.header(); err != nil {
			return err
		}
	}
	before := len(x.out)
	var err error
	if x.kind == lzxStored {
		var c byte
		if c, err = x.raw.ReadByte(); err == nil {
			x.literal(c)
		}
	} else {
		err = x.symbol()
	}
	if err != nil {
		return err
	}
	n := len(x.out) - before
	if n > x.frame || n > x.block {
		return errPacked
	}
	x.frame -= n
	x.block -= n
	x.total -= int64(n)
	return nil
}

// begin reads whether calls were changed.
func (x *lzx) begin() error {
	x.begun = true
	changed, err := x.bits.bit()
	if err != nil || changed == 0 {
		return err
	}
	size, err := x.bits.bits(32)
	x.calls = int64(int32(uint32(size)))
	return err
}

// header reads the header of a block.
func (x *lzx) header() (err error) {
	if x.kind == lzxStored && x.odd {
		if _, err := x.raw.ReadByte(); err != nil {
			return err
		}
	}
	if x.kind, err = x.bits.bits(3); err != nil {
		return err
	}
	if x.block, err = x.bits.bits(24); err != nil {
		return err
	}
	x.odd = x.block%2 == 1
	switch x.kind {
	case lzxStored:
		if !x.skip() {
			if _, err := x.raw.Discard(2); err != nil {
				return err
			}
		}
		var b [12]byte
		if _, err := io.ReadFull(x.raw, b[:]); err != nil {
			return err
		}
		for i := range x.recent {
			x.recent[i] = int(binary.LittleEndian.Uint32(b[4*i:]))
		}
	case lzxAligned:
		var list [8]byte
		for i := range list {
			n, err := x.bits.bits(3)
			if err != nil {
				return err
			}
			list[i] = byte(n)
		}
		if x.align, err = newPrefixCode(list[:]); err != nil {
			return err
		}
		return x.codes()
	case lzxVerbatim:
		return x.codes()
	default:
		return errPacked
	}
	if x.block == 0 {
		return errPacked
	}
	return nil
}

// codes reads the codes of a block.
func (x *lzx) codes() (err error) {
	if x.block == 0 {
		return errPacked
	}
	for _, part := range [][]byte{x.mains[:256], x.mains[256:]} {
		if err := x.change(part); err != nil {
			return err
		}
	}
	if x.main, err = newPrefixCode(x.mains); err != nil {
		return err
	}
	if err := x.change(x.lengths[:]); err != nil {
		return err
	}
	x.length, err = newPrefixCode(x.lengths[:])
	return err
}

// change reads by how much the lengths of words differ from those in the block before.
func (x *lzx) change(lengths []byte) error {
	var first [20]byte
	for i := range first {
		n, err := x.bits.bits(4)
		if err != nil {
			return err
		}
		first[i] = byte(n)
	}
	code, err := newPrefixCode(first[:])
	if err != nil {
		return err
	}
	less := func(i, by int) byte { return byte((int(lengths[i]) + 17 - by) % 17) }
	for i := 0; i < len(lengths); {
		symbol, err := code.read(&x.bits)
		if err != nil {
			return err
		}
		if symbol < 17 {
			lengths[i] = less(i, symbol)
			i++
			continue
		}
		bits, least := [3]int{4, 5, 1}[symbol-17], [3]int{4, 20, 4}[symbol-17]
		n, err := x.bits.bits(bits)
		if err != nil {
			return err
		}
		value := byte(0)
		if symbol == 19 {
			by, err := code.read(&x.bits)
			if err != nil {
				return err
			}
			if by > 16 {
				return errPacked
			}
			value = less(i, by)
		}
		if n += least; n > len(lengths)-i {
			return errPacked
		}
		for ; n > 0; n-- {
			lengths[i] = value
			i++
		}
	}
	return nil
}

// symbol reads a literal or a repetition.
func (x *lzx) symbol() error {
	symbol, err := x.main.read(&x.bits)
	if err != nil {
		return err
	}
	if symbol < 256 {
		x.literal(byte(symbol))
		return nil
	}
	symbol -= 256
	length := symbol & 7
	if length == 7 {
		more, err := x.length.read(&x.bits)
		if err != nil {
			return err
		}
		length += more
	}
	back, err := x.distance(symbol >> 3)
	if err != nil {
		return err
	}
	return x.repeat(back, length+2)
}

// distance reads how far back a repetition is, of which the slot says the rough size, or that it is a recent one.
func (x *lzx) distance(slot int) (int, error) {
	if slot < 3 {
		x.recent[0], x.recent[slot] = x.recent[slot], x.recent[0]
		return x.recent[0], nil
	}
	base, extra := lzxSlot(slot)
	more := 0
	var err error
	if x.kind == lzxAligned && extra >= 3 {
		if more, err = x.bits.bits(extra - 3); err != nil {
			return 0, err
		}
		low, err := x.align.read(&x.bits)
		if err != nil {
			return 0, err
		}
		more = more<<3 | low
	} else if more, err = x.bits.bits(extra); err != nil {
		return 0, err
	}
	back := base + more - 2
	x.recent = [3]int{back, x.recent[0], x.recent[1]}
	return back, nil
}

// lzxSlot returns the least distance of a slot, and the bits that are added to it: two slots have as many bits each, up to 17.
func lzxSlot(slot int) (base, extra int) {
	const most = 17
	if slot < 4 {
		return slot, 0
	}
	extra = slot/2 - 1
	if extra <= most {
		return (2 + slot%2) << extra, extra
	}
	return (slot - 2*most) << most, most
}

// lzxCalls reads what LZX holds, with the targets of calls made relative again.
type lzxCalls struct {
	x     *lzx
	frame [lzxFrame]byte
	data  []byte
	at    int64 // of the next frame
	err   error
}

func (c *lzxCalls) Read(p []byte) (int, error) {
	if len(c.data) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		n, err := io.ReadFull(&c.x.history, c.frame[:])
		if errors.Is(err, io.ErrUnexpectedEOF) && c.x.total == 0 {
			err = io.EOF
		}
		c.err, c.data = err, c.frame[:n]
		if c.x.calls != 0 && c.at < lzxE8Limit && n > 10 {
			c.restore(c.data)
		}
		c.at += int64(n)
	}
	n := copy(p, c.data)
	c.data = c.data[n:]
	if n == 0 {
		return 0, c.err
	}
	return n, nil
}

func (c *lzxCalls) restore(b []byte) {
	for i := 0; i < len(b)-10; i++ {
		if b[i] != 0xe8 {
			continue
		}
		at := c.at + int64(i)
		target := int64(int32(binary.LittleEndian.Uint32(b[i+1:])))
		switch {
		case target >= c.x.calls || target < -at:
		case target >= 0:
			binary.LittleEndian.PutUint32(b[i+1:], uint32(target-at))
		default:
			binary.LittleEndian.PutUint32(b[i+1:], uint32(target+c.x.calls))
		}
		i += 4
	}
}
