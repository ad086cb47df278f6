package archive

import (
	"bufio"
	"compress/bzip2"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// dependsOnLength says whether what follows a content packed by method would be taken for more of it.
func dependsOnLength(method uint16) bool {
	switch method {
	case methodStored, methodBzip2, methodOldZstd, methodZstd, methodXZ:
		return true
	default:
		return false
	}
}

// unpack returns a reader of what packed holds, compressed by one of the methods of zip archives (APPNOTE.TXT section 4.4.5). It is to
// be closed where it can be.
func unpack(r reading, packed *io.SectionReader) (io.Reader, error) {
	if dependsOnLength(r.method) {
		packed = io.NewSectionReader(packed, 0, r.size)
	}
	switch r.method {
	case methodImploded:
		content, err := newExplode(packed, r.flags)
		return &exactly{content, r.size}, err
	case methodDeflate9:
		return newInflate64(packed), nil
	case methodDeflated:
		return flate.NewReader(bufio.NewReader(packed)), nil
	case methodBzip2:
		return bzip2.NewReader(packed), nil
	case methodLZMA:
		return unpackLZMA(packed, r.size)
	case methodOldZstd, methodZstd:
		content, err := newZstd(packed)
		if err != nil {
			return nil, err
		}
		return zstdReader{windowReader{content}, content.Close}, nil
	case methodXZ:
		return newXZ(packed)
	default:
		return nil, fmt.Errorf("compression method %d is not known here", r.method)
	}
}

// zstdReader is closed without an error.
type zstdReader struct {
	io.Reader
	end func()
}

func (z zstdReader) Close() error {
	z.end()
	return nil
}

// unpackLZMA reads the header that zip archives have (APPNOTE.TXT section 5.8.8) and what follows.
func unpackLZMA(packed *io.SectionReader, size int64) (io.Reader, error) {
	var b [9]byte
	if _, err := packed.ReadAt(b[:], 0); err != nil {
		return nil, errors.New("a compressed content that is cut")
	}
	if n := binary.LittleEndian.Uint16(b[2:]); n != 5 {
		return nil, fmt.Errorf("%d octets of LZMA properties", n)
	}
	length := uint64(math.MaxUint64) // marked
	if size > 0 {
		length = uint64(size)
	}
	head := binary.LittleEndian.AppendUint64(b[4:9:9], length)
	return newLZMA(head, io.NewSectionReader(packed, 9, packed.Size()-9))
}
