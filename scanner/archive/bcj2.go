package archive

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// bcj2 puts x86 code together from the four streams of 7-Zip's second branch filter: the code itself, without the targets of calls
// and jumps that were made absolute, those of calls, those of jumps, and arithmetically coded, for each place where a target may
// stand, whether it was taken out.
type bcj2 struct {
	code, calls, jumps, choices *bufio.Reader

	probability [258]uint32 // of a target that is left in place, in 2048ths, by the octet ahead of a call, for jumps, and for conditional ones
	span, value uint32

	last byte   // written
	at   uint32 // octets written
	out  []byte // of a target, not delivered yet
	room [4]byte
}

func newBCJ2(inputs []io.Reader) (io.Reader, error) {
	if len(inputs) != 4 {
		return nil, fmt.Errorf("a branch filter of %d inputs", len(inputs))
	}
	b := &bcj2{
		code: bufio.NewReader(inputs[0]), calls: bufio.NewReader(inputs[1]), jumps: bufio.NewReader(inputs[2]), choices: bufio.NewReader(inputs[3]),
		span: 1<<32 - 1,
	}
	for i := range b.probability {
		b.probability[i] = 1024
	}
	var first [5]byte
	if _, err := io.ReadFull(b.choices, first[:]); err != nil {
		return nil, errors.New("a branch filter that is cut")
	}
	b.value = binary.BigEndian.Uint32(first[1:])
	return b, nil
}

func (b *bcj2) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(b.out) > 0 {
			m := copy(p[n:], b.out)
			b.out, n = b.out[m:], n+m
			continue
		}
		c, err := b.code.ReadByte()
		if err != nil {
			return n, err
		}
		before := b.last
		p[n], b.last = c, c
		n++
		b.at++
		call := c&0xfe == 0xe8
		if !call && (before != 0x0f || c&0xf0 != 0x80) {
			continue
		}
		if err := b.branch(before, c); err != nil {
			return n, err
		}
	}
	return n, nil
}

// branch decides whether a target was taken out behind the octet c, and puts it back.
func (b *bcj2) branch(before, c byte) error {
	index := 257
	targets := b.jumps
	switch c {
	case 0xe8:
		index, targets = int(before), b.calls
	case 0xe9:
		index = 256
	}
	taken, err := b.choose(&b.probability[index])
	if err != nil || !taken {
		return err
	}
	if _, err := io.ReadFull(targets, b.room[:]); err != nil {
		return io.ErrUnexpectedEOF
	}
	b.at += 4
	binary.LittleEndian.PutUint32(b.room[:], binary.BigEndian.Uint32(b.room[:])-b.at)
	b.out, b.last = b.room[:], b.room[3]
	return nil
}

// choose decodes one choice and adapts its probability.
func (b *bcj2) choose(probability *uint32) (taken bool, err error) {
	bound := (b.span >> 11) * *probability
	if b.value < bound {
		b.span = bound
		*probability += (2048 - *probability) >> 5
	} else {
		b.span -= bound
		b.value -= bound
		*probability -= *probability >> 5
		taken = true
	}
	if b.span < 1<<24 {
		next, err := b.choices.ReadByte()
		if err != nil {
			return false, io.ErrUnexpectedEOF
		}
		b.span, b.value = b.span<<8, b.value<<8|uint32(next)
	}
	return taken, nil
}
