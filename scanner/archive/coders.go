package archive

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/stangelandcl/ppmd"
)

// unpack returns a reader of the content of a folder. The error is the content's.
func (z *archive7z) unpack(s *streams7z, f *folder7z) (io.Reader, error) {
	main := f.main()
	if main < 0 {
		return nil, errors.New("coders that feed each other")
	}
	room := windows7z(maxFolder)
	return z.coder(s, f, main, 0, &room)
}

// maxFolder bounds the memory of a folder's decoders together: one with the largest dictionary, and the small ones beside it.
const maxFolder = maxWindow + 8<<20

// windows7z is the octets that are left of maxFolder.
type windows7z uint64

// take has a decoder take n of them. Errors: errWindow.
func (w *windows7z) take(n uint64) error {
	if n > uint64(*w) {
		return fmt.Errorf("%w: %d octets beside others", errWindow, n)
	}
	*w -= windows7z(n)
	return nil
}

// coder returns what comes out of one coder of a folder. Its memory, and that of the coders it reads from, is taken from room.
func (z *archive7z) coder(s *streams7z, f *folder7z, index, depth int, room *windows7z) (io.Reader, error) {
	if depth > maxCoders || index >= len(f.sizes) {
		return nil, errors.New("coders that feed each other")
	}
	c := f.coders[index]
	first := uint64(0) // of its inputs
	for _, before := range f.coders[:index] {
		first += uint64(before.inputs)
	}
	var inputs []io.Reader
	for i := range uint64(c.inputs) {
		var input io.Reader
		var err error
		if from := f.bound(first + i); from >= 0 {
			input, err = z.coder(s, f, from, depth+1, room)
		} else {
			input, err = z.packed(s, f, first+i)
		}
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, input)
	}
	size := min(f.sizes[index], 1<<62)
	content, err := decode7z(c, inputs, size, room)
	if err != nil {
		return nil, err
	}
	return &exactly{content, int64(size)}, nil
}

// exactly reads n octets. What its reader says about those behind is no matter.
type exactly struct {
	r io.Reader
	n int64
}

