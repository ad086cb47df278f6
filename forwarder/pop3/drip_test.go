package pop3

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mirrorgw/scanner"
)

func TestTraceField(t *testing.T) {
	for _, tt := range []struct {
		wire   string
		lfOnly bool
		n      int
		more   bool
	}{
		{"", false, 0, true},
		{"Recei", false, 0, true},
		{"Received: a\r\n", false, 0, true},
		{"Received: a\r\n b\r\n", false, 0, true},
		{"Received: a\r\nX", false, 13, false},
		{"received: a\r\n\r", false, 13, false},
		{"Received: a\r\n\tb\r\nTo: c", false, 17, false},
		{"Received: a\nTo: c", true, 12, false},
		{"Received: a\nTo: c\r\n", false, 0, false},
		{"Received: a\r\n \r\nTo: c", false, 0, false},
		{"Received: a\rb\r\nTo: c", false, 0, false},
		{"Received: a\x00\r\nTo: c", false, 0, false},
		{"Received : a\r\nTo: c", false, 0, false},
		{"Subject: a\r\nTo: c", false, 0, false},
		{"MIME-Version: 1.0\r\nTo: c", false, 0, false},
		{"Content-Type: text/plain\r\nTo: c", false, 0, false},
		{"X-Mirrorgw-Verdict: clean\r\nTo: c", false, 0, false},
		{" Received: a\r\nTo: c", false, 0, false},
		{"\r\nReceived: a\r\nTo: c", false, 0, false},
		{"..Received: a\r\nTo: c", false, 0, false},
	} {
		if n, more := traceField([]byte(tt.wire), tt.lfOnly); n != tt.n || more != tt.more {
			t.Errorf("traceField(%q, %v) = %d, %v", tt.wire, tt.lfOnly, n, more)
		}
	}
}

// FuzzTraceField: what may leave before the verdict is whole fields: put a line between them and the rest, and another reader's
// header has that line more and is the same otherwise.
func FuzzTraceField(f *testing.F) {
	f.Add([]byte("Received: a\r\n\tb\r\nReturn-Path: <a@b>\r\nSubject: c\r\n\r\nbody\r\n"))
	f.Add([]byte("Received: a\r\n\r\nbody\r\n"))
	f.Add([]byte("X-UIDL: a\r\n \r\n b\r\nTo: c\r\n\r\n"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		at := 0
		for {
			n, _ := traceField(wire[at:], false)
			if n == 0 {
				break
			}
			at += n
		}
		before, err := mail.ReadMessage(bytes.NewReader(wire))
		if at == 0 || err != nil {
			return
		}
		after, err := mail.ReadMessage(io.MultiReader(bytes.NewReader(wire[:at]), strings.NewReader("X-Line: 1\r\n"), bytes.NewReader(wire[at:])))
		if err != nil {
			t.Fatalf("%q cut at %d: %v", wire, at, err)
		}
		if lines := after.Header["X-Line"]; len(lines) != 1+len(before.Header["X-Line"]) || !slices.Contains(lines, "1") {
			t.Errorf("%q cut at %d: %v", wire, at, lines)
		}
		delete(after.Header, "X-Line")
		delete(before.Header, "X-Line")
		if !maps.EqualFunc(after.Header, before.Header, slices.Equal) {
			t.Errorf("%q cut at %d: %v, want %v", wire, at, after.Header, before.Header)
		}
		a, _ := io.ReadAll(after.Body)
		b, _ := io.ReadAll(before.Body)
		if !bytes.Equal(a, b) {
			t.Errorf("%q cut at %d: body %q", wire, at, a)
		}
	})
}

