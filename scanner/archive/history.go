package archive

import (
	"errors"
	"io"
)

// errPacked says that what was packed breaks the rules of its method.
var errPacked = errors.New("a packed content that is damaged")

// history is the output of a decompressor that repeats what it has written. It is an io.Reader of it.
type history struct {
	window int // octets that may be repeated
	step   func() error
	out    []byte
	read   int   // octets of out that have been read
	ahead  int   // the octet that stands ahead of the first; -1: none may be repeated
	err    error // of step
}

// literal writes one octet.
func (h *history) literal(c byte) { h.out = append(h.out, c) }

// repeat writes n octets once more that were written some octets back.
func (h *history) repeat(back, n int) error {
	if back < 1 || back > h.window {
		return errPacked
	}
	for ; n > 0; n-- {
		from := len(h.out) - back
		switch {
		case from >= 0:
			h.out = append(h.out, h.out[from])
		case h.ahead >= 0:
			h.out = append(h.out, byte(h.ahead))
		default:
			return errPacked
		}
	}
	return nil
}

func (h *history) Read(p []byte) (int, error) {
	for h.read == len(h.out) {
		if h.err != nil {
			return 0, h.err
		}
		if len(h.out) > 2*h.window+chunk {
			kept := copy(h.out, h.out[len(h.out)-h.window:])
			h.out, h.read = h.out[:kept], kept
		}
		h.err = h.step()
		switch {
		case errors.Is(h.err, errEnd):
			h.err = io.EOF
		case errors.Is(h.err, io.EOF):
			h.err = io.ErrUnexpectedEOF
		}
	}
	n := copy(p, h.out[h.read:])
	h.read += n
	return n, nil
}

// errEnd is what step returns at the end of what was packed.
var errEnd = errors.New("the end")

// bitReader reads bits from octets, the highest of each first or the lowest first.
type bitReader struct {
	r       io.ByteReader
	highest bool
	octet   byte
	left    uint // bits of octet that have not been read
}

func (b *bitReader) bit() (int, error) {
	if b.left == 0 {
		c, err := b.r.ReadByte()
		if err != nil {
			return 0, err
		}
		b.octet, b.left = c, 8
	}
	b.left--
	if b.highest {
		return int(b.octet >> b.left & 1), nil
	}
	return int(b.octet >> (7 - b.left) & 1), nil
}

// bits reads a number of n bits: the highest bit first where those of octets come so.
func (b *bitReader) bits(n int) (int, error) {
	v := 0
	for i := range n {
		bit, err := b.bit()
		if err != nil {
			return 0, err
		}
		if b.highest {
			v = v<<1 | bit
		} else {
			v |= bit << i
		}
	}
	return v, nil
}

// prefixCode is a canonical Huffman code: of the words of one length those of lower symbols come first.
type prefixCode struct {
	count   [17]int // words of each length
	symbols []uint16
	inverse bool // of every bit
}

// newPrefixCode makes the code in which each symbol has a word of the length given, 0 for those that have none.
//
// Errors: errPacked where there are more words than fit.
func newPrefixCode(lengths []byte) (*prefixCode, error) {
	c := &prefixCode{}
	for _, n := range lengths {
		if n > 16 {
			return nil, errPacked
		}
		c.count[n]++
	}
	c.count[0] = 0
	free := 1
	var next [18]int
	for n := 1; n <= 16; n++ {
		if free = free<<1 - c.count[n]; free < 0 {
			return nil, errPacked
		}
		next[n+1] = next[n] + c.count[n]
	}
	c.symbols = make([]uint16, next[17])
	for symbol, n := range lengths {
		if n > 0 {
			c.symbols[next[n]] = uint16(symbol)
			next[n]++
		}
	}
	return c, nil
}

// read reads one word. Errors: errPacked for what is none; those of b.
func (c *prefixCode) read(b *bitReader) (int, error) {
	word, first, index := 0, 0, 0
	for n := 1; n <= 16; n++ {
		bit, err := b.bit()
		if err != nil {
			return 0, err
		}
		if c.inverse {
			bit ^= 1
		}
		word |= bit
		if count := c.count[n]; word-first < count {
			return int(c.symbols[index+word-first]), nil
		}
		index += c.count[n]
		first = (first + c.count[n]) << 1
		word <<= 1
	}
	return 0, errPacked
}
