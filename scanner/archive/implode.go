package archive

import (
	"bufio"
	"io"
)

// Flags of imploded members (APPNOTE.TXT section 4.4.4).
const (
	flagLargeWindow = 1 << 1
	flagLiteralTree = 1 << 2
)

// explode undoes the method Implode of zip archives (APPNOTE.TXT section 5.3).
type explode struct {
	history
	bits                         bitReader
	literals, lengths, distances *prefixCode // no literals: they stand as they are
	near                         int         // bits of a distance that are not coded
	least                        int         // octets repeated
}

// newExplode returns a reader of what packed holds. It does not say where it ends.
func newExplode(packed io.Reader, flags uint16) (io.Reader, error) {
	x := &explode{bits: bitReader{r: bufio.NewReader(packed)}, near: 6, least: 2}
	x.history = history{window: 8 << 10, step: x.next}
	if flags&flagLargeWindow != 0 {
		x.near = 7
	}
	var err error
	if flags&flagLiteralTree != 0 {
		x.least = 3
		if x.literals, err = x.tree(256); err != nil {
			return nil, err
		}
	}
	if x.lengths, err = x.tree(64); err != nil {
		return nil, err
	}
	x.distances, err = x.tree(64)
	return x, err
}

// tree reads the lengths of a code's words: each octet says how many follow each other, and how long they are.
func (x *explode) tree(symbols int) (*prefixCode, error) {
	n, err := x.bits.r.ReadByte()
	if err != nil {
		return nil, err
	}
	var list []byte
	for range int(n) + 1 {
		c, err := x.bits.r.ReadByte()
		if err != nil {
			return nil, err
		}
		for range c>>4 + 1 {
			list = append(list, c&0xf+1)
		}
	}
	if len(list) != symbols {
		return nil, errPacked
	}
	code, err := newPrefixCode(list)
	if err != nil {
		return nil, err
	}
	code.inverse = true
	return code, nil
}

func (x *explode) next() error {
	literal, err := x.bits.bit()
	if err != nil {
		return err
	}
	if literal == 1 {
		var c int
		if x.literals != nil {
			c, err = x.literals.read(&x.bits)
		} else {
			c, err = x.bits.bits(8)
		}
		if err == nil {
			x.literal(byte(c))
		}
		return err
	}
	near, err := x.bits.bits(x.near)
	if err != nil {
		return err
	}
	far, err := x.distances.read(&x.bits)
	if err != nil {
		return err
	}
	length, err := x.lengths.read(&x.bits)
	if err != nil {
		return err
	}
	if length == 63 {
		more, err := x.bits.bits(8)
		if err != nil {
			return err
		}
		length += more
	}
	return x.repeat(far<<x.near+near+1, length+x.least)
}
