package spam

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"strings"

	"mirrorgw/scanner"
)

// spamd asks SpamAssassin's daemon (spamd/PROTOCOL in its sources).
type spamd struct {
	network, address string
	dialer           *net.Dialer
}

// rate returns the score of a mail.
func (s spamd) rate(ctx context.Context, mail *scanner.Buffer) (float64, error) {
	conn, err := s.dialer.DialContext(ctx, s.network, s.address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	score, err := exchange(conn, mail)
	if err != nil && ctx.Err() != nil {
		return 0, ctx.Err()
	}
	return score, err
}

// exchange asks one question.
func exchange(conn net.Conn, mail *scanner.Buffer) (float64, error) {
	if _, err := fmt.Fprintf(conn, "CHECK SPAMC/1.5\r\nContent-length: %d\r\n\r\n", mail.Size()); err != nil {
		return 0, err
	}
	if _, err := mail.WriteTo(conn); err != nil {
		return 0, err
	}
	text, err := readAll(conn)
	if err != nil {
		return 0, err
	}
	r := textproto.NewReader(bufio.NewReader(strings.NewReader(string(text))))
	status, err := r.ReadLine() // "SPAMD/1.1 0 EX_OK"
	if err != nil {
		return 0, errors.New("it gave no answer")
	}
	if words := strings.Fields(status); len(words) < 2 || !strings.HasPrefix(words[0], "SPAMD/") || words[1] != "0" {
		return 0, fmt.Errorf("it answered %q", scanner.Printable(status, 60))
	}
	fields, err := r.ReadMIMEHeader()
	if err != nil {
		return 0, fmt.Errorf("its answer: %w", err)
	}
	// "Spam: True ; 15.0 / 5.0"
	_, figures, _ := strings.Cut(fields.Get("Spam"), ";")
	figure, _, ok := strings.Cut(figures, "/")
	score, err := strconv.ParseFloat(strings.TrimSpace(figure), 64)
	if err != nil || !ok {
		return 0, errors.New("its answer has no score")
	}
	return score, nil
}