// A notice that keeps the fields at the top of the mail says them once.
func TestNoticeSaysNothingTwice(t *testing.T) {
	const top = "Received: a\r\n\tby b\r\nDelivered-To: c\r\n"
	h := hold(scanner.Spool{})
	defer h.close()
	if _, err := h.wire.Write([]byte(top + "Subject: x\r\n\r\nbody\r\n")); err != nil {
		t.Fatal(err)
	}
	for sent, want := range map[int64]string{0: top + "To: d\r\n", 20: "Delivered-To: c\r\nTo: d\r\n", int64(len(top)): "To: d\r\n"} {
		if got := string((&retrieval{h: h, sent: sent}).unsent([]byte(top + "To: d\r\n"))); got != want {
			t.Errorf("behind %d octets: %q", sent, got)
		}
	}
	if got := (&retrieval{h: h, sent: 20}).unsent([]byte("To: d\r\n")); string(got) != "To: d\r\n" {
		t.Errorf("another notice: %q", got)
	}
}

// noticed is a judge that has each mail replaced by a notice that goes on from its first fields, as one that keeps the rest of a mail.
type noticed struct{ notice string }

func (n noticed) Judge(context.Context, scanner.Origin, *scanner.Buffer, bool) scanner.Ruling {
	time.Sleep(20 * time.Second) // the bubble's clock
	return scanner.Ruling{Action: scanner.Replace, Notice: []byte(n.notice)}
}

// The same in a session: behind the fields that have left comes the rest of the notice.
func TestNoticeGoesOnFromWhatHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const top, rest = "Received: a\r\n", "Delivered-To: b\r\nSubject: changed\r\n\r\nrest\r\n"
		st := openWith(t.Context(), t, Config{Judge: noticed{top + rest}})
		st.send(st.server, "+OK ready\r\n")
		st.send(st.client, "RETR 1\r\n")
		st.send(st.server, "+OK\r\n"+top+"Delivered-To: b\r\nSubject: x\r\n\r\nmail\r\n.\r\n")
		time.Sleep(DefaultDrip) // the bubble's clock
		st.got("client", st.client, "+OK ready\r\n"+statusMessage+top)
		time.Sleep(DefaultDrip) // the bubble's clock
		st.got("client", st.client, "+OK ready\r\n"+statusMessage+top+rest+".\r\n")
		st.close()
	})
}

// B9: whatever the mail takes, the client hears of it every 20 seconds, and while it drips the server is read. A client that takes
// nothing meanwhile does not keep the mail from being fetched.
func TestSlowMessageIsHeardOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		relay, err := New(Config{Judge: &clerk{}, Spool: scanner.Spool{Dir: t.TempDir()}})
		if err != nil {
			t.Fatal(err)
		}
		clientEnd, serverEnd, result := serve(t.Context(), relay)
		server := newParty(serverEnd)
		server.writes <- []byte("+OK ready\r\n")
		buf := make([]byte, 4096)
		read := func() string {
			clientEnd.SetReadDeadline(time.Now().Add(20 * time.Second))
			n, err := clientEnd.Read(buf)
			if err != nil {
				t.Fatalf("client: %v", err)
			}
			return string(buf[:n])
		}
		read()
		io.WriteString(clientEnd, "RETR 1\r\n")
		synctest.Wait()
		mail := "Received: from a\r\nSubject: x\r\n\r\n"
		server.writes <- []byte("+OK\r\n" + mail)
		asked := time.Now()
		var got strings.Builder
		for i := range 20 {
			got.WriteString(read())
			server.writes <- []byte("more\r\n")
			mail += "more\r\n"
			if i == 10 { // nothing is taken for a while; everything is still read from the server
				time.Sleep(40 * time.Second) // the bubble's clock
				server.writes <- []byte("late\r\n")
				mail += "late\r\n"
				synctest.Wait()
				if len(server.writes) != 0 {
					t.Error("the server is not read")
				}
			}
		}
		if waited := time.Since(asked); waited < 3*time.Minute {
			t.Errorf("over after %v", waited)
		}
		server.writes <- []byte(".\r\n")
		for !strings.HasSuffix(got.String(), "\r\n.\r\n") {
			got.WriteString(read())
		}
		var own []string
		for line := range strings.Lines(got.String()) {
			if !strings.HasPrefix(line, "X-Mirrorgw-Wait: ") {
				own = append(own, line)
			}
		}
		if want := statusMessage + mail + ".\r\n"; strings.Join(own, "") != want {
			t.Errorf("client has got %q, want %q", got.String(), want)
		}
		clientEnd.Close()
		<-result
		server.close()
	})
}

