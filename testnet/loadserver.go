package testnet

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// maxLoadCommand bounds a command, CRLF included (RFC 2449 section 4).
	maxLoadCommand = 255

	// loadServerLimit bounds a session of a POP3LoadServer: those of a POP3Idle stay for as long as it takes to open thousands.
	loadServerLimit = 10 * time.Minute

	// greeting of a POP3LoadServer.
	loadGreeting = "+OK ready\r\n"
)

// POP3LoadServer is a POP3 server that costs next to nothing, so that what is between it and a POP3Load is what is
// measured: one mailbox in memory, the same for every user who knows Password, that nothing is deleted from. It knows the commands of
// RFC 1939 that a fetch needs: USER, PASS, STAT, LIST, UIDL, RETR, NOOP, QUIT, and CAPA (RFC 2449) with pipelining.
type POP3LoadServer struct {
	mails     []loadMail
	octets    int
	listeners []net.Listener
	running   sync.WaitGroup

	mu struct {
		sync.Mutex
		closed   bool
		open     map[net.Conn]struct{}
		sessions int
		failed   int
		errs     []error
	}
}

// loadMail is a mail as it is listed and sent.
type loadMail struct {
	size  int
	reply []byte // to RETR, all of it
}

// ServePOP3Load answers POP3 from this process until Close, at addresses of the host.
func (h *Host) ServePOP3Load(ctx context.Context, mails []Mail, at ...netip.AddrPort) (*POP3LoadServer, error) {
	s := new(POP3LoadServer)
	s.mu.open = make(map[net.Conn]struct{})
	for _, m := range mails {
		s.mails = append(s.mails, loadMail{
			size:  len(m.Data),
			reply: append(fmt.Appendf(nil, "+OK %d octets\r\n", len(m.Data)), wireForm(m.Data)...),
		})
		s.octets += len(m.Data)
	}
	for _, address := range at {
		listener, err := h.Listen(ctx, address)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("load server: %w", err), s.Close())
		}
		s.listeners = append(s.listeners, listener)
		// Ends with Close.
		s.running.Go(func() { s.accept(listener) })
	}
	return s, nil
}

// Sessions counts the sessions that ended with QUIT.
func (s *POP3LoadServer) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.sessions
}

// Err is nil when every session so far that has ended did so with QUIT, and otherwise tells of the first ten that did not.
func (s *POP3LoadServer) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.failed == 0 {
		return nil
	}
	return fmt.Errorf("load server: %d sessions failed, the first of them:\n%w", s.mu.failed, errors.Join(s.mu.errs...))
}

// Close ends the server and its sessions, and waits.
func (s *POP3LoadServer) Close() error {
	var errs []error
	s.mu.Lock()
	s.mu.closed = true
	for _, listener := range s.listeners {
		errs = append(errs, listener.Close())
	}
	for c := range s.mu.open {
		errs = append(errs, c.Close())
	}
	s.mu.Unlock()
	s.running.Wait()
	return errors.Join(errs...)
}

// accept serves who comes, until the listener is closed.
func (s *POP3LoadServer) accept(listener net.Listener) {
	for {
		c, err := listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				s.note(fmt.Errorf("accept: %w", err))
			}
			return
		}
		if !s.enter(c) {
			c.Close()
			return
		}
		// Ends with the session, or with Close.
		s.running.Go(func() {
			err := s.serve(c)
			if err != nil {
				err = fmt.Errorf("session of %s: %w", c.RemoteAddr(), err)
			}
			// Counted first: a client that has seen the close finds itself counted.
			s.note(err)
			if s.leave(c) {
				c.Close()
			}
		})
	}
}

// enter makes a connection one that Close closes; false after Close.
func (s *POP3LoadServer) enter(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return false
	}
	s.mu.open[c] = struct{}{}
	return true
}

// leave undoes enter; false when Close has closed the connection.
func (s *POP3LoadServer) leave(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.open, c)
	return !s.mu.closed
}

// note counts a session. What ends after Close was cut short by it and is not counted.
func (s *POP3LoadServer) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.mu.sessions++
	case s.mu.closed:
	default:
		s.mu.failed++
		if len(s.mu.errs) < maxLoadErrors {
			s.mu.errs = append(s.mu.errs, err)
		}
	}
}

// serve is one session up to and with the reply to QUIT.
//
// Errors: io.ErrUnexpectedEOF when the client closes without QUIT; bufio.ErrBufferFull; the connection's.
func (s *POP3LoadServer) serve(c net.Conn) error {
	if err := c.SetDeadline(time.Now().Add(loadServerLimit)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, loadGreeting); err != nil {
		return err
	}
	lines := bufio.NewReaderSize(c, maxLoadCommand)
	var replies []byte
	authorized := false
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		verb, argument, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(" "))
		replies, authorized = s.answer(replies, strings.ToUpper(string(verb)), string(argument), authorized)
		quit := bytes.EqualFold(verb, []byte("QUIT"))
		// Pipelined commands are answered together (RFC 2449 section 6.6).
		if !quit && lines.Buffered() > 0 && len(replies) < 1<<16 {
			continue
		}
		if _, err := c.Write(replies); err != nil {
			return err
		}
		if quit {
			return nil
		}
		replies = replies[:0]
	}
}

// answer appends the reply to a command and tells whether the client is logged in after it.
func (s *POP3LoadServer) answer(to []byte, verb, argument string, authorized bool) ([]byte, bool) {
	switch {
	case verb == "QUIT":
		return append(to, "+OK bye\r\n"...), authorized
	case verb == "CAPA":
		return append(to, "+OK\r\nUSER\r\nUIDL\r\nPIPELINING\r\n.\r\n"...), authorized
	case verb == "USER" && !authorized:
		return append(to, "+OK\r\n"...), false
	case verb == "PASS" && !authorized:
		if argument != Password {
			return append(to, "-ERR no\r\n"...), false
		}
		return append(to, "+OK\r\n"...), true
	case authorized:
		return s.answerTransaction(to, verb, argument), true
	}
	return append(to, "-ERR\r\n"...), authorized
}

// answerTransaction answers the commands of a client that is logged in (RFC 1939 section 5).
func (s *POP3LoadServer) answerTransaction(to []byte, verb, argument string) []byte {
	switch verb {
	case "NOOP":
		return append(to, "+OK\r\n"...)
	case "STAT":
		return fmt.Appendf(to, "+OK %d %d\r\n", len(s.mails), s.octets)
	case "RETR":
		if n, ok := s.number(argument); ok {
			return append(to, s.mails[n-1].reply...)
		}
	case "LIST", "UIDL":
		if argument == "" {
			to = append(to, "+OK\r\n"...)
			for n := range s.mails {
				to = s.listing(to, verb, n+1)
			}
			return append(to, ".\r\n"...)
		}
		if n, ok := s.number(argument); ok {
			return s.listing(append(to, "+OK "...), verb, n)
		}
	}
	return append(to, "-ERR\r\n"...)
}

// listing appends a mail's line in LIST or UIDL.
func (s *POP3LoadServer) listing(to []byte, verb string, n int) []byte {
	if verb == "UIDL" {
		return fmt.Appendf(to, "%d load-%d\r\n", n, n)
	}
	return fmt.Appendf(to, "%d %d\r\n", n, s.mails[n-1].size)
}

// number is the number of a mail there is.
func (s *POP3LoadServer) number(argument string) (int, bool) {
	n, err := strconv.Atoi(argument)
	return n, err == nil && n >= 1 && n <= len(s.mails)
}
