package archive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"

	"mirrorgw/scanner"
)

// What a compound file's tables hold beside numbers of sectors ([MS-CFB] section 2.1).
const (
	maxRegular  = 0xfffffffa // the last number of a sector
	cfbHeader   = 512
	cfbEntry    = 128
	maxEntries  = 100_000
	miniSector  = 64
	miniCutoff  = 4096
	entryStream = 2
	entryRoot   = 5
)

// compound is a compound file: what .doc, .xls, .ppt, .msi and .msg are.
type compound struct {
	*opening
	sector int64    // octets in one
	next   []uint32 // the sector behind each
	mini   []uint32 // the same for the small ones
	root   []uint32 // the sectors in which the small ones are
}

// stream is one of the contents of a compound file.
type stream struct {
	name  string
	first uint32
	size  uint64
}

// openCompound opens every stream that the directory holds, whether or not its tree leads there.
func openCompound(o *opening, at int64) error {
	head, err := o.bytes(at, cfbHeader)
	if err != nil {
		return err
	}
	if len(head) < cfbHeader {
		return malformed("a header that is cut")
	}
	le := binary.LittleEndian
	f := &compound{opening: o, sector: 512}
	if shift := le.Uint16(head[30:]); shift == 12 {
		f.sector = 4096
	}
	if err := f.readTable(head); err != nil {
		return err
	}
	small, err := f.chain(f.next, le.Uint32(head[60:]), f.count())
	if err != nil {
		return err
	}
	if f.mini, err = f.numbers(small); err != nil {
		return err
	}
	streams, err := f.directory(le.Uint32(head[48:]))
	if err != nil {
		return err
	}
	var total int64
	for _, s := range streams {
		total += int64(min(s.size, uint64(o.size)))
	}
	if err := o.out.Expect(total); err != nil {
		return err
	}
	macros := hasMacros(streams)
	for _, s := range streams {
		if err := f.open(s); err != nil {
			return err
		}
		if macros && s.size > 0 {
			if err := f.macros(s.name, f.reader(s)); err != nil {
				return err
			}
		}
	}
	f.secrets(streams)
	return nil
}

// count returns how many sectors there are at most.
func (f *compound) count() int { return int(f.size/f.sector) + 1 }

// readTable reads the table of sectors: which of them hold it is said in the header, and in a chain of sectors that it begins.
func (f *compound) readTable(head []byte) error {
	var parts []uint32
	add := func(b []byte) {
		for ; len(b) >= 4; b = b[4:] {
			if n := binary.LittleEndian.Uint32(b); n <= maxRegular && len(parts) < f.count() {
				parts = append(parts, n)
			}
		}
	}
	add(head[76:cfbHeader])
	more := binary.LittleEndian.Uint32(head[68:])
	for n := 0; more <= maxRegular; n++ {
		if n > f.count() {
			return malformed("a table that runs in circles")
		}
		b, err := f.bytes(f.offset(more), int(f.sector))
		if err != nil {
			return err
		}
		if int64(len(b)) < f.sector {
			break
		}
		add(b[:f.sector-4])
		more = binary.LittleEndian.Uint32(b[f.sector-4:])
	}
	var err error
	f.next, err = f.numbers(parts)
	return err
}

// offset returns where a sector begins.
func (f *compound) offset(sector uint32) int64 { return (int64(sector) + 1) * f.sector }

// numbers returns what stands in sectors, as numbers.
func (f *compound) numbers(sectors []uint32) ([]uint32, error) {
	list := make([]uint32, 0, len(sectors)*int(f.sector)/4)
	for _, s := range sectors {
		b, err := f.bytes(f.offset(s), int(f.sector))
		if err != nil {
			return nil, err
		}
		for ; len(b) >= 4; b = b[4:] {
			list = append(list, binary.LittleEndian.Uint32(b))
		}
	}
	return list, nil
}

// chain returns the sectors that follow each other from first on, at most limit. One that is cut ends where it ends.
//
// Errors: a faultError where it is longer, since then it runs in circles.
func (f *compound) chain(table []uint32, first uint32, limit int) ([]uint32, error) {
	var list []uint32
	for s := first; s <= maxRegular; {
		if len(list) > limit {
			return nil, malformed("a stream that runs in circles")
		}
		list = append(list, s)
		if uint64(s) >= uint64(len(table)) {
			break
		}
		s = table[s]
	}
	return list, nil
}

