package archive

import (
	"encoding/binary"
	"io"
	"math/bits"
	"strings"
)

// Names of what the compressed part of a help file is made of.
const (
	chmContent = "::DataSpace/Storage/MSCompressed/Content"
	chmControl = "::DataSpace/Storage/MSCompressed/ControlData"
	chmTable   = "::DataSpace/Storage/MSCompressed/Transform/{7FC28940-9D31-11D0-9B27-00A0C91E9C7C}/InstanceData/ResetTable"
)

// openCHM opens compiled help: a directory in pieces, contents that stand as they are, and others that are packed by LZX together.
func openCHM(o *opening, at int64) error {
	const headLen, directoryLen, pieceHead = 0x60, 0x54, 0x14
	head, err := o.bytes(at, headLen)
	if err != nil {
		return err
	}
	if len(head) < headLen {
		return malformed("a header that is cut")
	}
	le := binary.LittleEndian
	room := uint64(o.size)
	directory, length, contents := le.Uint64(head[0x48:]), le.Uint64(head[0x50:]), le.Uint64(head[0x58:])
	if le.Uint32(head[4:]) < 3 {
		contents = directory + length
	}
	if directory > room || contents > room {
		return malformed("parts that are not in the file")
	}
	h := &help{opening: o, base: at + int64(contents)}
	d, err := o.bytes(at+int64(directory), directoryLen)
	if err != nil {
		return err
	}
	if len(d) < directoryLen || string(d[:4]) != "ITSP" {
		return malformed("no directory")
	}
	piece, count := le.Uint32(d[0x10:]), le.Uint32(d[0x2c:])
	if piece < pieceHead || piece > 1<<20 {
		return malformed("pieces of a directory of %d octets", piece)
	}
	next := at + int64(directory) + directoryLen
	for range count {
		b, err := o.bytes(next, int(piece))
		if err != nil {
			return err
		}
		if len(b) < int(piece) {
			break
		}
		next += int64(piece)
		if free := le.Uint32(b[4:]); string(b[:4]) == "PMGL" && free <= piece-pieceHead {
			if err := h.list(&cursor{b: b[pieceHead : piece-free]}); err != nil {
				return err
			}
		}
	}
	for _, f := range h.plain {
		if strings.HasPrefix(f.name, "::") {
			continue // parts of the format
		}
		if err := o.whole(f.name, h.base+f.at, f.size); err != nil {
			return err
		}
	}
	return o.extract(h.packed, h.open)
}

// help is a compiled help file being opened.
type help struct {
	*opening
	base          int64 // of the contents
	plain, packed []packedFile
}

// list reads entries: name, whether it is packed, offset and length.
func (h *help) list(c *cursor) error {
	for len(c.b) > 0 {
		name := string(c.take(seven(c)))
		packed, at, size := seven(c), seven(c), seven(c)
		if c.bad {
			return nil // the rest of the piece is an index
		}
		f := packedFile{name: name, at: int64(min(at, 1<<48)), size: int64(min(size, 1<<48))}
		if packed != 0 {
			h.packed = append(h.packed, f)
		} else {
			h.plain = append(h.plain, f)
		}
		if len(h.packed)+len(h.plain) > maxItems {
			return budget("more than %d files", maxItems)
		}
	}
	return nil
}

// seven reads a number of seven bits an octet, the highest first.
func seven(c *cursor) (v uint64) {
	for {
		b := c.u8()
		v = v<<7 | uint64(b&0x7f)
		if b&0x80 == 0 {
			return v
		}
	}
}

// part returns what a name of the format stands for.
func (h *help) part(name string) (*io.SectionReader, []byte) {
	for _, f := range h.plain {
		if f.name == name {
			s := h.section(h.base+min(f.at, h.size), h.base+min(f.at, h.size)+f.size)
			b := make([]byte, min(s.Size(), 64))
			n, _ := s.ReadAt(b, 0)
			return s, b[:n]
		}
	}
	return nil, nil
}

// open returns a reader of what is packed.
func (h *help) open(int) (io.Reader, error) {
	le := binary.LittleEndian
	content, _ := h.part(chmContent)
	_, control := h.part(chmControl)
	_, table := h.part(chmTable)
	if content == nil || len(control) < 24 || len(table) < 0x18 || string(control[4:8]) != "LZXC" {
		return nil, errPacked
	}
	interval, window := le.Uint32(control[12:]), le.Uint32(control[16:])
	if le.Uint32(control[8:]) == 2 {
		interval, window = interval*lzxFrame, window*lzxFrame
	}
	size := int64(min(le.Uint64(table[0x10:]), 1<<48))
	return newLZX(content, bits.Len32(window)-1, size, int(interval/lzxFrame))
}
