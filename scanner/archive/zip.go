package archive

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"mirrorgw/scanner"
)

// Records of zip archives (APPNOTE.TXT sections 4.3.7, 4.3.12, 4.3.14, 4.3.15, 4.3.16) without what varies in length.
const (
	localLen       = 30
	centralLen     = 46
	endLen         = 22
	end64Len       = 56
	locatorLen     = 20
	maxDirectories = 64
	flagEncrypted  = 1 << 0
	flagMarked     = 1 << 1 // the end of LZMA is
	flagDescriptor = 1 << 3 // the lengths follow the content
	methodStored   = 0
	methodImploded = 6
	methodDeflated = 8
	methodDeflate9 = 9
	methodBzip2    = 12
	methodLZMA     = 14
	methodOldZstd  = 20
	methodZstd     = 93
	methodXZ       = 95
	methodAES      = 99
)

// record is what one of the two descriptions of a member says.
type record struct {
	name         string
	flags        uint16
	method       uint16
	packed, size int64
	data         int64 // offset of the content, in a local header; of the local header, in a directory
	end          int64 // behind the description itself
}

// zipFile is a zip archive being opened.
type zipFile struct {
	*opening
	directories []directory
	locals      map[int64]bool
	opened      map[reading]error // with what kept each from being read to its end
	stored      []span            // contents that were handed out as they stand, and so are looked into on their own
}

// directory is where the end of one says that it is.
type directory struct {
	span
	shift int64 // what is to be added to its offsets: what stands ahead of the archive
	tail  int64 // behind the record that ends it
}

// reading is one way to read one member.
type reading struct {
	at     int64
	method uint16
	size   int64  // of the packed content, or of the content itself; 0: it says itself where it ends
	flags  uint16 // those of the method
}

type span struct{ from, to int64 }

func (s span) holds(at int64) bool { return at >= s.from && at < s.to }

// openZip opens all that some reader would find: clients go by the directory or by the local headers, and where both differ
// (or where there are two directories, or a member that none names) they differ too.
func openZip(o *opening, _ int64) error {
	f := o.found
	if f.full {
		return budget("more than %d records", maxMarks)
	}
	z := &zipFile{opening: o, opened: make(map[reading]error), locals: make(map[int64]bool, len(f.locals))}
	for _, at := range f.locals {
		z.locals[at] = true
	}
	if err := z.findDirectories(); err != nil {
		return err
	}
	var members []member
	for _, at := range f.centrals {
		c, ok, err := z.central(at)
		if err != nil {
			return err
		}
		if ok {
			members = append(members, member{at: at, central: c, locals: z.leadsTo(at, c.data)})
		}
	}
	if err := z.expect(members); err != nil {
		return err
	}
	named := make(map[int64]bool)
	for _, m := range slices.Backward(members) { // an archive's directory stands behind those of the archives stored in it
		for _, at := range m.locals {
			named[at] = true
		}
		if err := z.leave(&m); err != nil {
			return err
		}
		if err := z.member(m); err != nil {
			return err
		}
	}
	for _, at := range f.locals {
		if named[at] || z.covered(at) {
			continue
		}
		l, ok, err := z.local(at)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := z.read(nil, &l, at == 0); err != nil {
			return err
		}
	}
	return nil
}

// member is what an entry of a directory names.
type member struct {
	at      int64 // of the entry
	central record
	locals  []int64 // headers to which it leads
	left    bool    // some of these to a content that is an archive of its own
}

// findDirectories reads where the directories are, as far as their ends say so.
func (z *zipFile) findDirectories() error {
	for _, at := range z.found.ends {
		b, err := z.bytes(at, endLen)
		if err != nil {
			return err
		}
		if len(b) < endLen {
			continue
		}
		tail := at + endLen
		le := binary.LittleEndian
		if err := z.addDirectory(at, tail, int64(le.Uint32(b[12:])), int64(le.Uint32(b[16:]))); err != nil {
			return err
		}
		at -= locatorLen + end64Len
		if b, err = z.bytes(at, end64Len); err != nil {
			return err
		}
		if at >= 0 && len(b) == end64Len && string(b[:4]) == "PK\x06\x06" {
			size, offset := min(le.Uint64(b[40:]), 1<<62), min(le.Uint64(b[48:]), 1<<62)
			if err := z.addDirectory(at, tail, int64(size), int64(offset)); err != nil {
				return err
			}
		}
	}
	return nil
}

// addDirectory notes one that ends at an offset, and says that it begins at another.
func (z *zipFile) addDirectory(end, tail, size, offset int64) error {
	begin := end - size
	if begin < 0 || offset > begin {
		return nil
	}
	if len(z.directories) >= maxDirectories {
		return budget("more than %d directories", maxDirectories)
	}
	z.directories = append(z.directories, directory{span{begin, end}, begin - offset, tail})
	return nil
}

