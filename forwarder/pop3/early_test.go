package pop3

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mirrorgw/scanner"
)

// reader is an engine that looks at mails while they arrive, and a Judge that has it look.
type reader struct {
	scanner *scanner.Scanner

	mu    sync.Mutex
	seen  strings.Builder // what it was shown
	state string          // of its last stream
	asked int             // times it was asked about the whole mail
}

func newStreamer(t *testing.T) *reader {
	t.Helper()
	r := new(reader)
	var err error
	if r.scanner, err = scanner.New(scanner.Config{Engines: []scanner.Engine{r}}); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *reader) Name() string { return "reader" }

func (r *reader) Scan(_ context.Context, part *scanner.Part) (scanner.Findings, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if part.Path == "" {
		r.asked++
	}
	return nil, nil
}

func (r *reader) Begin(context.Context) (scanner.Stream, error) { return r, nil }

func (r *reader) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = "open"
	return r.seen.Write(p)
}

func (r *reader) Finish() (scanner.Findings, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = "finished"
	return nil, nil
}

func (r *reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == "open" {
		r.state = "called off"
	}
	return nil
}

func (r *reader) Judge(ctx context.Context, _ scanner.Origin, mail *scanner.Buffer, complete bool) scanner.Ruling {
	if v := r.scanner.Scan(ctx, mail, complete); v.Class != scanner.Clean {
		return scanner.Ruling{Action: scanner.Retry}
	}
	return scanner.Ruling{Action: scanner.Deliver}
}

// A mail is shown to the engine as its content is, without dot-stuffing, while it arrives; the session is as it would be without.
func TestEarly(t *testing.T) {
	for name, spool := range map[string]scanner.Spool{"on disk": {}, "in memory": {Memory: 8 << 20}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newStreamer(t)
				spool.Dir = t.TempDir()
				st := openWith(t.Context(), t, Config{Judge: r, Early: r.scanner, Spool: spool})
				block := strings.Repeat("Received: by a line that leaves early\r\n", 20_000)
				content := block + "\r\n.a dot\r\n" + block + ".\r\n" + block
				wire := block + "\r\n..a dot\r\n" + block + "..\r\n" + block
				st.send(st.server, "+OK ready\r\n")
				st.send(st.client, "RETR 1\r\n")
				half := len(wire) / 2
				st.send(st.server, "+OK\r\n"+wire[:half])
				if n := r.seen.Len(); n < half-200_000 {
					t.Errorf("%d octets of %d were shown", n, half)
				}
				time.Sleep(time.Second / 2) // the bubble's clock
				st.send(st.server, wire[half:]+".\r\n")
				st.got("client", st.client, "+OK ready\r\n+OK\r\n"+wire+".\r\n")
				if r.seen.String() != content || r.state != "finished" || r.asked != 0 {
					t.Errorf("%d octets were shown, the stream is %s, and it was asked %d times", r.seen.Len(), r.state, r.asked)
				}
				st.close()
			})
		})
	}
}

// With the client the engine's work ends.
func TestEarlyEndsWithTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStreamer(t)
		st := openWith(t.Context(), t, Config{Judge: r, Early: r.scanner, Spool: scanner.Spool{Dir: t.TempDir()}})
		st.send(st.server, "+OK ready\r\n")
		st.send(st.client, "RETR 1\r\n")
		st.send(st.server, "+OK\r\n"+strings.Repeat("line\r\n", 200_000))
		if r.state != "open" {
			t.Errorf("the stream is %q", r.state)
		}
		st.client.conn.Close()
		st.ended(ErrClientLeft)
		if r.state != "called off" {
			t.Errorf("the stream is %q", r.state)
		}
		st.close()
	})
}

// What outgrows the spool is no mail to have an answer about: the engine's work ends, and the session goes on.
func TestEarlyEndsWithTheSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStreamer(t)
		st := openWith(t.Context(), t, Config{Judge: r, Early: r.scanner, Spool: scanner.Spool{Dir: t.TempDir(), Max: 1 << 20}})
		st.send(st.server, "+OK ready\r\n")
		st.send(st.client, "RETR 1\r\nNOOP\r\n")
		st.send(st.server, "+OK\r\n"+strings.Repeat("line\r\n", 200_000)+".\r\n+OK noop\r\n")
		st.got("client", st.client, "+OK ready\r\n-ERR "+refuseMessage+"+OK noop\r\n")
		if r.state != "called off" || r.asked != 0 {
			t.Errorf("the stream is %q, and it was asked %d times", r.state, r.asked)
		}
		st.close()
	})
}
