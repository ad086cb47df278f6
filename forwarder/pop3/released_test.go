package pop3

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"mirrorgw/scanner"
)

// outbox holds released mails.
type outbox struct {
	t     *testing.T
	mails map[string][]Released // by user
	text  map[string]string     // by ID
	later bool                  // the mail of that ID has been asked for

	mu       sync.Mutex
	consumed []string
}

// newOutbox reads USER ID "…" lines.
func newOutbox(t *testing.T, lines []string) *outbox {
	b := &outbox{t: t, mails: make(map[string][]Released), text: make(map[string]string)}
	for _, line := range lines {
		f := strings.SplitN(line, " ", 3)
		b.text[f[1]] = octets(t, f[2])
		b.mails[f[0]] = append(b.mails[f[0]], Released{ID: f[1], Size: int64(len(b.text[f[1]]))})
	}
	return b
}

func (b *outbox) Waiting(o scanner.Origin) ([]Released, error) {
	if o.Login == "" || o.Server.String() != "203.0.113.5:110" {
		b.t.Errorf("asked about %+v", o)
		return nil, errors.New("whose?")
	}
	if o.Login == "torn" { // some cannot be read, the others are there
		return b.mails[o.Login], errors.New("damaged")
	}
	return b.mails[o.Login], nil
}

func (b *outbox) Open(o scanner.Origin, id string) (io.ReadCloser, error) {
	switch id {
	case "gone":
		return nil, errors.New("gone")
	case "broken":
		return io.NopCloser(io.MultiReader(strings.NewReader(b.text[id][:5]), iotest.ErrReader(io.ErrUnexpectedEOF))), nil
	case "later":
		if b.later = !b.later; b.later {
			return nil, errors.New("not yet")
		}
	case "short":
		return io.NopCloser(strings.NewReader(b.text[id][2:])), nil
	}
	return io.NopCloser(strings.NewReader(b.text[id])), nil
}

func (b *outbox) Consume(o scanner.Origin, ids []string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range ids {
		if id == "stuck" {
			return errors.New("disk full")
		}
		b.consumed = append(b.consumed, id)
	}
	return nil
}

func (b *outbox) consumption() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.consumed) == 0 {
		return "none"
	}
	return strings.Join(b.consumed, " ")
}

// More mails than a session shows wait for the next one.
func TestReleasedAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines []string
		for i := range 150 {
			lines = append(lines, fmt.Sprintf("anna %012d \"x\"", i))
		}
		st := openWith(t.Context(), t, Config{Judge: &clerk{}, Releases: newOutbox(t, lines)})
		st.send(st.server, "+OK ready\r\n")
		for _, said := range []string{"USER anna\r\n", "PASS b\r\n"} {
			st.send(st.client, said)
			st.send(st.server, "+OK\r\n")
		}
		st.send(st.server, "+OK 1 10\r\n") // to the gateway's own STAT
		st.send(st.client, "STAT\r\nUIDL 101\r\n")
		st.send(st.server, "+OK 1 10\r\n")
		st.got("client", st.client, "+OK ready\r\n+OK\r\n+OK\r\n+OK 101 110\r\n+OK 101 mirrorgw-000000000099\r\n")
		st.send(st.client, "RETR 102\r\n")
		st.got("server", st.server, "USER anna\r\nPASS b\r\nSTAT\r\nSTAT\r\nRETR 102\r\n")
		st.close()
	})
}

// P22: the server is kept alive while the client takes its time with a released mail, and the reply to the NOOP is nobody's.
func TestServerIsKeptAliveDuringReleasedMail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mail := strings.Repeat("line\r\n", 10_000)
		releases := &outbox{t: t, mails: map[string][]Released{"anna": {{ID: "0123456789ab", Size: int64(len(mail))}}}, text: map[string]string{"0123456789ab": mail}}
		relay, err := New(Config{Judge: &clerk{}, Releases: releases})
		if err != nil {
			t.Fatal(err)
		}
		clientEnd, serverEnd, result := serve(t.Context(), relay)
		server, replies := newParty(serverEnd), bufio.NewReader(clientEnd)
		heard := func(want string) {
			t.Helper()
			if line, err := replies.ReadString('\n'); line != want {
				t.Fatalf("client got %q, %v, want %q", line, err, want)
			}
		}
		for _, s := range [][2]string{{"", "+OK ready\r\n"}, {"USER anna\r\n", "+OK\r\n"}, {"PASS b\r\n", "+OK in\r\n"}} {
			_, _ = io.WriteString(clientEnd, s[0])
			synctest.Wait()
			server.writes <- []byte(s[1])
			heard(s[1])
		}
		synctest.Wait()
		server.writes <- []byte("+OK 0 0\r\n") // to the gateway's STAT
		_, _ = io.WriteString(clientEnd, "RETR 1\r\n")
		heard(fmt.Sprintf("+OK %d octets\r\n", len(mail)))
		time.Sleep(aliveEvery + time.Second) // the bubble's clock
		synctest.Wait()
		if got, _ := server.received(); got != "USER anna\r\nPASS b\r\nSTAT\r\nNOOP\r\n" {
			t.Errorf("server has got %q", got)
		}
		server.writes <- []byte("+OK alive\r\n")
		for range 10_000 {
			heard("line\r\n")
		}
		heard(".\r\n")
		_, _ = io.WriteString(clientEnd, "NOOP\r\n")
		synctest.Wait()
		server.writes <- []byte("+OK noop\r\n")
		heard("+OK noop\r\n")
		clientEnd.Close()
		<-result
		server.close()
	})
}

// Law: what stuffer writes is one reply, in whatever pieces it comes, and holds the mail and at most a CRLF to end its last line.
func TestStufferIsRead(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		mail := make([]byte, r.IntN(12))
		for i := range mail {
			mail[i] = ".\r\nx"[r.IntN(4)]
		}
		var wire bytes.Buffer
		s := &stuffer{w: &wire}
		for rest := mail; len(rest) > 0; {
			n := 1 + r.IntN(len(rest))
			if _, err := s.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := s.end(); err != nil {
			t.Fatal(err)
		}
		h := hold(scanner.Spool{})
		n, done, err := newFramer(false).feed(wire.Bytes(), h)
		if err != nil || !done || n != wire.Len() {
			t.Fatalf("%q as %q: ends %v after %d of %d octets, %v", mail, wire.Bytes(), done, n, wire.Len(), err)
		}
		got, _ := io.ReadAll(h.mail().Reader())
		want := mail
		if len(mail) > 0 && !bytes.HasSuffix(mail, []byte("\r\n")) {
			want = fmt.Appendf(nil, "%s\r\n", mail)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("%q became %q", mail, got)
		}
		h.close()
	}
}

func TestParseStat(t *testing.T) {
	for line, want := range map[string]string{
		"+OK 2 320\r\n": "2 320 true", "+OK 0 0\n": "0 0 true", "+OK 2 320 and more\r\n": "2 320 true", "+OK  2\t320\r\n": "2 320 true",
		"+OK\r\n": "0 0 false", "+OK 2\r\n": "2 0 false", "+OK two 320\r\n": "0 320 false", "+OK -2 320\r\n": "0 320 false", "+OK 2 -3\r\n": "2 -3 false",
		"+OK 99999999999 1\r\n": "0 1 false",
	} {
		count, size, ok := parseStat([]byte(line))
		if got := fmt.Sprint(count, size, ok); !strings.HasSuffix(got, "false") && got != want || ok != strings.HasSuffix(want, "true") {
			t.Errorf("%q: %s, want %s", line, got, want)
		}
	}
}
