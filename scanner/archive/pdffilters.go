package archive

import (
	"bufio"
	"io"
	"slices"
)

// runLengths undoes RunLengthDecode (ISO 32000-1 section 7.4.5): so many octets as they stand, or one of them many times.
type runLengths struct {
	r    *bufio.Reader
	n    int // octets of the run still to come
	same bool
	c    byte // the one that is repeated
}

func (l *runLengths) Read(p []byte) (n int, err error) {
	for ; n < len(p); n++ {
		if l.n == 0 {
			if err := l.next(); err != nil {
				return n, err
			}
		}
		l.n--
		if p[n] = l.c; !l.same {
			if p[n], err = l.r.ReadByte(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// next begins a run. Errors: io.EOF at the end.
func (l *runLengths) next() error {
	const end = 128
	length, err := l.r.ReadByte()
	switch {
	case err != nil:
		return err
	case length == end:
		return io.EOF
	case length < end:
		l.n, l.same = int(length)+1, false
		return nil
	}
	l.n, l.same = 257-int(length), true
	l.c, err = l.r.ReadByte()
	return err
}

// LZW as PDF has it (ISO 32000-1 section 7.4.4): words of 9 to 12 bits.
const (
	lzwClear = 256
	lzwEnd   = 257
	lzwWords = 4096
	lzwWidth = 9
)

// lzw undoes LZWDecode, which compress/lzw does not: the words become longer one word earlier there.
type lzw struct {
	bits   bitReader
	prefix [lzwWords]uint16 // the word that another continues
	suffix [lzwWords]byte   // by this octet
	next   int              // word to be defined
	width  int
	last   int // word read; -1: none
	out    []byte
	read   int // octets of out
}

func newLZW(r io.ByteReader) *lzw {
	l := &lzw{bits: bitReader{r: r, highest: true}}
	for c := range lzwClear {
		l.suffix[c] = byte(c)
	}
	l.clear()
	return l
}

func (l *lzw) clear() { l.next, l.width, l.last = lzwEnd+1, lzwWidth, -1 }

func (l *lzw) Read(p []byte) (int, error) {
	for l.read == len(l.out) {
		word, err := l.bits.bits(l.width)
		switch {
		case err != nil:
			return 0, err
		case word == lzwEnd:
			return 0, io.EOF
		case word == lzwClear:
			l.clear()
			continue
		case word > l.next, word == l.next && l.last < 0:
			return 0, errPacked
		}
		l.write(word)
		l.last = word
	}
	n := copy(p, l.out[l.read:])
	l.read += n
	return n, nil
}

// write writes a word, and defines one: the last one, and the first octet of this.
func (l *lzw) write(word int) {
	l.out, l.read = l.out[:0], 0
	known := word
	if word == l.next {
		known = l.last
	}
	for w := known; ; w = int(l.prefix[w]) {
		l.out = append(l.out, l.suffix[w])
		if w < lzwClear {
			break
		}
	}
	slices.Reverse(l.out)
	if word == l.next {
		l.out = append(l.out, l.out[0])
	}
	if l.last < 0 || l.next == lzwWords {
		return
	}
	l.prefix[l.next], l.suffix[l.next] = uint16(l.last), l.out[0]
	if l.next++; l.next+1 >= 1<<l.width && l.width < 12 {
		l.width++
	}
}
