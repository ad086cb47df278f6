package archive

import (
	"bytes"
	"encoding/binary"
	"io"
	"unicode/utf16"
)

// Names in the headers of 7z archives (7zFormat.txt).
const (
	idEnd              = 0x00
	idHeader           = 0x01
	idArchiveProps     = 0x02
	idAdditional       = 0x03
	idMainStreams      = 0x04
	idFilesInfo        = 0x05
	idPackInfo         = 0x06
	idUnpackInfo       = 0x07
	idSubStreams       = 0x08
	idSize             = 0x09
	idCRC              = 0x0a
	idFolder           = 0x0b
	idCodersUnpackSize = 0x0c
	idNumUnpackStream  = 0x0d
	idEmptyStream      = 0x0e
	idName             = 0x11
	idEncodedHeader    = 0x17
)

// Bounds on what a header may say.
const (
	start7zLen   = 32
	maxHeader    = 32 << 20 // octets of a header, unpacked
	maxEncodings = 4        // of a header within a header
	maxCoders    = 16       // of one folder
	maxItems     = 200_000  // files, folders, streams
)

// start7z is where the header is, relative to what follows the start.
type start7z struct{ offset, size uint64 }

// open7z opens a 7z archive. Each folder, which is one compressed stream, is unpacked once, and cut into the files that it holds.
func open7z(o *opening, at int64) error {
	b, err := o.bytes(at, start7zLen)
	if err != nil {
		return err
	}
	if len(b) < start7zLen {
		return nil
	}
	s := start7z{binary.LittleEndian.Uint64(b[12:]), binary.LittleEndian.Uint64(b[20:])}
	base := at + start7zLen
	room := uint64(o.size - base)
	switch {
	case s.size == 0:
		return nil // it is empty
	case s.offset > room || s.size > room-s.offset:
		return malformed("the header is not in the archive")
	case s.size > maxHeader:
		return budget("a header of %d octets", s.size)
	}
	header, err := o.bytes(base+int64(s.offset), int(s.size))
	if err != nil {
		return err
	}
	z := &archive7z{opening: o, base: base}
	for range maxEncodings {
		c := &cursor{b: header}
		switch c.u8() {
		case idHeader:
			if err := z.header(c); err != nil {
				return err
			}
			return z.folders(&z.streams)
		case idEncodedHeader:
			var packed streams7z
			if err := packed.read(c); err != nil {
				return err
			}
			if header, err = z.unpackHeader(&packed); header == nil {
				return err
			}
		default:
			return malformed("an unknown header")
		}
	}
	return budget("a header packed more than %d times", maxEncodings)
}

// archive7z is a 7z archive being opened.
type archive7z struct {
	*opening
	base    int64 // of the packed streams' offsets
	streams streams7z
	names   []string // of the files that hold something, in the order of their contents
}

// unpackHeader returns a header that was packed. It is nil where that cannot be done, which has been noted.
func (z *archive7z) unpackHeader(s *streams7z) ([]byte, error) {
	if len(s.folders) != 1 {
		return nil, malformed("a packed header of %d folders", len(s.folders))
	}
	f := &s.folders[0]
	if f.encrypted() {
		z.encrypted("the list of files")
		return nil, nil
	}
	r, err := z.unpack(s, f)
	if err != nil {
		z.note("the header", err)
		return nil, nil
	}
	header, err := io.ReadAll(io.LimitReader(r, maxHeader+1))
	switch {
	case len(header) > maxHeader:
		return nil, budget("a header of more than %d octets", maxHeader)
	case err != nil:
		return nil, malformed("its packed header: %v", err)
	case len(header) == 0:
		return nil, malformed("its packed header is empty")
	}
	return header, nil
}

// header reads what follows idHeader.
func (z *archive7z) header(c *cursor) error {
	for {
		switch id := c.u8(); {
		case c.bad:
			return malformed("a header that is cut")
		case id == idEnd:
			return nil
		case id == idArchiveProps:
			for c.u8() != idEnd && !c.bad {
				c.take(number(c))
			}
		case id == idAdditional:
			var additional streams7z
			if err := additional.read(c); err != nil {
				return err
			}
		case id == idMainStreams:
			if err := z.streams.read(c); err != nil {
				return err
			}
		case id == idFilesInfo:
			z.files(c)
			return nil // names are all that is taken from there
		default:
			return malformed("an unknown record %#x", id)
		}
	}
}

// files reads the names of the files that hold something, as far as it can.
func (z *archive7z) files(c *cursor) {
	count := number(c)
	if count > maxItems {
		return
	}
	empty := make([]bool, count)
	for {
		id := c.u8()
		if c.bad || id == idEnd {
			return
		}
		record := cursor{b: c.take(number(c))}
		switch id {
		case idEmptyStream:
			empty = bits7z(&record, int(count))
		case idName:
			if record.u8() != 0 { // elsewhere
				return
			}
			for i := range int(count) {
				name := utf16Text(&record)
				if record.bad {
					return
				}
				if !empty[i] {
					z.names = append(z.names, name)
				}
			}
			return
		}
	}
}

