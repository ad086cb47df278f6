package pop3

import (
	"bufio"
	"sync"
)

// buffers keeps the buffers that no session uses for those that will: they are most of what a session takes of memory. Sessions use them
// while something is to be read or written, and wait without.
type buffers struct {
	in, replies readers
	out         sync.Pool // of *bufio.Writer
}

func newBuffers() *buffers {
	return &buffers{in: readers{size: clientBuffer}, replies: readers{size: serverBuffer}}
}

// readers keeps readers of one size.
type readers struct {
	size int
	pool sync.Pool // of *bufio.Reader
}

func (r *readers) lend(from *leg) *bufio.Reader {
	if b, ok := r.pool.Get().(*bufio.Reader); ok {
		b.Reset(from)
		return b
	}
	return bufio.NewReaderSize(from, r.size)
}

// takeBack takes b, which may be nil.
func (r *readers) takeBack(b *bufio.Reader) {
	if b != nil {
		b.Reset(nil)
		r.pool.Put(b)
	}
}

// lendWriter returns what s writes to its client with.
func (b *buffers) lendWriter(s *session) *bufio.Writer {
	if w, ok := b.out.Get().(*bufio.Writer); ok {
		w.Reset(s.client)
		return w
	}
	return bufio.NewWriterSize(s.client, outBuffer)
}

// takeWriterBack takes w, which may be nil, and what is in it is lost.
func (b *buffers) takeWriterBack(w *bufio.Writer) {
	if w != nil {
		w.Reset(nil)
		b.out.Put(w)
	}
}

// lend gives s its buffers.
func (b *buffers) lend(s *session) {
	s.in, s.replies, s.out = b.in.lend(s.client), b.replies.lend(s.server), b.lendWriter(s)
}

// takeBack ends the use of the buffers by s, all of whose goroutines have ended. One that a panic ended may have had none.
func (b *buffers) takeBack(s *session) {
	b.in.takeBack(s.in)
	b.replies.takeBack(s.replies)
	b.takeWriterBack(s.out)
	s.in, s.replies, s.out = nil, nil, nil
}

// awaitClient waits for the client's next octet, without a buffer unless there is something in it. Client pump only.
func (s *session) awaitClient() error {
	if s.in.Buffered() > 0 {
		return nil
	}
	b := s.relay.buffers
	b.in.takeBack(s.in)
	s.in = nil
	err := s.client.await()
	s.in = b.in.lend(s.client)
	return err
}

// awaitServer is awaitClient for the server, and for what goes to the client. Server pump only. The octet is in the buffer then.
func (s *session) awaitServer() error {
	if s.replies.Buffered() > 0 {
		return nil
	}
	b := s.relay.buffers
	b.replies.takeBack(s.replies)
	s.replies = nil
	written := s.out.Buffered() == 0
	if written {
		b.takeWriterBack(s.out)
		s.out = nil
	}
	err := s.server.await()
	s.replies = b.replies.lend(s.server)
	if written {
		s.out = b.lendWriter(s)
	}
	if err == nil {
		_, err = s.replies.Peek(1)
	}
	return err
}
