package clamd_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mirrorgw/scanner"
	"mirrorgw/scanner/clamd"
)

// Every reply is read for what it is, and nothing but the one is clean.
func TestReplies(t *testing.T) {
	for _, tt := range []struct {
		reply string
		rule  string
		cause scanner.Cause // of an obstacle
		err   string        // otherwise
	}{
		{reply: "stream: OK\x00"},
		{reply: "stream: Eicar-Signature FOUND\x00", rule: "Eicar-Signature"},
		{reply: "stream: ClamAV-Test-File.UNOFFICIAL FOUND\x00", rule: "ClamAV-Test-File.UNOFFICIAL"},
		{reply: "stream: Eicar-Signature(44d88612fea8a8f36de82e1278abb02f:68) FOUND\x00", rule: "Eicar-Signature"},
		{reply: "stream: Heuristics.Encrypted.Zip FOUND\x00", cause: scanner.CauseEncrypted},
		{reply: "stream: Heuristics.Encrypted.PDF FOUND\x00", cause: scanner.CauseEncrypted},
		{reply: "stream: Heuristics.Limits.Exceeded FOUND\x00", cause: scanner.CauseBudget},
		{reply: "stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\x00", cause: scanner.CauseBudget},
		{reply: "stream: Heuristics.Phishing.Email.SpoofedDomain FOUND\x00", rule: "Heuristics.Phishing.Email.SpoofedDomain"},
		{reply: "INSTREAM size limit exceeded. ERROR\x00", cause: scanner.CauseOversize},

		{reply: "stream: OK", err: `unix:/test: it replied "stream: OK"`},
		{reply: "stream: OK\n", err: "it replied"},
		{reply: "stream: OK\x00stream: OK\x00", err: "it replied"},
		{reply: "stream: ok\x00", err: "it replied"},
		{reply: " stream: OK\x00", err: "it replied"},
		{reply: "stream:  FOUND\x00", err: "it replied"},
		{reply: "stream: Eicar FOUND", err: "it replied"},
		{reply: "COMMAND READ TIMED OUT\n", err: "it replied"},
		{reply: "UNKNOWN COMMAND\x00", err: "it replied"},
		{reply: "stream: Can't allocate memory ERROR\x00", err: "it replied"},
		{reply: strings.Repeat("x", 5000), err: "it replied"},
		{reply: "", err: "it closed the connection without a reply"},
		{reply: "\x00", err: "it replied"},
	} {
		synctest.Test(t, func(t *testing.T) {
			want := bytes.Repeat([]byte("mail\n"), 40_000) // several chunks
			asked := 0
			e := newEngine(t, clamd.Config{Dial: inMemory(t, func(_ int, _ string, s server) bool {
				if s.Conn == nil {
					return true
				}
				asked++
				if got := s.stream(); !bytes.Equal(got, want) {
					t.Errorf("%d octets arrived, not %d", len(got), len(want))
				}
				_, _ = io.WriteString(s, tt.reply) // more than a reply may have is not taken
				return true
			})})
			found, err := e.Scan(t.Context(), newPart(t, want))
			obstacle, _ := errors.AsType[*scanner.Obstacle](err)
			switch {
			case tt.rule != "":
				if len(found) != 1 || found[0] != (scanner.Finding{Engine: "clamd", Rule: tt.rule, Part: "1.2"}) || err != nil {
					t.Errorf("%q: %v, %v", tt.reply, found, err)
				}
			case tt.cause != scanner.CauseNone:
				if obstacle == nil || obstacle.Cause != tt.cause || len(found) > 0 {
					t.Errorf("%q: %v, %v", tt.reply, found, err)
				}
			case tt.err == "":
				if len(found) > 0 || err != nil {
					t.Errorf("%q: %v, %v", tt.reply, found, err)
				}
			case err == nil || obstacle != nil || len(found) > 0 || !strings.Contains(err.Error(), tt.err):
				t.Errorf("%q: %v, %v", tt.reply, found, err)
			}
			if times := map[bool]int{true: 3, false: 1}[tt.err != ""]; asked != times {
				t.Errorf("%q: asked %d times", tt.reply, asked)
			}
		})
	}
}

// A reply that comes while the part is still on its way counts, though writing fails first.
func TestReplyBeforeTheEnd(t *testing.T) {
	e := newEngine(t, clamd.Config{Addresses: []string{hasty(t)}})
	for range 20 {
		_, err := e.Scan(t.Context(), newPart(t, make([]byte, 8<<20)))
		if o, ok := errors.AsType[*scanner.Obstacle](err); !ok || o.Cause != scanner.CauseOversize {
			t.Fatalf("error %v", err)
		}
	}
}

