package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"sync"

	"mirrorgw/scanner"
)

// format is one kind of container.
type format struct {
	name  string
	magic string                 // what it begins with
	is    func(head []byte) bool // where no magic tells, says so of what a content begins with
	at    int64                  // how far behind its beginning the magic stands
	first int64                  // the last offset at which it may begin; anywhere
	rare  byte                   // of one that may begin anywhere: an octet of its magic that is in no text, so that text is not searched for the others
	open  func(o *opening, at int64) error
}

// anywhere lets a format begin behind other things: programs that unpack themselves are opened by archivers like any archive.
const anywhere = -1

// formats is what is known, in the order in which a content is tried as each of them. Several may fit one content.
var formats = sync.OnceValue(func() []format {
	return []format{
		{name: "gzip", magic: "\x1f\x8b\x08", open: openGzip},
		{name: "bzip2", magic: "BZh", open: openBzip2},
		{name: "xz", magic: "\xfd7zXZ\x00", open: openXZ},
		{name: "lzma", magic: "\x5d\x00\x00", open: openLZMA},
		{name: "lzip", magic: "LZIP\x01", open: openLzip},
		{name: "zstd", magic: "\x28\xb5\x2f\xfd", open: openZstd},
		{name: "zstd", magic: "\x2a\x4d\x18", at: 1, open: openZstd}, // a skippable frame first
		{name: "tar", is: tarHeader, open: openTar},
		{name: "ar", magic: "!<arch>\n", open: openAr},
		{name: "cpio", magic: "0707", open: openCpio},
		{name: "cpio", magic: "\xc7\x71", open: openCpio},
		{name: "cpio", magic: "\x71\xc7", open: openCpio},
		{name: "SZDD", magic: "SZDD\x88\xf0\x27\x33", open: openSZDD},
		{name: "ARJ", magic: "\x60\xea", open: openARJ},
		{name: "CHM", magic: "ITSF", open: openCHM},
		{name: "compound file", magic: "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", open: openCompound},
		{name: "ActiveMime", magic: "ActiveMime", open: openActiveMime},
		{name: "ISO image", magic: "CD001", at: isoFirst*isoSector + 1, open: openISO},
		{name: "PDF", magic: "%PDF-", first: 1024, open: openPDF},
		{name: "RTF", magic: "{\\rt", first: 1024, open: openRTF},
		{name: "7z", magic: "7z\xbc\xaf\x27\x1c", first: anywhere, rare: 0xbc, open: open7z},
		{name: "cabinet", magic: "MSCF\x00\x00\x00\x00", first: anywhere, rare: 0, open: openCAB},
		{name: "RAR", magic: "Rar!\x1a\x07", first: anywhere, rare: 0x1a, open: openRAR},
	}
})

// Bounds on what is noted of one content.
const (
	maxMarks     = 20_000 // records of zip archives
	maxSightings = 64     // of one other format
)

// sighting is a place where a container may begin.
type sighting struct {
	format format
	at     int64
}

// found is what one pass over a content noted.
type found struct {
	sightings []sighting
	locals    []int64  // where members of a zip archive may begin
	centrals  []int64  // where entries of a zip archive's directory may begin
	ends      []int64  // where the ends of directories may be
	tails     []int64  // where the lengths of members may follow them
	full      bool     // there were more of these than maxMarks
	crowded   []string // formats of which there were more than maxSightings
}

// Passing over a content that is not in memory.
const (
	headLen = 33 << 10 // octets of its beginning: as far as the magic of an image of a disk
	chunk   = 64 << 10 // octets at once
	overlap = 8        // octets that are seen twice, so that no magic is cut
)

// look passes over a content. Errors: those of reading it.
func look(part *scanner.Part) (*found, error) {
	f := &found{}
	all := formats()
	content := part.Reader()
	memory, file := part.Region()
	head := memory
	if file != nil {
		head = make([]byte, min(content.Size(), headLen))
		if _, err := content.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("reading the part: %w", err)
		}
	}
	for _, known := range all {
		if known.first == anywhere {
			continue
		}
		if at, ok := known.begins(head); ok {
			f.sightings = append(f.sightings, sighting{known, at})
		}
	}
	if file == nil {
		f.search(all, content, memory, 0, true)
	} else if err := f.searchFile(all, content); err != nil {
		return nil, err
	}
	if len(f.locals)+len(f.centrals) > 0 {
		f.sightings = append(f.sightings, sighting{format{name: "zip", open: openZip}, 0})
	}
	return f, nil
}

