package archive

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// cabHeader is the length of a cabinet's header.
const cabHeader = 36

// cabFolder is one compressed stream ([MS-CAB] section 2.2).
type cabFolder struct {
	at     int64 // of its first block
	blocks int
	method uint16
}

// openCAB opens a cabinet.
func openCAB(o *opening, at int64) error {
	head, err := o.bytes(at, 64<<10)
	if err != nil {
		return err
	}
	c := &cursor{b: head}
	c.take(8)
	length := int64(c.u32())
	c.take(4)
	filesAt := at + int64(c.u32())
	c.take(4)
	minor, major := c.u8(), c.u8()
	folders, files, flags := int(c.u16()), int(c.u16()), c.u16()
	c.take(4)
	if c.bad || major != 1 || minor > 9 || folders == 0 || filesAt > o.size || length < cabHeader {
		if at == 0 {
			return malformed("a header that makes no sense")
		}
		return nil // octets that look like one
	}
	folderReserve, blockReserve := uint64(0), 0
	if flags&4 != 0 {
		own := uint64(c.u16())
		folderReserve, blockReserve = uint64(c.u8()), int(c.u8())
		c.take(own)
	}
	for _, linked := range []uint16{1, 2} { // to another cabinet, by file and disk
		if flags&linked != 0 {
			c.text()
			c.text()
		}
	}
	var list []cabFolder
	for range folders {
		list = append(list, cabFolder{at + int64(c.u32()), int(c.u16()), c.u16()})
		c.take(folderReserve)
	}
	if c.bad {
		return malformed("folders that are cut")
	}
	cab := &cabinet{opening: o, folders: list, reserve: blockReserve}
	packed, err := cab.list(filesAt, files)
	if err != nil {
		return err
	}
	return o.extract(packed, cab.open)
}

// cabinet is a cabinet being opened.
type cabinet struct {
	*opening
	folders []cabFolder
	sizes   []int64 // of the folders' contents, as far as files make them up
	reserve int     // octets ahead of each block's data
}

// list reads the entries ([MS-CAB] section 2.3). Files that began in another cabinet, or go on there, have folders of their own numbers.
func (c *cabinet) list(at int64, count int) ([]packedFile, error) {
	const entryLen, fromOther, toOther = 16, 0xfffd, 0xfffe
	var files []packedFile
	c.sizes = make([]int64, len(c.folders))
	for range count {
		b, err := c.bytes(at, entryLen+maxName)
		if err != nil {
			return nil, err
		}
		e := &cursor{b: b}
		f := packedFile{size: int64(e.u32()), at: int64(e.u32()), folder: int(e.u16())}
		e.take(6)
		f.name = e.text()
		if e.bad {
			return nil, malformed("files that are cut")
		}
		at += entryLen + int64(len(f.name)) + 1
		switch {
		case f.folder == toOther:
			f.folder = len(c.folders) - 1
		case f.folder >= fromOther:
			f.folder = 0
		case f.folder >= len(c.folders):
			return nil, malformed("%s is in no folder", quote(f.name))
		}
		c.sizes[f.folder] = max(c.sizes[f.folder], f.at+f.size)
		files = append(files, f)
	}
	return files, nil
}

// open returns a reader of a folder's content. The error is the content's.
func (c *cabinet) open(folder int) (io.Reader, error) {
	f := c.folders[folder]
	blocks := &cabBlocks{cab: c, at: f.at, left: f.blocks}
	switch method := f.method & 0xf; method {
	case 0:
		return &cabStored{blocks: blocks}, nil
	case 1:
		return &cabZip{blocks: blocks}, nil
	case 3:
		return newLZX(&cabStored{blocks: blocks}, int(f.method>>8&0x1f), c.sizes[folder], 0)
	default:
		return nil, fmt.Errorf("compression method %d is not known here", method)
	}
}

// cabBlocks reads the blocks of a folder ([MS-CAB] section 2.4).
type cabBlocks struct {
	cab  *cabinet
	at   int64
	left int
}

// next returns the data of the next block, and the length of what it holds. Errors: io.EOF behind the last.
func (b *cabBlocks) next() ([]byte, int, error) {
	if b.left <= 0 {
		return nil, 0, io.EOF
	}
	b.left--
	head, err := b.cab.bytes(b.at, 8)
	if err != nil {
		return nil, 0, err
	}
	if len(head) < 8 {
		return nil, 0, io.ErrUnexpectedEOF
	}
	n, size := int(binary.LittleEndian.Uint16(head[4:])), int(binary.LittleEndian.Uint16(head[6:]))
	data, err := b.cab.bytes(b.at+8+int64(b.cab.reserve), n)
	if err != nil {
		return nil, 0, err
	}
	b.at += 8 + int64(b.cab.reserve+n)
	if len(data) < n {
		return nil, 0, io.ErrUnexpectedEOF
	}
	return data, size, nil
}

// cabStored reads the data of the blocks as it is.
type cabStored struct {
	blocks *cabBlocks
	data   []byte
}

func (s *cabStored) Read(p []byte) (int, error) {
	for len(s.data) == 0 {
		data, _, err := s.blocks.next()
		if err != nil {
			return 0, err
		}
		s.data = data
	}
	n := copy(p, s.data)
	s.data = s.data[n:]
	return n, nil
}

// cabZip reads blocks that are deflated each, with what came before as their dictionary ([MS-MCI]).
type cabZip struct {
	blocks  *cabBlocks
	inflate io.ReadCloser
	window  []byte // the last 32 KiB read
	data    []byte
}

func (z *cabZip) Read(p []byte) (int, error) {
	const windowLen = 32 << 10
	for len(z.data) == 0 {
		block, size, err := z.blocks.next()
		if err != nil {
			return 0, err
		}
		if !bytes.HasPrefix(block, []byte("CK")) {
			return 0, errors.New("a block that is not MSZIP")
		}
		packed := bufio.NewReader(bytes.NewReader(block[2:]))
		if z.inflate == nil {
			z.inflate = flate.NewReaderDict(packed, z.window)
		} else if err := z.inflate.(flate.Resetter).Reset(packed, z.window); err != nil {
			return 0, err
		}
		if z.data, err = io.ReadAll(io.LimitReader(z.inflate, int64(size))); err != nil && len(z.data) == 0 {
			return 0, err
		}
		z.window = append(z.window, z.data...)
		z.window = z.window[max(0, len(z.window)-windowLen):]
	}
	n := copy(p, z.data)
	z.data = z.data[n:]
	return n, nil
}
