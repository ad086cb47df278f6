//go:build !noyara

package yara

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"mirrorgw/scanner"
)

// mapping is a stretch of a file in memory.
type mapping struct {
	content []byte
	pages   []byte // those that hold it
}

// mapStretch maps size octets of file from at on. The caller closes the mapping.
//
// Errors: that file does not hold them, which would end the process where they are read; those of the mapping.
func mapStretch(file *os.File, at, size int64) (m mapping, err error) {
	info, err := file.Stat()
	if err != nil {
		return m, fmt.Errorf("mapping a content: %w", err)
	}
	if all := info.Size(); at < 0 || size < 0 || size > all || at > all-size {
		return m, fmt.Errorf("mapping a content: %d octets at %d of a file of %d", size, at, all)
	}
	if size == 0 { // which cannot be mapped
		return m, nil
	}
	ahead := at % int64(os.Getpagesize())
	m.pages, err = unix.Mmap(int(file.Fd()), at-ahead, int(ahead+size), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return m, fmt.Errorf("mapping a content: %w", err)
	}
	m.content = m.pages[ahead:]
	return m, nil
}

func (m mapping) close() {
	if m.pages != nil {
		_ = unix.Munmap(m.pages) // cannot fail
	}
}

// scanPart is scan for a part.
func (j *judge) scanPart(ctx context.Context, part *scanner.Part) error {
	content, file := part.Region()
	if file != nil {
		m, err := mapStretch(file.File, file.At, part.Size())
		if err != nil {
			return err
		}
		defer m.close()
		content = m.content
	}
	return j.scan(content, part.Name, timeOf(ctx))
}