// begins says where in a content that begins with head a format begins that may not do so anywhere.
func (f *format) begins(head []byte) (at int64, ok bool) {
	if f.is != nil {
		return 0, f.is(head)
	}
	from := min(f.at, int64(len(head)))
	to := min(f.at+f.first+int64(len(f.magic)), int64(len(head)))
	i := bytes.Index(head[from:to], []byte(f.magic))
	return int64(i), i >= 0
}

// searchFile is search for a content that is not in memory. Errors: those of reading it.
func (f *found) searchFile(all []format, content *io.SectionReader) error {
	buffer := make([]byte, chunk)
	for at := int64(0); ; at += chunk - overlap {
		n, err := content.ReadAt(buffer, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading the part: %w", err)
		}
		last := at+int64(n) >= content.Size()
		f.search(all, content, buffer[:n], at, last)
		if last {
			return nil
		}
	}
}

// search looks in b, which stands in content at offset at, for what may stand anywhere.
func (f *found) search(all []format, content io.ReaderAt, b []byte, at int64, last bool) {
	f.zip(b, at, last)
	for _, known := range all {
		if known.first == anywhere && bytes.IndexByte(b, known.rare) >= 0 {
			f.others(known, content, b, at, last)
		}
	}
}

// zip notes the records of zip archives in b, which stands at offset at. Each of their four kinds has an octet that is in no text.
func (f *found) zip(b []byte, at int64, last bool) {
	if bytes.IndexByte(b, 3) < 0 && bytes.IndexByte(b, 1) < 0 && bytes.IndexByte(b, 5) < 0 && bytes.IndexByte(b, 7) < 0 {
		return
	}
	for i := 0; ; {
		next := bytes.Index(b[i:], []byte("PK"))
		if next < 0 {
			return
		}
		i += next + 2
		if i+2 > len(b) || !last && i-2 >= chunk-overlap { // the next chunk sees it whole
			return
		}
		var marks *[]int64
		switch string(b[i : i+2]) {
		case "\x03\x04":
			marks = &f.locals
		case "\x01\x02":
			marks = &f.centrals
		case "\x05\x06":
			marks = &f.ends
		case "\x07\x08":
			marks = &f.tails
		default:
			continue
		}
		if len(*marks) >= maxMarks {
			f.full = true
			continue
		}
		*marks = append(*marks, at+int64(i-2))
	}
}

// others notes where a container of the known format may begin in b, which stands in content at offset at.
func (f *found) others(known format, content io.ReaderAt, b []byte, at int64, last bool) {
	count := 0
	for _, s := range f.sightings {
		if s.format.name == known.name {
			count++
		}
	}
	for i := 0; ; i++ {
		next := bytes.Index(b[i:], []byte(known.magic))
		if next < 0 || !last && i+next >= chunk-overlap {
			return
		}
		i += next
		switch {
		case known.name == "7z" && at+int64(i) > 0 && !starts7z(content, b[i:], at+int64(i)):
		case count >= maxSightings:
			if !slices.Contains(f.crowded, known.name) {
				f.crowded = append(f.crowded, known.name)
			}
			return
		default:
			f.sightings = append(f.sightings, sighting{known, at + int64(i)})
			count++
		}
	}
}

// starts7z says whether the start of a 7z archive, which b holds as far as it goes, stands in content at an offset: by its checksum, so
// that octets which look like one do not count as sightings.
func starts7z(content io.ReaderAt, b []byte, at int64) bool {
	var whole [start7zLen]byte
	if len(b) < start7zLen {
		if n, _ := content.ReadAt(whole[:], at); n < start7zLen { // the search meets its errors, too
			return false
		}
		b = whole[:]
	}
	return crc32.ChecksumIEEE(b[12:start7zLen]) == binary.LittleEndian.Uint32(b[8:])
}