// directory returns the streams that the directory holds, and notes where the small ones are.
func (f *compound) directory(first uint32) ([]stream, error) {
	sectors, err := f.chain(f.next, first, f.count())
	if err != nil {
		return nil, err
	}
	var list []stream
	for _, s := range sectors {
		b, err := f.bytes(f.offset(s), int(f.sector))
		if err != nil {
			return nil, err
		}
		for ; len(b) >= cfbEntry; b = b[cfbEntry:] {
			e := stream{first: binary.LittleEndian.Uint32(b[116:]), size: binary.LittleEndian.Uint64(b[120:])}
			if f.sector == 512 {
				e.size &= 0xffffffff // the upper half may hold anything
			}
			switch b[66] {
			case entryRoot:
				if f.root == nil {
					if f.root, err = f.chain(f.next, e.first, f.count()); err != nil {
						return nil, err
					}
				}
			case entryStream:
				var units []uint16
				for i := 0; i < 64 && (b[i] != 0 || b[i+1] != 0); i += 2 {
					units = append(units, binary.LittleEndian.Uint16(b[i:]))
				}
				e.name = string(utf16.Decode(units))
				if len(list) >= maxEntries {
					return nil, budget("more than %d streams", maxEntries)
				}
				list = append(list, e)
			}
		}
	}
	return list, nil
}

// open hands out one stream.
func (f *compound) open(s stream) error {
	if s.size == 0 {
		return nil
	}
	if err := f.member(s.name, f.reader(s)); err != nil {
		return err
	}
	switch s.name {
	case "\x01Ole10Native":
		return f.native(f.reader(s))
	case "PowerPoint Document":
		return f.presentation(f.reader(s), int64(s.size))
	default:
		return nil
	}
}

// reader returns a reader of one stream.
func (f *compound) reader(s stream) io.Reader {
	table, unit := f.next, f.sector
	if s.size < miniCutoff {
		table, unit = f.mini, miniSector
	}
	var sectors []uint32
	left := min(s.size, uint64(f.size))/uint64(unit) + 1 // however the chain runs
	for n := s.first; n <= maxRegular && left > 0; left-- {
		sectors = append(sectors, n)
		if uint64(n) >= uint64(len(table)) {
			break
		}
		n = table[n]
	}
	return &exactly{&sectorReader{file: f, sectors: sectors, unit: unit}, int64(min(s.size, 1<<62))}
}

// sectorReader reads sectors one after the other.
type sectorReader struct {
	file    *compound
	sectors []uint32
	unit    int64
	at      int64 // in the first of them
}

func (r *sectorReader) Read(p []byte) (int, error) {
	if len(r.sectors) == 0 {
		return 0, io.EOF
	}
	f := r.file
	from := f.offset(r.sectors[0])
	if r.unit == miniSector {
		place := int64(r.sectors[0]) * miniSector
		in := place / f.sector
		if in >= int64(len(f.root)) {
			return 0, io.ErrUnexpectedEOF
		}
		from = f.offset(f.root[in]) + place%f.sector
	}
	want := min(int64(len(p)), r.unit-r.at)
	n, err := f.content.ReadAt(p[:want], from+r.at)
	if r.at += int64(n); r.at == r.unit {
		r.sectors, r.at = r.sectors[1:], 0
	}
	if errors.Is(err, io.EOF) {
		err = nil
		if n == 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	return n, err
}

// secrets notes what shows that a document is encrypted by its own program: its contents, not its streams.
func (f *compound) secrets(streams []stream) {
	for _, s := range streams {
		var shows func(head []byte) bool
		switch s.name {
		case "EncryptedPackage": // [MS-OFFCRYPTO] section 2.3.4.4
			shows = func([]byte) bool { return true }
		case "WordDocument": // [MS-DOC] section 2.5.2, fEncrypted
			shows = func(head []byte) bool { return len(head) > 12 && head[11]&1 != 0 }
		case "Workbook", "Book": // [MS-XLS] section 2.4.117, FilePass
			shows = filePass
		case "Current User": // [MS-PPT] section 2.3.2, headerToken
			shows = func(head []byte) bool { return len(head) >= 16 && binary.LittleEndian.Uint32(head[12:]) == 0xf3d1c4df }
		default:
			continue
		}
		head := make([]byte, 4<<10)
		n, _ := io.ReadFull(f.reader(s), head) // that it is cut has been noted
		if shows(head[:n]) {
			f.out.Note(scanner.CauseEncrypted, fmt.Sprintf("an encrypted document (%s)", quote(s.name)))
		}
	}
}

// filePass says whether a workbook's first records hold FilePass.
func filePass(b []byte) bool {
	for len(b) >= 4 {
		id, n := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		switch {
		case id == 0x2f:
			return true
		case id == 0x85, id == 0x0a, 4+n > len(b): // BoundSheet8 or EOF: it would have come ahead
			return false
		}
		b = b[4+n:]
	}
	return false
}
