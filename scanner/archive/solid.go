package archive

import (
	"io"
	"slices"
)

// maxRewinds bounds the files of one archive that begin ahead of where others ended.
const maxRewinds = 16

// packedFile is a file that is part of the content of a folder, which is one compressed stream.
type packedFile struct {
	name     string
	size, at int64 // in the folder's content
	folder   int
}

// extract hands out files, in the order in which they are packed. open returns a reader of a folder's content; its error is the content's.
func (o *opening) extract(files []packedFile, open func(folder int) (io.Reader, error)) error {
	var total int64
	for _, f := range files {
		total += min(f.size, 1<<40) // of maxItems at most: no overflow
	}
	if err := o.out.Expect(total); err != nil {
		return err
	}
	slices.SortStableFunc(files, func(a, b packedFile) int {
		if a.folder != b.folder {
			return a.folder - b.folder
		}
		return int(min(max(a.at-b.at, -1), 1))
	})
	var content io.Reader
	at, folder, broken, rewinds := int64(0), -1, -1, 0
	for _, f := range files {
		if f.folder == broken || f.size == 0 {
			continue
		}
		fail := func(fault error) {
			o.note(f.name, fault)
			broken = f.folder
		}
		if f.folder != folder || f.at < at {
			if f.folder == folder {
				if rewinds++; rewinds > maxRewinds {
					return budget("files that overlap")
				}
			}
			var fault error
			if content, fault = open(f.folder); fault != nil {
				fail(fault)
				continue
			}
			folder, at = f.folder, 0
		}
		skipped, fault := io.CopyN(io.Discard, content, f.at-at)
		at += skipped
		if fault != nil {
			fail(fault)
			continue
		}
		file := &io.LimitedReader{R: content, N: f.size}
		fault, err := o.attempt(f.name, file)
		if err != nil {
			return err
		}
		at += f.size - file.N
		if fault == nil && file.N > 0 {
			fault = io.ErrUnexpectedEOF
		}
		if fault != nil {
			fail(fault)
		}
	}
	return nil
}