// A daemon that is away for five seconds is waited for; one that is away for longer is not asked each time.
func TestDaemonAway(t *testing.T) {
	for _, tt := range []struct {
		back time.Duration
		ok   bool
	}{{0, true}, {900 * time.Millisecond, true}, {5 * time.Second, true}, {time.Minute, false}} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			e := newEngine(t, clamd.Config{Dial: inMemory(t, func(_ int, _ string, s server) bool {
				if s.Conn == nil {
					return time.Since(began) >= tt.back
				}
				s.stream()
				s.say("stream: OK\x00")
				return true
			})})
			part := newPart(t, []byte("x"))
			if _, err := e.Scan(t.Context(), part); (err == nil) != tt.ok {
				t.Errorf("back after %v: %v after %v", tt.back, err, time.Since(began))
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
			if tt.ok {
				return
			}
			for range 2 {
				if _, err := e.Scan(t.Context(), part); !errors.Is(err, errRefused) {
					t.Errorf("error %v", err)
				}
			}
			if _, err := e.Scan(t.Context(), part); !errors.Is(err, clamd.ErrDown) {
				t.Errorf("after three: %v", err)
			}
			time.Sleep(tt.back)
			for range 2 {
				if _, err := e.Scan(t.Context(), part); err != nil {
					t.Errorf("back again: %v", err)
				}
			}
			if c := e.Counters(); c.Opened != 1 || c.Refused != 1 || c.Failures != 9 || c.Repeated != 6 || c.Asked != 2 {
				t.Errorf("%+v", c)
			}
		})
	}
}

// A daemon that takes connections and nothing else is given up in time.
func TestDaemonHangs(t *testing.T) {
	for _, tt := range []struct {
		name string
		play func(s server)
		took time.Duration
	}{
		{"takes nothing", func(server) {}, 10 * time.Second},
		{"takes one chunk", func(s server) { s.command(); s.chunk() }, 10 * time.Second},
		{"says nothing", func(s server) { s.stream() }, 130 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEngine(t, clamd.Config{Dial: inMemory(t, func(_ int, _ string, s server) bool {
					if s.Conn != nil {
						tt.play(s)
						_, _ = io.Copy(io.Discard, closedLater{t.Context()})
					}
					return true
				})})
				began := time.Now()
				_, err := e.Scan(t.Context(), newPart(t, make([]byte, 200<<10)))
				if took := time.Since(began); err == nil || took < tt.took || took > tt.took+3*time.Second {
					t.Errorf("%v after %v", err, took)
				}
				// The time of the mail ends it sooner.
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				began = time.Now()
				if _, err := e.Scan(ctx, newPart(t, make([]byte, 200<<10))); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
					t.Errorf("%v after %v", err, time.Since(began))
				}
			})
		})
	}
}

// closedLater is a reader that ends with a context.
type closedLater struct{ context.Context }

func (c closedLater) Read([]byte) (int, error) {
	<-c.Done()
	return 0, io.EOF
}

// Another daemon takes over from one that does not answer, and keeps the work.
func TestFailOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		bad := map[string]string{"/a": "refuses"}
		e := newEngine(t, clamd.Config{Addresses: []string{"unix:/a", "tcp:127.0.0.1:3310"}, Dial: inMemory(t, func(_ int, address string, s server) bool {
			if s.Conn == nil {
				return bad[address] != "refuses"
			}
			asked = append(asked, address)
			s.stream()
			if bad[address] == "" {
				s.say("stream: OK\x00")
			}
			return true
		})})
		scan := func(want ...string) {
			t.Helper()
			asked = nil
			if _, err := e.Scan(t.Context(), newPart(t, []byte("x"))); err != nil {
				t.Error(err)
			}
			if got := strings.Join(asked, " "); got != strings.Join(want, " ") {
				t.Errorf("asked %s", got)
			}
		}
		scan("127.0.0.1:3310")
		delete(bad, "/a")
		scan("127.0.0.1:3310")
		bad["127.0.0.1:3310"] = "closes"
		scan("127.0.0.1:3310", "/a")
		scan("/a")
		if c := e.Counters(); c.FailOvers != 1 || c.Failures != 1 || c.Asked != 5 {
			t.Errorf("%+v", c)
		}
	})
}

// Never more questions at once than configured.
func TestParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := make(chan struct{}, 100)
		var most atomic.Int32
		e := newEngine(t, clamd.Config{Parallel: 3, Dial: inMemory(t, func(_ int, _ string, s server) bool {
			if s.Conn == nil {
				return true
			}
			now <- struct{}{}
			s.stream()
			time.Sleep(time.Second)
			if n := int32(len(now)); n > most.Load() {
				most.Store(n)
			}
			<-now
			s.say("stream: OK\x00")
			return true
		})})
		done := make(chan error)
		for range 9 {
			go func() { // ends with the answer
				_, err := e.Scan(t.Context(), newPart(t, []byte("x")))
				done <- err
			}()
		}
		began := time.Now()
		for range 9 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if most.Load() != 3 || time.Since(began) != 3*time.Second {
			t.Errorf("%d at once, %v", most.Load(), time.Since(began))
		}
	})
}

func TestAddresses(t *testing.T) {
	for s, want := range map[string]string{
		"unix:/run/clamav/clamd.ctl": "unix /run/clamav/clamd.ctl",
		"tcp:127.0.0.1:3310":         "tcp 127.0.0.1:3310",
		"tcp:[::1]:3310":             "tcp [::1]:3310",
		"tcp:scanner.lan:3310":       "",
		"unix:clamd.ctl":             "",
		"/run/clamav/clamd.ctl":      "",
		"tcp:127.0.0.1":              "",
		"tcp::3310":                  "",
		"tcp:127.0.0.1:0":            "",
		"tcp:127.0.0.1:99999":        "",
		"udp:127.0.0.1:3310":         "",
		"":                           "",
	} {
		network, address, err := clamd.Split(s)
		if got := strings.TrimSpace(network + " " + address); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", s, got, err)
		}
	}
	if _, err := clamd.New(clamd.Config{}); err == nil {
		t.Error("an engine without an address")
	}
}
