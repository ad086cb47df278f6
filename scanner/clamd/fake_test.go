package clamd_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"

	"mirrorgw/scanner"
	"mirrorgw/scanner/clamd"
)

// server is one end of a connection to the engine, for a test to play clamd on.
type server struct {
	net.Conn
	t *testing.T
}

// stream reads a command and the stream behind it to its end.
func (s server) stream() []byte {
	s.command()
	var all []byte
	for {
		chunk, more := s.chunk()
		if !more {
			return all
		}
		all = append(all, chunk...)
	}
}

func (s server) command() {
	var word [10]byte
	if _, err := io.ReadFull(s, word[:]); err != nil || string(word[:]) != "zINSTREAM\x00" {
		s.t.Errorf("command %q, %v", word, err)
	}
}

// chunk reads one chunk; more is false for the empty one at the end, and when the client has gone.
func (s server) chunk() (chunk []byte, more bool) {
	var length [4]byte
	if _, err := io.ReadFull(s, length[:]); err != nil {
		return nil, false
	}
	chunk = make([]byte, min(binary.BigEndian.Uint32(length[:]), 1<<20))
	_, err := io.ReadFull(s, chunk)
	return chunk, err == nil && len(chunk) > 0
}

func (s server) say(text string) {
	if _, err := io.WriteString(s, text); err != nil {
		s.t.Errorf("replying: %v", err)
	}
}

var errRefused = errors.New("connection refused")

// inMemory returns a Config.Dial whose connections are answered by play, which is told the number of the connection from 0 on
// and the address. It gets a nil connection to say by returning false that it refuses.
func inMemory(t *testing.T, play func(n int, address string, s server) bool) func(context.Context, string, string) (net.Conn, error) {
	var n atomic.Int32
	return func(_ context.Context, _, address string) (net.Conn, error) {
		at := int(n.Add(1)) - 1
		if !play(at, address, server{nil, t}) {
			return nil, errRefused
		}
		client, ours := net.Pipe()
		go func() { // ends with the connection
			defer ours.Close()
			play(at, address, server{ours, t})
		}()
		return client, nil
	}
}

func newEngine(t *testing.T, c clamd.Config) *clamd.Engine {
	t.Helper()
	if c.Addresses == nil {
		c.Addresses = []string{"unix:/test"}
	}
	e, err := clamd.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// newPart returns a part with a content of its own.
func newPart(t *testing.T, content []byte) *scanner.Part {
	t.Helper()
	return newPartAt(t, "1.2", content)
}

func newPartAt(t *testing.T, path string, content []byte) *scanner.Part {
	t.Helper()
	b := scanner.Spool{}.NewBuffer()
	t.Cleanup(func() { b.Close() })
	if _, err := b.Write(content); err != nil {
		t.Fatal(err)
	}
	return scanner.NewPart(path, "", "", b)
}

// hasty returns the address of a daemon that refuses each content at its first chunk, until the test ends.
func hasty(t *testing.T) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s := server{conn, t}
			s.command()
			s.chunk()
			s.say("INSTREAM size limit exceeded. ERROR\x00")
			s.Close() // with more to read, so that the other end gets EPIPE
		}
	}()
	return "unix:" + socket
}