// utf16Text reads UTF-16 up to the next NUL.
func utf16Text(c *cursor) string {
	var units []uint16
	for {
		u := c.u16()
		if u == 0 || c.bad {
			return string(utf16.Decode(units))
		}
		if len(units) < maxName {
			units = append(units, u)
		}
	}
}

// folders hands out what the folders hold.
func (z *archive7z) folders(s *streams7z) error {
	var total int64
	for i := range s.folders {
		total += int64(min(s.folders[i].size(), 1<<40)) // of maxItems at most: no overflow
	}
	if err := z.out.Expect(total); err != nil {
		return err
	}
	names := z.names
	for i := range s.folders {
		if err := z.ctx.Err(); err != nil {
			return err
		}
		f := &s.folders[i]
		n := min(len(f.files), len(names))
		if err := z.folder(s, f, names[:n]); err != nil {
			return err
		}
		names = names[n:]
	}
	return nil
}

// folder hands out what one folder holds.
func (z *archive7z) folder(s *streams7z, f *folder7z, names []string) error {
	name := func(i int) string {
		if i < len(names) {
			return names[i]
		}
		return ""
	}
	if f.encrypted() {
		for i := range f.files {
			z.encrypted(name(i))
		}
		return nil
	}
	content, err := z.unpack(s, f)
	if err != nil {
		z.note(name(0), err)
		return nil
	}
	for i, size := range f.files {
		file := &io.LimitedReader{R: content, N: int64(min(size, 1<<62))}
		fault, err := z.attempt(name(i), file)
		if err != nil {
			return err
		}
		if fault == nil && file.N > 0 {
			fault = io.ErrUnexpectedEOF
		}
		if fault != nil {
			z.note(name(i), fault)
			return nil // what follows in the folder cannot be had
		}
	}
	return nil
}

// number reads an integer of one to nine octets: as many bits are set at the top of the first as there are octets behind it.
func number(c *cursor) uint64 {
	first := c.u8()
	var v uint64
	for i := range 8 {
		mask := byte(0x80) >> i
		if first&mask == 0 {
			return v | uint64(first&(mask-1))<<(8*i)
		}
		v |= uint64(c.u8()) << (8 * i)
	}
	return v
}

// bits7z reads n bits, the first at the top of an octet.
func bits7z(c *cursor, n int) []bool {
	list := make([]bool, n)
	var b byte
	for i := range list {
		if i%8 == 0 {
			b = c.u8()
		}
		list[i] = b&(0x80>>(i%8)) != 0
	}
	return list
}

// skipDigests passes over n checksums, not all of which need be there.
func skipDigests(c *cursor, n int) {
	defined := n
	if c.u8() == 0 {
		defined = bytes.Count(boolBytes(bits7z(c, n)), []byte{1})
	}
	c.take(uint64(defined) * 4)
}

func boolBytes(list []bool) []byte {
	b := make([]byte, len(list))
	for i, set := range list {
		if set {
			b[i] = 1
		}
	}
	return b
}

// streams7z is what a header says of the packed streams.
type streams7z struct {
	at      uint64   // of the first, behind the start of the archive
	packed  []uint64 // the length of each
	offsets []uint64 // of each, behind the start of the archive; 1<<62 at most
	folders []folder7z
}

// folder7z is a number of packed streams that make one content together, by way of coders.
type folder7z struct {
	coders []coder7z
	bonds  []bond7z
	packed []uint64 // inputs that are packed streams, in their order
	sizes  []uint64 // of what comes out of each coder
	files  []uint64 // the lengths of the files in the content
	first  int      // of its packed streams
}

type coder7z struct {
	method string
	inputs int
	props  []byte
}

// bond7z says that a coder's output is another's input.
type bond7z struct{ input, coder uint64 }

func (f *folder7z) encrypted() bool {
	for _, c := range f.coders {
		if c.method == "\x06\xf1\x07\x01" {
			return true
		}
	}
	return false
}

// main returns the coder from which the content comes; -1: there is none.
func (f *folder7z) main() int {
	for i := range f.coders {
		bound := false
		for _, b := range f.bonds {
			bound = bound || b.coder == uint64(i)
		}
		if !bound {
			return i
		}
	}
	return -1
}

// size returns the length of the content.
func (f *folder7z) size() uint64 {
	if i := f.main(); i >= 0 && i < len(f.sizes) {
		return f.sizes[i]
	}
	return 0
}

