package testnet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"mirrorgw/testnet"
)

// loadMails are two small mails, one that needs its dots stuffed and its end ended.
func loadMails() []testnet.Mail {
	return []testnet.Mail{
		{Kind: "dots", Data: []byte("Subject: dots\r\n\r\n.\r\n..\r\nno end")},
		{Kind: "4 kB", Data: []byte("Subject: 4 kB\r\n\r\n" + strings.Repeat("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n", 64))},
	}
}

// A thousand sessions over each family, with nothing lost on the way and nothing left.
func TestPOP3Load(t *testing.T) {
	testnet.CheckLeaks(t)
	l := newLab(t)
	mails := loadMails()
	addresses := []netip.AddrPort{netip.AddrPortFrom(testnet.MailIPv4, 110), netip.AddrPortFrom(testnet.MailIPv6, 110)}
	server, err := l.Internet.ServePOP3Load(t.Context(), mails, addresses...)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		load := testnet.POP3Load{Server: address, Mailbox: len(mails), Mails: mails, Sessions: 1000}
		result, err := load.Run(t.Context(), l.Client)
		if err := errors.Join(err, result.Err()); err != nil {
			t.Errorf("%s: %v", address, err)
		}
		if result.Done != load.Sessions || result.Median <= 0 || result.Slowest < result.P99 || result.Rate() <= 0 {
			t.Errorf("%s: result %+v", address, result)
		}
	}
	if err := server.Err(); err != nil {
		t.Error(err)
	}
	if n := server.Sessions(); n != 2000 {
		t.Errorf("the server counts %d sessions", n)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}

// What is served can be fetched by another client, which reads it more slowly.
func TestPOP3LoadServerToOtherClient(t *testing.T) {
	testnet.CheckLeaks(t)
	l := newLab(t)
	mails := loadMails()
	at := netip.AddrPortFrom(testnet.MailIPv4, 110)
	server, err := l.Internet.ServePOP3Load(t.Context(), mails, at)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	got, err := l.Client.FetchAll(t.Context(), at, "bob")
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].UIDL != "load-1" || !bytes.Equal(got[0].Data, []byte("Subject: dots\r\n\r\n..\r\n...\r\nno end\r\n.\r\n")) ||
		!bytes.Equal(got[1].Data, append(stuffed(mails[1].Data), ".\r\n"...)) {
		t.Errorf("fetched %q", got)
	}
	// A pipelined session (RFC 2449 section 6.6), and commands out of place.
	c, err := l.Client.Dial(t.Context(), "tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "STAT\r\nUSER bob\r\nPASS wrong\r\nPASS "+testnet.Password+"\r\nRETR 3\r\nLIST 1\r\nuidl\r\nDELE 1\r\nQUIT\r\n"); err != nil {
		t.Fatal(err)
	}
	replies, err := io.ReadAll(c)
	want := "+OK ready\r\n-ERR\r\n+OK\r\n-ERR no\r\n+OK\r\n-ERR\r\n+OK 1 30\r\n+OK\r\n1 load-1\r\n2 load-2\r\n.\r\n-ERR\r\n+OK bye\r\n"
	if err != nil || string(replies) != want {
		t.Errorf("replies %q, %v; want %q", replies, err, want)
	}
}

// Sessions that do not go as they should are counted as failed, and the result says what was wrong.
func TestPOP3LoadTellsFailures(t *testing.T) {
	testnet.CheckLeaks(t)
	l := newLab(t)
	mails := loadMails()
	at := netip.AddrPortFrom(testnet.MailIPv4, 110)
	server, err := l.Internet.ServePOP3Load(t.Context(), mails, at)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	other := testnet.Mail{Data: []byte("not this\r\n")}
	for _, c := range []struct {
		name string
		load testnet.POP3Load
		says string
	}{
		{"refused", testnet.POP3Load{Server: netip.AddrPortFrom(testnet.MailIPv6, 110)}, "connection refused"},
		{"count", testnet.POP3Load{Server: at, Mailbox: 3}, "want 3 mails"},
		{"mail", testnet.POP3Load{Server: at, Mailbox: 2, Mails: []testnet.Mail{mails[0], other}}, "RETR 2: "},
	} {
		c.load.Sessions = 20
		result, err := c.load.Run(t.Context(), l.Client)
		if err != nil {
			t.Fatal(err)
		}
		if err := result.Err(); result.Failed != 20 || result.Done != 0 || len(result.Errors) != 10 || err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %d done, %d failed, %v", c.name, result.Done, result.Failed, err)
		}
		if c.name == "refused" && !errors.Is(result.Err(), syscall.ECONNREFUSED) {
			t.Errorf("refused is %v", result.Err())
		}
	}
	// A run that leads nowhere ends.
	hopeless := testnet.POP3Load{Server: netip.AddrPortFrom(testnet.MailIPv6, 110), Sessions: 100_000}
	if result, err := hopeless.Run(t.Context(), l.Client); err != nil || result.Failed < 256 || result.Failed > 256+64 {
		t.Errorf("hopeless: %d failed, %v", result.Failed, err)
	}
	testnet.WaitFor(t, "sessions without QUIT", func() bool { return server.Err() != nil })
}

// Dials that wait for an answer keep no threads, and end with the context.
func TestPOP3LoadWaitsWithoutThreads(t *testing.T) {
	testnet.CheckLeaks(t)
	l := newLab(t)
	run(t, l.Internet, "nft", "table inet silence { chain input { type filter hook input priority 0; tcp dport 110 counter drop; }; }")
	before := threads(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	ended := make(chan error)
	// Ends with ctx.
	go func() {
		load := testnet.POP3Load{Server: netip.AddrPortFrom(testnet.MailIPv4, 110), Sessions: 1000, Concurrency: 200}
		result, err := load.Run(ctx, l.Client)
		if result.Done != 0 || result.Failed != 0 {
			t.Errorf("result %+v", result)
		}
		ended <- err
	}()
	testnet.WaitFor(t, "200 unanswered SYNs", func() bool {
		return strings.Count(run(t, l.Client, "ss", "-Htn", "state", "syn-sent"), "\n") == 200
	})
	if n := threads(t) - before; n > 20 {
		t.Errorf("%d threads more for 200 dials", n)
	}
	cancel(enough)
	if err := <-ended; !errors.Is(err, enough) {
		t.Errorf("run ended with %v", err)
	}
}

// threads is how many threads this process has.
func threads(t *testing.T) int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(tasks)
}

// Sessions that say nothing are there until they quit, and one that is not there any more is told of.
func TestPOP3Idle(t *testing.T) {
	testnet.CheckLeaks(t)
	l := newLab(t)
	address := netip.AddrPortFrom(testnet.MailIPv4, 110)
	for _, ended := range []bool{false, true} {
		server, err := l.Internet.ServePOP3Load(t.Context(), loadMails(), address)
		if err != nil {
			t.Fatal(err)
		}
		const sessions = 100
		idle, err := testnet.POP3Load{Server: address, Sessions: sessions}.Open(t.Context(), l.Client)
		if err != nil {
			t.Error(err)
		}
		if ended {
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := idle.Quit(t.Context()); (err == nil) == ended {
			t.Errorf("server ended %t: %v", ended, err)
		}
		if n := server.Sessions(); !ended && n != sessions {
			t.Errorf("%d sessions have quit", n)
		}
		if err := server.Close(); err != nil && !ended {
			t.Error(err)
		}
	}
}