// leadsTo returns the local headers that an entry of a directory, which stands at one offset, may mean by another.
func (z *zipFile) leadsTo(at, offset int64) (locals []int64) {
	if z.locals[offset] {
		locals = []int64{offset}
	}
	for _, d := range z.directories {
		header := offset + d.shift
		if d.holds(at) && z.locals[header] && !slices.Contains(locals, header) {
			locals = append(locals, header)
		}
	}
	return locals
}

// expect adds up what the directories state, so that an honest bomb costs nothing.
func (z *zipFile) expect(members []member) error {
	var total int64
	counted := make(map[int64]bool)
	for _, m := range members {
		if len(m.locals) == 0 || counted[m.locals[0]] {
			continue
		}
		counted[m.locals[0]] = true
		stated := m.central.size
		if m.central.method == methodDeflated || m.central.method == methodStored {
			stated = min(stated, maxDeflated*min(m.central.packed, z.size))
		}
		total += min(stated, 1<<48) // of maxMarks members at most: no overflow
	}
	return z.out.Expect(total)
}

// central reads an entry of a directory. ok is false when there is none.
func (z *zipFile) central(at int64) (r record, ok bool, err error) {
	b, err := z.bytes(at, centralLen)
	if err != nil || len(b) < centralLen {
		return r, false, err
	}
	le := binary.LittleEndian
	nameLen, extraLen := int(le.Uint16(b[28:])), int(le.Uint16(b[30:]))
	r = record{
		flags: le.Uint16(b[8:]), method: le.Uint16(b[10:]),
		packed: int64(le.Uint32(b[20:])), size: int64(le.Uint32(b[24:])), data: int64(le.Uint32(b[42:])),
	}
	text, err := z.bytes(at+centralLen, nameLen+extraLen)
	if err != nil || len(text) < nameLen+extraLen {
		return r, false, err
	}
	r.name, r.end = string(text[:min(nameLen, maxName)]), at+int64(centralLen+nameLen+extraLen)
	r.extend(text[nameLen:], true)
	return r, true, nil
}

// local reads the header ahead of a member. ok is false when there is none.
func (z *zipFile) local(at int64) (r record, ok bool, err error) {
	b, err := z.bytes(at, localLen)
	if err != nil || len(b) < localLen {
		return r, false, err
	}
	le := binary.LittleEndian
	nameLen, extraLen := int(le.Uint16(b[26:])), int(le.Uint16(b[28:]))
	r = record{
		flags: le.Uint16(b[6:]), method: le.Uint16(b[8:]),
		packed: int64(le.Uint32(b[18:])), size: int64(le.Uint32(b[22:])),
		data: at + localLen + int64(nameLen+extraLen),
	}
	r.end = r.data
	text, err := z.bytes(at+localLen, nameLen+extraLen)
	if err != nil {
		return r, false, err
	}
	nameLen = min(nameLen, len(text))
	r.name = string(text[:min(nameLen, maxName)])
	r.extend(text[nameLen:], false)
	return r, true, nil
}

// extend replaces the lengths and the offset by those of the zip64 field in extra, where they are too large for their own place.
func (r *record) extend(extra []byte, directory bool) {
	const zip64, large = 1, 0xffffffff
	for len(extra) >= 4 {
		id, n := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		extra = extra[4:]
		field := extra[:min(n, len(extra))]
		extra = extra[len(field):]
		if id != zip64 {
			continue
		}
		values := []*int64{&r.size, &r.packed}
		if directory {
			values = append(values, &r.data)
		}
		for _, v := range values {
			if *v == large && len(field) >= 8 {
				*v = int64(min(binary.LittleEndian.Uint64(field), 1<<62))
				field = field[8:]
			}
		}
		return
	}
}

// member reads what a directory names.
func (z *zipFile) member(m member) error {
	for _, at := range m.locals {
		l, ok, err := z.local(at)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := z.read(&m.central, &l, true); err != nil {
			return err
		}
		if l.name != m.central.name { // it may be another's
			if err := z.read(nil, &l, false); err != nil {
				return err
			}
		}
	}
	if len(m.locals) == 0 && !m.left && len(z.found.ends) > 0 && m.central.size > 0 {
		z.out.Note(scanner.CauseMalformed, "zip: "+quote(m.central.name)+" is not where the directory says")
	}
	return nil
}

