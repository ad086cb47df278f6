package scanner

import (
	"bufio"
	"io"
	"sync"
)

// memory keeps what scans have worked in for scans to come.
type memory struct {
	scratch sync.Pool // of *[scratchSize]byte
	readers sync.Pool // of *bufio.Reader, each of lineBuffer
}

// takeScratch returns memory that holds anything.
func (m *memory) takeScratch() *[scratchSize]byte {
	if b, ok := m.scratch.Get().(*[scratchSize]byte); ok {
		return b
	}
	return new([scratchSize]byte)
}

// giveScratch gives b back, which may be nil.
func (m *memory) giveScratch(b *[scratchSize]byte) {
	if b != nil {
		m.scratch.Put(b)
	}
}

// takeReader returns a reader of r.
func (m *memory) takeReader(r io.Reader) *bufio.Reader {
	if b, ok := m.readers.Get().(*bufio.Reader); ok {
		b.Reset(r)
		return b
	}
	return bufio.NewReaderSize(r, lineBuffer)
}

func (m *memory) giveReader(b *bufio.Reader) {
	b.Reset(nil)
	m.readers.Put(b)
}
