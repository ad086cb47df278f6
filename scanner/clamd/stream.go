package clamd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Bounds on what one question may take.
const (
	dialTime    = 2 * time.Second   // until the connection stands
	writeTime   = 10 * time.Second  // without an octet taken
	verdictTime = 130 * time.Second // from the last octet to the reply: MaxScanTime is 120 s where nobody has configured it
	lateTime    = 2 * time.Second   // for a reply that was sent before the connection broke
)

// chunkSize is the length of a chunk, without the length in front of it.
const chunkSize = 64 << 10

// buffer holds one chunk with the length in front of it.
type buffer [4 + chunkSize]byte

// command begins a stream; with z the reply ends in a NUL (clamd(8)).
const command = "zINSTREAM\x00"

// dial connects to d. Errors: those of the dialler, with the daemon's name.
func (e *Engine) dial(ctx context.Context, d daemon) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	conn, err := e.connect(ctx, d.network, d.address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.name, err)
	}
	return conn, nil
}

// stream asks over conn, which it closes, about content and returns the reply. It borrows buf.
//
// Errors: those of content, ctx and conn.
func stream(ctx context.Context, conn net.Conn, content io.Reader, buf *buffer) (reply string, err error) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	reply, err = exchange(&question{conn: conn, buf: buf}, content)
	if ctx.Err() != nil && err != nil {
		return "", ctx.Err()
	}
	return reply, err
}

func exchange(q *question, content io.Reader) (reply string, err error) {
	if err := q.begin(); err != nil {
		return q.late(err)
	}
	for {
		q.n, err = io.ReadFull(content, q.buf[4:])
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return "", fmt.Errorf("reading back the part: %w", err)
		}
		if q.n == 0 {
			return q.end()
		}
		if err := q.send(); err != nil {
			return q.late(err)
		}
	}
}

// question is one stream on its way.
type question struct {
	conn net.Conn
	buf  *buffer
	n    int // octets of the next chunk in buf
}

func (q *question) begin() error {
	_, err := io.WriteString(&steady{q.conn}, command)
	return err
}

// send sends the next chunk. Without octets it is the end.
func (q *question) send() error {
	binary.BigEndian.PutUint32(q.buf[:], uint32(q.n))
	_, err := (&steady{q.conn}).Write(q.buf[:4+q.n])
	q.n = 0
	return err
}

// end sends the end of the stream, when all chunks have been sent, and returns the reply.
func (q *question) end() (reply string, err error) {
	if err := q.send(); err != nil {
		return q.late(err)
	}
	if err := q.conn.SetReadDeadline(time.Now().Add(verdictTime)); err != nil {
		return "", err
	}
	return receive(q.conn)
}

// late returns the reply of a daemon that has one to give before it has taken everything: it closes its end behind the reply, so
// that writing fails first.
func (q *question) late(written error) (string, error) {
	if err := q.conn.SetReadDeadline(time.Now().Add(lateTime)); err != nil {
		return "", written
	}
	if reply, err := receive(q.conn); err == nil && reply != "" {
		return reply, nil
	}
	return "", written
}

// receive reads up to the end of the connection, as far as a reply may be long.
func receive(conn net.Conn) (string, error) {
	var text [maxReply]byte
	n := 0
	for n < len(text) {
		m, err := conn.Read(text[n:])
		n += m
		switch {
		case n > 0 && text[n-1] == 0, err != nil && n > 0, errors.Is(err, io.EOF):
			return string(text[:n]), nil
		case err != nil:
			return "", err
		}
	}
	return string(text[:n]), nil
}

// steady writes to a connection as long as it takes something within writeTime.
type steady struct{ conn net.Conn }

func (s *steady) Write(p []byte) (n int, err error) {
	for n < len(p) {
		if err := s.conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
			return n, err
		}
		m, err := s.conn.Write(p[n:])
		n += m
		if err != nil && (m == 0 || !isTimeout(err)) {
			return n, err
		}
	}
	return n, nil
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}