// leave takes those headers from an entry that are sure to be read where a stored content is opened as an archive of its own: the entry
// and all that leads from it, by every directory that holds it, stands in that content, whose offsets count from there. A length in a
// header that some reader does not look at hides nothing thereby. Its offset as it stands is left, too, where another directory ends
// behind that content: readers go by the last.
func (z *zipFile) leave(m *member) error {
	for _, s := range z.stored {
		if !s.holds(m.at) || m.central.end > s.to {
			continue
		}
		var inner []int64
		whole := true
		for _, d := range z.directories {
			if d.holds(m.at) {
				whole = whole && d.from >= s.from && d.tail <= s.to && d.shift >= s.from
				inner = append(inner, m.central.data+d.shift)
			}
		}
		if !whole || len(inner) == 0 {
			continue
		}
		around := slices.ContainsFunc(z.found.ends, func(at int64) bool { return at >= s.to })
		var rest []int64
		for _, at := range m.locals {
			if around && at == m.central.data && !slices.Contains(inner, at) {
				m.left = true
				continue
			}
			if slices.Contains(inner, at) && s.holds(at) {
				l, ok, err := z.local(at)
				if err != nil {
					return err
				}
				if ok && l.data+max(l.packed, m.central.packed) <= s.to {
					m.left = true
					continue
				}
			}
			rest = append(rest, at)
		}
		m.locals = rest
	}
	return nil
}

// covered says whether the offset lies in a content that was handed out as it stands.
func (z *zipFile) covered(at int64) bool {
	return slices.ContainsFunc(z.stored, func(s span) bool { return s.holds(at) })
}

// read hands out a member in each way in which it may be read. c is what the directory says of it, and nil where none does; sure says
// that this is a member, and not octets that look like one.
func (z *zipFile) read(c, l *record, sure bool) error {
	descriptions := []*record{l}
	if c != nil {
		descriptions = []*record{c, l}
	}
	secret := false
	for _, d := range descriptions {
		secret = secret || d.flags&flagEncrypted != 0 || d.method == methodAES
	}
	name := descriptions[0].name
	if secret && (sure || plausible(l)) {
		z.encrypted(name)
	}
	var worst error
	read := false
	for _, d := range descriptions {
		for _, r := range z.readings(d, l, descriptions) {
			fault, known := z.opened[r]
			if !known {
				var err error
				if fault, err = z.open(d.name, r); err != nil {
					return err
				}
				z.opened[r] = fault
			}
			read = read || fault == nil
			if worst == nil {
				worst = fault
			}
		}
	}
	if worst != nil && !read && !secret && (sure || errors.Is(worst, errWindow)) {
		z.note(name, worst)
	}
	return nil
}

// plausible says whether what looks like a local header may be one.
func plausible(l *record) bool {
	return l.name != "" && len(l.name) < maxName && (l.method <= 20 || l.method >= 90 && l.method <= methodAES)
}

// readings returns the ways in which a member described by d may be read. Some contents end where they say themselves, others
// depend on a length that both descriptions give.
func (z *zipFile) readings(d, l *record, all []*record) (list []reading) {
	switch {
	case d.method == methodLZMA && d.flags&flagMarked == 0:
		return []reading{{l.data, d.method, d.size, 0}}
	case d.method == methodImploded:
		return []reading{{l.data, d.method, d.size, d.flags & (flagLargeWindow | flagLiteralTree)}}
	case !dependsOnLength(d.method):
		return []reading{{l.data, d.method, 0, 0}}
	}
	for _, r := range all {
		lengths := []int64{r.packed}
		if d.method == methodStored {
			lengths = append(lengths, r.size)
		}
		for _, n := range lengths {
			if r := (reading{l.data, d.method, min(n, z.size-l.data), 0}); r.size > 0 && !slices.Contains(list, r) {
				list = append(list, r)
			}
		}
	}
	if len(list) == 0 && l.flags&flagDescriptor != 0 { // its length is known from what follows only
		end := z.size
		for _, marks := range [][]int64{z.found.tails, z.found.locals, z.found.centrals} {
			if i, _ := slices.BinarySearch(marks, l.data); i < len(marks) {
				end = min(end, marks[i])
			}
		}
		if end > l.data {
			list = append(list, reading{l.data, d.method, end - l.data, 0})
		}
	}
	return list
}

// open hands out a member in one reading. fault tells why it could not be read to its end.
func (z *zipFile) open(name string, r reading) (fault, err error) {
	if r.method == methodStored {
		z.stored = append(z.stored, span{r.at, r.at + r.size})
		return z.attempt(name, z.section(r.at, r.at+r.size))
	}
	content, err := unpack(r, z.section(r.at, z.size))
	if err != nil {
		return err, nil
	}
	if c, ok := content.(io.Closer); ok {
		defer c.Close()
	}
	return z.attempt(name, content)
}