// The lines of the gateway's own are bounded, also where a judge never comes to an end.
func TestWaitLinesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := openWith(t.Context(), t, Config{Judge: &clerk{hook: func(ctx context.Context) { <-ctx.Done() }}, Budget: 3 * time.Hour})
		st.send(st.server, "+OK ready\r\n")
		st.send(st.client, "RETR 1\r\n")
		st.send(st.server, "+OK\r\nSubject: x\r\n\r\nmail\r\n.\r\n")
		time.Sleep(2 * time.Hour) // the bubble's clock
		synctest.Wait()
		if n := st.relay.Counters().WaitLines; n != maxWaits {
			t.Errorf("%d lines", n)
		}
		if got, _ := st.client.received(); strings.Count(got, "X-Mirrorgw-Wait") != maxWaits || strings.Contains(got, "Subject") {
			t.Errorf("client has got %q", got)
		}
		st.close()
	})
}

// P29: a message has half an hour in all, of which the judge gets what is left.
func TestBudgetIsHalfAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var took time.Duration
		asked := time.Now()
		st := openWith(t.Context(), t, Config{Judge: &clerk{hook: func(ctx context.Context) {
			<-ctx.Done()
			took = time.Since(asked)
		}}})
		st.send(st.server, "+OK ready\r\n")
		st.send(st.client, "RETR 1\r\n")
		time.Sleep(50 * time.Second) // the bubble's clock
		st.send(st.server, "+OK\r\nmail\r\n.\r\n")
		time.Sleep(time.Hour) // the bubble's clock
		synctest.Wait()
		if took != 30*time.Minute {
			t.Errorf("the judge was called off after %v", took)
		}
		st.close()
	})
}

// A fault in what drips ends that session only.
func TestDripPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := openWith(t.Context(), t, Config{Judge: &clerk{}})
		st.send(st.server, "+OK ready\r\n")
		s := newSession(st.relay, st.client.conn, st.server.conn)
		s.cancel = func() {}
		p := &pulse{s: s}
		p.start(time.Now().Add(time.Second), time.Second, func() error { panic("secret") })
		time.Sleep(5 * time.Second) // the bubble's clock
		synctest.Wait()
		if !closed(s.done) || s.err != ErrPanic {
			t.Errorf("session ended with %v", s.err)
		}
		p.stop()
		st.close()
	})
}

// A pulse that is started anew beats at its new times alone, and not for what it was started for before.
func TestPulseStartsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var beats []string
		p := &pulse{s: &session{}}
		beat := func(name string) func() error {
			return func() error {
				beats = append(beats, name+" "+time.Since(began).String())
				return nil
			}
		}
		p.stop() // never started
		p.start(began.Add(3*time.Second), time.Second, beat("a"))
		time.Sleep(4*time.Second + time.Second/2)
		p.stop()
		p.start(began.Add(10*time.Second), 3*time.Second, beat("b"))
		p.stop()
		p.start(began.Add(12*time.Second), 5*time.Second, beat("c"))
		time.Sleep(15 * time.Second)
		p.stop()
		time.Sleep(time.Minute)
		p.start(began, time.Hour, beat("d")) // which is over already
		synctest.Wait()
		p.stop()
		if got, want := strings.Join(beats, ", "), "a 3s, a 4s, c 12s, c 17s, d 1m19.5s"; got != want {
			t.Errorf("beats %s, want %s", got, want)
		}
		// As when the timer has gone off just before it was wound up again.
		p.start(time.Now().Add(time.Second), time.Second, beat("e"))
		p.run()
		p.stop()
		time.Sleep(2 * time.Second)
		p.run()
		if len(beats) != 5 {
			t.Errorf("beats %v", beats)
		}
	})
}
