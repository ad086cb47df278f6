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
	"time"
)

// sessionLimit bounds a whole POP3 session.
const sessionLimit = time.Minute

// Retrieved is one mail as a server or a gateway sent it.
type Retrieved struct {
	UIDL string

	// Data is the reply to RETR after its first line, as it was on the wire: with the dots of RFC 1939 section 3 stuffed and
	// the final line of one dot.
	Data []byte
}

// ErrReply reports a -ERR.
var ErrReply = errors.New("server says")

// FetchAll retrieves every mail of a mailbox from a host and leaves it there. It is stricter than most clients: what it
// returns can be compared octet by octet.
//
// Errors: ErrReply; the connection's.
func (h *Host) FetchAll(ctx context.Context, server netip.AddrPort, user string) ([]Retrieved, error) {
	c, err := h.Dial(ctx, "tcp", server)
	if err != nil {
		return nil, err
	}
	mails, err := fetchAll(ctx, c, user)
	return mails, errors.Join(err, c.Close())
}

func fetchAll(ctx context.Context, c net.Conn, user string) ([]Retrieved, error) {
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Now()) })
	defer stop()
	if err := c.SetDeadline(time.Now().Add(sessionLimit)); err != nil {
		return nil, err
	}
	s := pop3Session{r: bufio.NewReader(c), w: c}
	if _, err := s.reply(); err != nil {
		return nil, fmt.Errorf("greeting: %w", err)
	}
	for _, line := range []string{"USER " + user, "PASS " + Password} {
		if _, err := s.command(line); err != nil {
			return nil, err
		}
	}
	if _, err := s.command("UIDL"); err != nil {
		return nil, err
	}
	listing, err := s.multiline()
	if err != nil {
		return nil, fmt.Errorf("UIDL: %w", err)
	}
	var mails []Retrieved
	for line := range bytes.Lines(bytes.TrimSuffix(listing, []byte(".\r\n"))) {
		number, uidl, _ := strings.Cut(strings.TrimRight(string(line), "\r\n"), " ")
		if number != strconv.Itoa(len(mails)+1) {
			return nil, fmt.Errorf("UIDL: line %d is %q", len(mails)+1, line)
		}
		mails = append(mails, Retrieved{UIDL: uidl})
	}
	for i := range mails {
		if _, err := s.command("RETR " + strconv.Itoa(i+1)); err != nil {
			return nil, err
		}
		if mails[i].Data, err = s.multiline(); err != nil {
			return nil, fmt.Errorf("RETR %d: %w", i+1, err)
		}
	}
	_, err = s.command("QUIT")
	return mails, err
}

// pop3Session is the client's side of a session.
type pop3Session struct {
	r *bufio.Reader
	w io.Writer
}

// command sends a line and returns the first line of the reply.
func (s pop3Session) command(line string) (string, error) {
	verb, _, _ := strings.Cut(line, " ")
	if _, err := io.WriteString(s.w, line+"\r\n"); err != nil {
		return "", fmt.Errorf("%s: %w", verb, err)
	}
	reply, err := s.reply()
	if err != nil {
		return "", fmt.Errorf("%s: %w", verb, err)
	}
	return reply, nil
}

func (s pop3Session) reply() (string, error) {
	line, err := s.r.ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(line, "+OK") {
		return "", fmt.Errorf("%w: %s", ErrReply, strings.TrimSpace(line))
	}
	return line, nil
}

// multiline reads up to and with the line of one dot.
func (s pop3Session) multiline() ([]byte, error) {
	var data bytes.Buffer
	for atLineStart := true; ; {
		piece, err := s.r.ReadSlice('\n')
		data.Write(piece)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			atLineStart = false
		case errors.Is(err, io.EOF):
			return data.Bytes(), io.ErrUnexpectedEOF
		case err != nil:
			return data.Bytes(), err
		case atLineStart && string(piece) == ".\r\n":
			return data.Bytes(), nil
		default:
			atLineStart = bytes.HasSuffix(data.Bytes(), []byte("\r\n"))
		}
	}
}
