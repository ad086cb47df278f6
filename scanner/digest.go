package scanner

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// sized is what is known of the contents of one size.
type sized struct {
	put  bool // there is one, and its digest has been put off
	from Leaf // it is this body of the mail
}

// nowhere stands for the place of a content that is no body of the whole mail.
func nowhere() Leaf { return Leaf{At: elsewhere} }

// digest returns the SHA-256 of a content, by which it is known again. from is where the whole mail, which is there until the end, has it as a
// body: the digest of one is put off until there is another content of its size, and what is returned in its place is the digest of nothing
// else. Most bodies never meet another of their size.
//
// It also puts all of the content where Part.Region finds it.
func (x *examination) digest(content *Buffer, from Leaf) (sum [sha256.Size]byte, err error) {
	size := content.Size()
	other, met := x.sizes[size]
	switch {
	case x.sizes == nil: // the whole mail's, which is always known
	case !met && from.At != elsewhere && x.trace == nil:
		x.sizes[size] = sized{put: true, from: from}
		return standIn(size), content.Flush()
	case !met:
		x.sizes[size] = sized{}
	case other.put:
		x.sizes[size] = sized{}
		if err := x.makeUp(size, other.from); err != nil {
			return sum, err
		}
	}
	h := sha256.New()
	if _, err := content.WriteTo(h); err != nil {
		return sum, fmt.Errorf("reading back a spooled message: %w", err)
	}
	h.Sum(sum[:0])
	return sum, nil
}

// standIn returns what stands for the digest of a content whose own has been put off. Nobody can make one that has it.
func standIn(size int64) (sum [sha256.Size]byte) {
	binary.BigEndian.PutUint64(sum[:], uint64(size))
	return sum
}

// makeUp has the content of a size that is a body of the whole mail known by its own digest. Errors: those of reading it.
func (x *examination) makeUp(size int64, from Leaf) error {
	path, known := x.seen[standIn(size)]
	if !known {
		return nil
	}
	h := sha256.New()
	decoder := newDecoder(from.Encoding, h)
	_, err := io.Copy(decoder, io.NewSectionReader(x.whole.part.content, from.At, from.End-from.At))
	if err = errors.Join(err, decoder.Close()); err != nil {
		return fmt.Errorf("reading back a spooled message: %w", err)
	}
	delete(x.seen, standIn(size))
	x.seen[[sha256.Size]byte(h.Sum(nil))] = path
	return nil
}
