package archive

import (
	"encoding/binary"
	"io"
	"unicode/utf16"
)

// Images of disks as ISO 9660 (ECMA-119) has them.
const (
	isoSector      = 2048
	isoFirst       = 16  // the sector of the first descriptor
	isoDescriptors = 64  // that are looked at
	isoRoot        = 156 // where in a descriptor the root's record stands
	isoRecord      = 33  // octets of a record ahead of the name
	maxISOItems    = 100_000
)

// isoItem is what a record of a directory leads to.
type isoItem struct {
	name   string
	at     int64
	size   int64
	folder bool
	more   bool // the next record goes on with it
}

// isoPlace is where a file or folder lies, the first stretch of it.
type isoPlace struct{ at, size int64 }

func (i isoItem) place() isoPlace { return isoPlace{i.at, i.size} }

// isoImage is an image being opened. Its trees lead to the same files by different names.
type isoImage struct {
	*opening
	block int64
	seen  map[isoPlace]bool // files and folders
	items int
}

// openISO opens the files of an image: those with names in UCS-2 first, which clients show.
func openISO(o *opening, at int64) error {
	image := &isoImage{opening: o, seen: make(map[isoPlace]bool)}
	var trees [2][]isoItem // by kind: long names, others
	for n := range int64(isoDescriptors) {
		b, err := o.bytes((isoFirst+n)*isoSector, isoSector)
		if err != nil {
			return err
		}
		if len(b) < isoSector || string(b[1:6]) != "CD001" {
			break
		}
		const primary, supplementary = 1, 2
		if image.block = int64(binary.LittleEndian.Uint16(b[128:])); image.block == 0 {
			image.block = isoSector
		}
		root, ok := image.record(b[isoRoot:], false)
		switch {
		case !ok:
		case b[0] == supplementary:
			trees[0] = append(trees[0], root)
		case b[0] == primary:
			trees[1] = append(trees[1], root)
		}
	}
	for i, roots := range trees {
		for _, root := range roots {
			if err := image.tree(root, i == 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// tree hands out what is below a root. wide says that names are in UCS-2.
func (i *isoImage) tree(root isoItem, wide bool) error {
	for folders := []isoItem{root}; len(folders) > 0; folders = folders[1:] {
		folder := folders[0]
		if i.seen[folder.place()] {
			continue
		}
		i.seen[folder.place()] = true
		items, err := i.list(folder, wide)
		if err != nil {
			return err
		}
		for len(items) > 0 {
			first, n := items[0], 1
			for n < len(items) && items[n-1].more {
				n++
			}
			switch {
			case first.folder:
				folders, n = append(folders, first), 1
			case first.size > 0 && !i.seen[first.place()]:
				i.seen[first.place()] = true
				if err := i.file(items[:n]); err != nil {
					return err
				}
			}
			items = items[n:]
		}
	}
	return nil
}

// file hands out a file, which may lie in several stretches.
func (i *isoImage) file(stretches []isoItem) error {
	var readers []io.Reader
	total := int64(0)
	for _, s := range stretches {
		readers = append(readers, i.section(s.at, s.at+s.size))
		total += s.size
	}
	return i.member(stretches[0].name, &exactly{io.MultiReader(readers...), total})
}

// list reads the records of a folder. None crosses a sector's end.
func (i *isoImage) list(folder isoItem, wide bool) ([]isoItem, error) {
	var items []isoItem
	for at := int64(0); at < folder.size && folder.at+at < i.size; at += isoSector {
		b, err := i.bytes(folder.at+at, isoSector)
		if err != nil {
			return nil, err
		}
		for len(b) > isoRecord && b[0] > isoRecord && int(b[0]) <= len(b) {
			record := b[:b[0]]
			b = b[b[0]:]
			item, ok := i.record(record, wide)
			if !ok {
				continue
			}
			if i.items++; i.items > maxISOItems {
				return nil, budget("more than %d files", maxISOItems)
			}
			items = append(items, item)
		}
	}
	return items, nil
}

// record reads a record of a directory. ok is false where it leads out of the image, or to the folder it is in or the one above.
func (i *isoImage) record(b []byte, wide bool) (item isoItem, ok bool) {
	const folder, more = 1 << 1, 1 << 7
	n := min(int(b[isoRecord-1]), len(b)-isoRecord)
	name := b[isoRecord:][:n]
	item = isoItem{
		at:     (int64(binary.LittleEndian.Uint32(b[2:])) + int64(b[1])) * i.block,
		size:   int64(binary.LittleEndian.Uint32(b[10:])),
		folder: b[25]&folder != 0,
		more:   b[25]&more != 0,
	}
	if wide {
		var units []uint16
		for ; len(name) > 1; name = name[2:] {
			units = append(units, binary.BigEndian.Uint16(name))
		}
		item.name = string(utf16.Decode(units))
	} else {
		item.name = string(name)
	}
	return item, item.at < i.size
}