// read reads a streams record. Counts are bounded ahead of making room.
func (s *streams7z) read(c *cursor) error {
	for {
		id := c.u8()
		if c.bad {
			return malformed("a header that is cut")
		}
		var err error
		switch id {
		case idEnd:
			return nil
		case idPackInfo:
			err = s.readPacked(c)
		case idUnpackInfo:
			err = s.readFolders(c)
		case idSubStreams:
			err = s.readFiles(c)
		default:
			return malformed("an unknown record %#x", id)
		}
		if err != nil {
			return err
		}
	}
}

func (s *streams7z) readPacked(c *cursor) error {
	s.at = number(c)
	count := number(c)
	if count > maxItems {
		return budget("%d packed streams", count)
	}
	for {
		switch id := c.u8(); {
		case c.bad:
			return malformed("a header that is cut")
		case id == idEnd:
			return nil
		case id == idSize:
			s.packed = s.packed[:0]
			for range count {
				s.packed = append(s.packed, number(c))
			}
			s.offsets = offsets7z(s.at, s.packed)
		case id == idCRC:
			skipDigests(c, int(count))
		default:
			return malformed("an unknown record %#x", id)
		}
	}
}

// offsets7z returns where each of these lengths begins, the first at at. An offset that is past all archives stays so.
func offsets7z(at uint64, lengths []uint64) []uint64 {
	const past = 1 << 62
	list := make([]uint64, len(lengths))
	at = min(at, past)
	for i, n := range lengths {
		list[i] = at
		at = min(at+min(n, past), past)
	}
	return list
}

func (s *streams7z) readFolders(c *cursor) error {
	if id := c.u8(); id != idFolder {
		return malformed("no folders")
	}
	count := number(c)
	if count > maxItems {
		return budget("%d folders", count)
	}
	if c.u8() != 0 {
		return malformed("folders that are elsewhere")
	}
	first := 0
	for range count {
		f, err := readFolder(c)
		if err != nil {
			return err
		}
		f.first = first
		first += len(f.packed)
		s.folders = append(s.folders, f)
	}
	if id := c.u8(); id != idCodersUnpackSize {
		return malformed("no lengths")
	}
	for i := range s.folders {
		f := &s.folders[i]
		for range f.coders {
			f.sizes = append(f.sizes, number(c))
		}
		f.files = []uint64{f.size()}
	}
	for {
		switch id := c.u8(); {
		case c.bad:
			return malformed("a header that is cut")
		case id == idEnd:
			return nil
		case id == idCRC:
			skipDigests(c, int(count))
		default:
			return malformed("an unknown record %#x", id)
		}
	}
}

func readFolder(c *cursor) (f folder7z, err error) {
	count := number(c)
	if count == 0 || count > maxCoders {
		return f, malformed("a folder of %d coders", count)
	}
	inputs := 0
	for range count {
		flags := c.u8()
		coder := coder7z{method: string(c.take(uint64(flags & 0xf))), inputs: 1}
		if flags&0x10 != 0 {
			in, out := number(c), number(c)
			if in > maxCoders || out != 1 {
				return f, malformed("a coder of %d inputs and %d outputs", in, out)
			}
			coder.inputs = int(in)
		}
		if flags&0x20 != 0 {
			coder.props = c.take(number(c))
		}
		inputs += coder.inputs
		f.coders = append(f.coders, coder)
	}
	for range count - 1 {
		f.bonds = append(f.bonds, bond7z{number(c), number(c)})
	}
	packed := inputs - len(f.bonds)
	switch {
	case c.bad || packed < 1:
		return f, malformed("a folder without a packed stream")
	case packed > 1:
		for range packed {
			f.packed = append(f.packed, number(c))
		}
	default:
		for i := range uint64(inputs) {
			if f.bound(i) < 0 {
				f.packed = append(f.packed, i)
			}
		}
	}
	return f, nil
}

// bound returns the coder that an input is bound to; -1: none.
func (f *folder7z) bound(input uint64) int {
	for _, b := range f.bonds {
		if b.input == input && b.coder < uint64(len(f.coders)) {
			return int(b.coder)
		}
	}
	return -1
}

// readFiles reads how the folders' contents are cut into files.
func (s *streams7z) readFiles(c *cursor) error {
	id := c.u8()
	digests := 0
	if id == idNumUnpackStream {
		total := uint64(0)
		for i := range s.folders {
			n := number(c)
			if total += n; n > maxItems || total > maxItems {
				return budget("%d files", total)
			}
			s.folders[i].files = make([]uint64, n)
		}
		id = c.u8()
	}
	for i := range s.folders {
		f := &s.folders[i]
		digests += len(f.files)
		rest := f.size()
		for j := range f.files {
			if j == len(f.files)-1 {
				f.files[j] = rest
			} else if id == idSize {
				f.files[j] = number(c)
				rest -= min(rest, f.files[j])
			}
		}
	}
	if id == idSize {
		id = c.u8()
	}
	if id == idCRC {
		skipDigests(c, digests)
		id = c.u8()
	}
	if c.bad || id != idEnd {
		return malformed("an unknown record %#x", id)
	}
	return nil
}
