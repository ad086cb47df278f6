package archive

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"
)

// maxLabels is how much may stand ahead of the file in a package.
const maxLabels = 8 << 10

// native hands out what a stream of embedded contents holds ([MS-OLEDS] section 2.3.6): a length, and then what the program that made it
// put there, which is a file with its name as a rule.
func (o *opening) native(content io.Reader) error { return o.packaged(content, 4) }

// packaged hands out the file in a package, which begins behind so many octets of content: two octets, its label and its path, four
// octets of kind, then where it was on the way, and the file, each with its length ahead. What is no package was handed out as it is.
func (o *opening) packaged(content io.Reader, skip uint64) error {
	head := make([]byte, maxLabels)
	n, _ := io.ReadFull(content, head) // an error shows again behind what was read
	c := cursor{b: head[:n]}
	c.take(skip + 2)
	label := c.text()
	c.text()
	c.u32()
	c.take(uint64(c.u32()))
	size := int64(c.u32())
	if c.bad {
		return nil
	}
	_, err := o.attempt(label, io.LimitReader(io.MultiReader(bytes.NewReader(c.b), content), size))
	return err
}

// presentation hands out the objects in a PowerPoint document: records that are packed by zlib ([MS-PPT] section 2.10.34).
func (o *opening) presentation(content io.Reader, size int64) error {
	const container, object, headerLen = 0xf, 0x1011, 8
	r := bufio.NewReader(content)
	for {
		var head [headerLen]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return nil // its end; that it came too early has been noted
		}
		version := binary.LittleEndian.Uint16(head[:])
		kind, n := binary.LittleEndian.Uint16(head[2:]), int64(binary.LittleEndian.Uint32(head[4:]))
		switch {
		case version&0xf == container:
			continue // what it holds follows
		case kind == object && n > 4 && version>>4 == 1:
			record := io.LimitReader(r, n)
			if _, err := io.ReadFull(record, head[:4]); err != nil {
				return nil
			}
			unpacked, err := zlib.NewReader(bufio.NewReader(record))
			if err != nil {
				return malformed("an object that is not packed: %v", err)
			}
			if err := o.member("object", unpacked); err != nil {
				return err
			}
			n = 0
			if _, err := io.Copy(io.Discard, record); err != nil {
				return nil
			}
		}
		if _, err := io.CopyN(io.Discard, r, min(n, size)); err != nil {
			return nil
		}
	}
}

// openActiveMime opens what Office keeps the macros of a document in that is XML or MHTML: a header, at a length that differs, and then a
// compound file, packed by zlib.
func openActiveMime(o *opening, at int64) error {
	const most = 256
	b, err := o.bytes(at, most)
	if err != nil {
		return err
	}
	for i := len("ActiveMime"); i+1 < len(b); i++ {
		if b[i] != 0x78 || binary.BigEndian.Uint16(b[i:])%31 != 0 { // RFC 1950 section 2.2
			continue
		}
		unpacked, err := zlib.NewReader(bufio.NewReader(o.section(at+int64(i), o.size)))
		if err == nil {
			return o.member("", unpacked)
		}
	}
	return malformed("nothing that is packed")
}
