package pop3

import (
	"bufio"
	"io"
	"sync"
)

// buffers keeps the buffers of sessions that have ended for those to come: they are most of what a short session takes of memory.
type buffers struct {
	in, replies sync.Pool // of *bufio.Reader
	out         sync.Pool // of *bufio.Writer
}

// lend gives s its buffers.
func (b *buffers) lend(s *session) {
	s.in = newReader(&b.in, s.client, clientBuffer)
	s.replies = newReader(&b.replies, s.server, serverBuffer)
	if w, ok := b.out.Get().(*bufio.Writer); ok {
		w.Reset(s.client)
		s.out = w
	} else {
		s.out = bufio.NewWriterSize(s.client, outBuffer)
	}
}

func newReader(pool *sync.Pool, from io.Reader, size int) *bufio.Reader {
	if r, ok := pool.Get().(*bufio.Reader); ok {
		r.Reset(from)
		return r
	}
	return bufio.NewReaderSize(from, size)
}

// takeBack ends the use of the buffers by s, all of whose goroutines have ended.
func (b *buffers) takeBack(s *session) {
	s.in.Reset(nil)
	s.replies.Reset(nil)
	s.out.Reset(nil)
	b.in.Put(s.in)
	b.replies.Put(s.replies)
	b.out.Put(s.out)
	s.in, s.replies, s.out = nil, nil, nil
}
