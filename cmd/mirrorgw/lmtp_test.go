package main

import (
	"errors"
	"io"
	"net"
	"net/textproto"
	"os"
	"sync"
)

// lmtpSink takes mail over LMTP (RFC 2033) on a Unix socket and puts each one into a file of its own.
type lmtpSink struct {
	listener net.Listener
	folder   string
	taking   sync.WaitGroup
	err      error // of the one connection; valid after close
}

// newLMTPSink listens at path, for one connection.
func newLMTPSink(path, folder string) (*lmtpSink, error) {
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	s := &lmtpSink{listener: l, folder: folder}
	s.taking.Go(func() { // ends with the client's QUIT, its end, or close
		c, err := l.Accept()
		if err == nil {
			err = errors.Join(s.take(c), c.Close())
		}
		if !errors.Is(err, net.ErrClosed) {
			s.err = err
		}
	})
	return s, os.Chmod(path, 0o777)
}

// close waits for the connection's end, and returns what went wrong.
func (s *lmtpSink) close() error {
	err := s.listener.Close()
	s.taking.Wait()
	return errors.Join(s.err, err)
}

// take answers one client.
func (s *lmtpSink) take(rw io.ReadWriter) error {
	c := textproto.NewConn(struct {
		io.ReadWriter
		io.Closer
	}{rw, io.NopCloser(nil)})
	reply := func(line string) error { return c.PrintfLine("%s", line) }
	if err := reply("220 sink"); err != nil {
		return err
	}
	for {
		line, err := c.ReadLine()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		answer := "250 ok"
		switch verb := line[:min(4, len(line))]; verb {
		case "data", "DATA":
			if err := reply("354 go on"); err != nil {
				return err
			}
			mail, err := io.ReadAll(c.DotReader())
			if err != nil {
				return err
			}
			f, err := os.CreateTemp(s.folder, "")
			if err != nil {
				return err
			}
			_, err = f.Write(mail)
			if err = errors.Join(err, f.Close()); err != nil {
				return err
			}
		case "quit", "QUIT":
			return reply("221 bye")
		}
		if err := reply(answer); err != nil {
			return err
		}
	}
}