func (e *exactly) Read(p []byte) (int, error) {
	if e.n <= 0 {
		return 0, io.EOF
	}
	n, err := e.r.Read(p[:min(int64(len(p)), e.n)])
	if e.n -= int64(n); e.n <= 0 {
		err = nil
	} else if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// packed returns the packed stream that an input of a folder reads.
func (z *archive7z) packed(s *streams7z, f *folder7z, input uint64) (io.Reader, error) {
	for i, in := range f.packed {
		stream := f.first + i
		if in != input || stream >= len(s.packed) {
			continue
		}
		at, room := s.offsets[stream], uint64(z.size-z.base)
		if at > room || s.packed[stream] > room-at {
			return nil, errors.New("a packed stream that is not in the archive")
		}
		from := z.base + int64(at)
		return z.section(from, from+int64(s.packed[stream])), nil
	}
	return nil, errors.New("a coder without an input")
}

// decode7z returns a reader of what a coder makes of its inputs, size octets. Its memory is taken from room, where it is much.
func decode7z(c coder7z, inputs []io.Reader, size uint64, room *windows7z) (io.Reader, error) {
	if c.method == "\x03\x03\x01\x1b" {
		return newBCJ2(inputs)
	}
	if len(inputs) != 1 {
		return nil, fmt.Errorf("a coder of %d inputs", len(inputs))
	}
	in := inputs[0]
	switch c.method {
	case "\x00":
		return in, nil
	case "\x21":
		if len(c.props) != 1 {
			return nil, errors.New("LZMA2 without its dictionary")
		}
		// One larger than the content is never filled.
		dictionary := c.props[0]
		for dictionary > 0 && lzma2Dictionary(dictionary-1) >= size {
			dictionary--
		}
		if err := room.take(lzma2Dictionary(dictionary)); err != nil {
			return nil, err
		}
		return newXZ(bareXZ(in, []byte{0x21, 1, dictionary}))
	case "\x03\x01\x01":
		if len(c.props) != 5 {
			return nil, errors.New("LZMA without its properties")
		}
		head := bytes.Clone(c.props)
		if dictionary := uint64(binary.LittleEndian.Uint32(head[1:])); dictionary > size {
			binary.LittleEndian.PutUint32(head[1:], uint32(max(size, 4096)))
		}
		model := uint64(1536) << (head[0]%9 + head[0]/9%5) // two octets for each of its probabilities
		if err := room.take(uint64(binary.LittleEndian.Uint32(head[1:])) + model); err != nil {
			return nil, err
		}
		return newLZMA(binary.LittleEndian.AppendUint64(head, size), in)
	case "\x03\x04\x01":
		return newPPMd(c.props, in, size, room)
	case "\x03":
		return filtered(in, size, append([]byte{0x03, byte(len(c.props))}, c.props...))
	case "\x03\x03\x01\x03", "\x04":
		return filtered(in, size, []byte{0x04, 0})
	case "\x03\x03\x02\x05", "\x05":
		return filtered(in, size, []byte{0x05, 0})
	case "\x03\x03\x04\x01", "\x06":
		return filtered(in, size, []byte{0x06, 0})
	case "\x03\x03\x05\x01", "\x07":
		return filtered(in, size, []byte{0x07, 0})
	case "\x03\x03\x07\x01", "\x08":
		return filtered(in, size, []byte{0x08, 0})
	case "\x03\x03\x08\x05", "\x09":
		return filtered(in, size, []byte{0x09, 0})
	case "\x04\x01\x08":
		return flate.NewReader(bufio.NewReader(in)), nil
	case "\x04\x01\x09":
		return newInflate64(in), nil
	case "\x04\x02\x02":
		return bzip2.NewReader(in), room.take(900_000 * 4)
	case "\x04\xf7\x11\x01":
		if err := room.take(maxWindow); err != nil { // what its frames say is known later
			return nil, err
		}
		content, err := newZstd(in)
		return windowReader{content}, err
	default:
		return nil, fmt.Errorf("compression method %x is not known here", c.method)
	}
}

// lzma2Dictionary returns the octets that a dictionary's one-octet description stands for (xz-file-format section 5.3.1).
func lzma2Dictionary(b byte) uint64 { return (2 | uint64(b&1)) << (b/2 + 11) }

// maxModel bounds the memory of a PPMd model.
const maxModel = 64 << 20

func newPPMd(props []byte, in io.Reader, size uint64, room *windows7z) (io.Reader, error) {
	if len(props) != 5 {
		return nil, errors.New("PPMd without its properties")
	}
	order, memory := int(props[0]), binary.LittleEndian.Uint32(props[1:])
	switch {
	case order < 2 || order > 64:
		return nil, errors.New("PPMd of an order that there is not")
	case memory > maxModel:
		return nil, fmt.Errorf("%w: a PPMd model of %d octets", errWindow, memory)
	}
	if err := room.take(uint64(memory)); err != nil {
		return nil, err
	}
	content, err := ppmd.NewH7zReader(bufio.NewReader(in), order, int(memory), int(size))
	return &content, err
}

// filtered returns what a filter of xz makes of in: the library has them within xz files only, so in becomes one that is not compressed.
func filtered(in io.Reader, size uint64, filter []byte) (io.Reader, error) {
	dictionary := byte(0) // 4 KiB
	return newXZ(bareXZ(&chunked{r: io.LimitReader(in, int64(size))}, filter, []byte{0x21, 1, dictionary}))
}

// bareXZ returns the beginning of an xz file and its LZMA2 stream (xz-file-format sections 2.1.1 and 3.1). It ends behind the stream, of
// which a reader needs the octets only.
func bareXZ(lzma2 io.Reader, filters ...[]byte) io.Reader {
	b := []byte("\xfd7zXZ\x00\x00\x00")
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b[6:]))
	block := append([]byte{0, byte(len(filters) - 1)}, bytes.Join(filters, nil)...)
	for len(block)%4 != 0 {
		block = append(block, 0)
	}
	block[0] = byte(len(block) / 4)
	block = binary.LittleEndian.AppendUint32(block, crc32.ChecksumIEEE(block))
	return io.MultiReader(bytes.NewReader(append(b, block...)), lzma2)
}

// chunked writes what it reads as LZMA2 chunks that are not compressed.
type chunked struct {
	r     io.Reader
	out   []byte
	begun bool
	ended bool
	chunk [3 + 32<<10]byte
}

func (c *chunked) Read(p []byte) (int, error) {
	if len(c.out) == 0 && !c.ended {
		n, err := io.ReadFull(c.r, c.chunk[3:])
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, err
		}
		c.ended = err != nil
		c.chunk[0] = 2
		if !c.begun {
			c.chunk[0], c.begun = 1, true // the dictionary is reset
		}
		binary.BigEndian.PutUint16(c.chunk[1:], uint16(n-1))
		c.out = c.chunk[:3+n]
		if n == 0 {
			c.out = nil
		}
		if c.ended {
			c.out = append(c.out, 0)
		}
	}
	if len(c.out) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.out)
	c.out = c.out[n:]
	return n, nil
}
