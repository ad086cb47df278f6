package testnet

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// serve plays a server that sends each reply when the next line has come and then closes, and returns what the client fetched.
func serve(t *testing.T, replies ...string) ([]Retrieved, error) {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	// Ends when the replies do, or when the client leaves.
	go func() {
		defer server.Close()
		lines := bufio.NewReader(server)
		for i, reply := range replies {
			if i > 0 {
				if _, err := lines.ReadString('\n'); err != nil {
					return
				}
			}
			if _, err := io.WriteString(server, reply); err != nil {
				return
			}
		}
	}()
	return fetchAll(t.Context(), client, "alice")
}

func TestFetchAllKeepsEveryOctet(t *testing.T) {
	mails := []string{
		"A: b\r\n\r\n..\r\n.. x\r\n.\r\n",
		strings.Repeat("x", 4096) + ".\r\n.\r\n",                                // the reader's buffer ends before the dot
		strings.Repeat("x", 4094) + "\r\n..\r\n" + "bare\n.\n bare\n.\r\n.\r\n", // a bare line feed ends no line (RFC 1939 section 3)
		".\r\n",
	}
	replies := []string{"+OK hello\r\n", "+OK\r\n", "+OK\r\n", "+OK\r\n1 a\r\n2 b\r\n3 c\r\n4 d\r\n.\r\n"}
	for _, mail := range mails {
		replies = append(replies, "+OK\r\n"+mail)
	}
	got, err := serve(t, append(replies, "+OK bye\r\n")...)
	if err != nil || len(got) != len(mails) {
		t.Fatalf("%d mails, %v", len(got), err)
	}
	for i, mail := range mails {
		if string(got[i].Data) != mail || got[i].UIDL != string(rune('a'+i)) {
			t.Errorf("mail %d: UIDL %q, %q", i+1, got[i].UIDL, got[i].Data)
		}
	}
}

func TestFetchAllErrors(t *testing.T) {
	login := []string{"+OK\r\n", "+OK\r\n", "+OK\r\n"}
	for name, test := range map[string]struct {
		replies []string
		want    error
	}{
		"refused at once":   {[]string{"-ERR busy\r\n"}, ErrReply},
		"refused password":  {[]string{"+OK\r\n", "+OK\r\n", "-ERR no\r\n"}, ErrReply},
		"refused mail":      {append(login, "+OK\r\n1 a\r\n.\r\n", "-ERR [SYS/TEMP] later\r\n"), ErrReply},
		"no number":         {append(login, "+OK\r\nx a\r\n.\r\n"), nil},
		"ends in a mail":    {append(login, "+OK\r\n1 a\r\n.\r\n", "+OK\r\nA: b\r\n\r\nhalf"), io.ErrUnexpectedEOF},
		"ends in a listing": {append(login, "+OK\r\n1 a\r\n"), io.ErrUnexpectedEOF},
	} {
		_, err := serve(t, test.replies...)
		if err == nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		client, server := net.Pipe()
		defer server.Close()
		begun := time.Now()
		if _, err := fetchAll(ctx, client, "alice"); err == nil || time.Since(begun) != time.Second {
			t.Errorf("a silent server and a context of a second: %v after %s", err, time.Since(begun))
		}
	})
}
