package scanner

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
)

// sized is what is known of the contents of one size.
type sized struct {
	put bool  // there is one, and its digest has been put off
	at  int64 // where in the whole mail it stands
}

// digest returns the SHA-256 of a content, by which it is known again. at is where its octets stand in the whole mail; elsewhere: not there,
// or encoded. The digest of a stretch of the mail, which is there until the end, is put off until there is another content of its size; what is
// returned in its place is the digest of nothing else. Most bodies never meet another of their size.
//
// It also puts all of the content where Part.Region finds it.
func (x *examination) digest(content *Buffer, at int64) (sum [sha256.Size]byte, err error) {
	size := content.Size()
	other, met := x.sizes[size]
	switch {
	case x.sizes == nil: // the whole mail's, which is always known
	case !met && at != elsewhere && x.trace == nil:
		x.sizes[size] = sized{put: true, at: at}
		return standIn(size), content.Flush()
	case !met:
		x.sizes[size] = sized{}
	case other.put:
		x.sizes[size] = sized{}
		if err := x.makeUp(size, other.at); err != nil {
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

// makeUp has the content of a size that stands at at in the whole mail known by its own digest. Errors: those of reading it.
func (x *examination) makeUp(size, at int64) error {
	path, known := x.seen[standIn(size)]
	if !known {
		return nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(x.whole.part.content, at, size)); err != nil {
		return fmt.Errorf("reading back a spooled message: %w", err)
	}
	delete(x.seen, standIn(size))
	x.seen[[sha256.Size]byte(h.Sum(nil))] = path
	return nil
}
