package archive

import (
	"bufio"
	"io"
)

// inflate64 undoes Deflate64: RFC 1951 with a window of 64 KiB, two more codes for distances, and one that means something else for lengths.
type inflate64 struct {
	history
	bits     bitReader
	lengths  *prefixCode
	distance *prefixCode
	last     bool
	inBlock  bool
	stored   int // octets left of a block that is not compressed
}

func newInflate64(packed io.Reader) io.Reader {
	f := &inflate64{bits: bitReader{r: bufio.NewReader(packed)}}
	f.history = history{window: 64 << 10, ahead: -1, step: f.next}
	return f
}

func (f *inflate64) next() error {
	switch {
	case f.stored > 0:
		c, err := f.bits.r.ReadByte()
		if err != nil {
			return err
		}
		f.literal(c)
		f.stored--
		f.inBlock = f.stored > 0
		return nil
	case f.inBlock:
		return f.symbol()
	case f.last:
		return errEnd
	default:
		return f.block()
	}
}

// block reads the header of a block (RFC 1951 section 3.2.3).
func (f *inflate64) block() error {
	head, err := f.bits.bits(3)
	if err != nil {
		return err
	}
	f.last = head&1 != 0
	switch head >> 1 {
	case 0:
		f.bits.left = 0
		n, err := f.bits.bits(16)
		if err != nil {
			return err
		}
		if _, err := f.bits.bits(16); err != nil {
			return err
		}
		f.stored, f.inBlock = n, n > 0
		return nil
	case 1:
		lengths := make([]byte, 288)
		for i := range lengths {
			switch {
			case i < 144, i > 279:
				lengths[i] = 8
			case i < 256:
				lengths[i] = 9
			default:
				lengths[i] = 7
			}
		}
		distances := make([]byte, 32)
		for i := range distances {
			distances[i] = 5
		}
		return f.codes(lengths, distances)
	case 2:
		return f.dynamic()
	default:
		return errPacked
	}
}

func (f *inflate64) codes(lengths, distances []byte) (err error) {
	if f.lengths, err = newPrefixCode(lengths); err != nil {
		return err
	}
	f.distance, err = newPrefixCode(distances)
	f.inBlock = true
	return err
}

// dynamic reads the codes of a block (RFC 1951 section 3.2.7).
func (f *inflate64) dynamic() error {
	var counts [3]int
	for i, n := range [3]int{5, 5, 4} {
		v, err := f.bits.bits(n)
		if err != nil {
			return err
		}
		counts[i] = v + [3]int{257, 1, 4}[i]
	}
	var first [19]byte
	order := [19]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	for _, symbol := range order[:counts[2]] {
		n, err := f.bits.bits(3)
		if err != nil {
			return err
		}
		first[symbol] = byte(n)
	}
	code, err := newPrefixCode(first[:])
	if err != nil {
		return err
	}
	list := make([]byte, 0, 320)
	for len(list) < counts[0]+counts[1] {
		symbol, err := code.read(&f.bits)
		if err != nil {
			return err
		}
		if symbol < 16 {
			list = append(list, byte(symbol))
			continue
		}
		extra, least, value := 2, 3, byte(0)
		switch symbol {
		case 16:
			if len(list) == 0 {
				return errPacked
			}
			value = list[len(list)-1]
		case 17:
			extra = 3
		default:
			extra, least = 7, 11
		}
		n, err := f.bits.bits(extra)
		if err != nil {
			return err
		}
		for range n + least {
			list = append(list, value)
		}
	}
	if len(list) > counts[0]+counts[1] {
		return errPacked
	}
	return f.codes(list[:counts[0]], list[counts[0]:])
}

// symbol reads a literal or a repetition.
func (f *inflate64) symbol() error {
	symbol, err := f.lengths.read(&f.bits)
	switch {
	case err != nil:
		return err
	case symbol < 256:
		f.literal(byte(symbol))
		return nil
	case symbol == 256:
		f.inBlock = false
		return nil
	case symbol > 285:
		return errPacked
	}
	length, extra := symbol-257+3, 0
	switch {
	case symbol == 285:
		length, extra = 3, 16
	case symbol >= 265:
		extra = (symbol - 261) / 4
		length = 3 + (4+(symbol-261)%4)<<extra
	}
	more, err := f.bits.bits(extra)
	if err != nil {
		return err
	}
	slot, err := f.distance.read(&f.bits)
	if err != nil {
		return err
	}
	back, extra := slot+1, 0
	if slot >= 4 {
		extra = slot/2 - 1
		back = 1 + (2+slot%2)<<extra
	}
	far, err := f.bits.bits(extra)
	if err != nil {
		return err
	}
	return f.repeat(back+far, length+more)
}
