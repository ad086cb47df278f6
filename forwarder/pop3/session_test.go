package pop3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"mirrorgw/scanner"
)

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no judge":         {},
		"unknown STLS":     {Judge: &clerk{}, STLS: Pass + 1},
		"short autologout": {Judge: &clerk{}, Idle: 9 * time.Minute},
		"negative":         {Judge: &clerk{}, Reply: -1},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// send writes to one party and waits until all is quiet.
func (st *stage) send(p *party, text string) {
	p.writes <- []byte(text)
	synctest.Wait()
}

// got fails unless a party has got just this.
func (st *stage) got(name string, p *party, want string) {
	st.t.Helper()
	synctest.Wait()
	if got, _ := p.received(); got != want {
		st.t.Errorf("%s has got %.2000q, want %.2000q", name, got, want)
	}
}

// ended fails unless the session is over, with want.
func (st *stage) ended(want error) {
	st.t.Helper()
	time.Sleep(lingerRead + time.Second) // the bubble's clock
	synctest.Wait()
	select {
	case err := <-st.result:
		st.over = true
		if !errors.Is(err, want) {
			st.t.Errorf("ended with %v, want %v", err, want)
		}
	default:
		st.t.Error("the session is not over")
	}
}

// openWith starts a session whose context is ctx.
func openWith(ctx context.Context, t *testing.T, cfg Config) *stage {
	relay, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return open(ctx, t, relay)
}

func TestPanicEndsOneSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		faulty := true
		judge := &clerk{hook: func(context.Context) {
			if faulty {
				faulty = false
				panic("secret mail text")
			}
		}}
		first := openWith(t.Context(), t, Config{Judge: judge, Log: slog.New(slog.NewTextHandler(&log, nil))})
		second := open(t.Context(), t, first.relay)
		for _, st := range []*stage{first, second} {
			st.send(st.server, "+OK ready\r\n")
			st.send(st.client, "RETR 1\r\n")
			st.send(st.server, "+OK\r\nmail\r\n.\r\n")
		}
		first.got("client", first.client, "+OK ready\r\n")
		first.sees("client", first.client, "reset")
		first.sees("server", first.server, "reset")
		first.ended(ErrPanic)
		second.got("client", second.client, "+OK ready\r\n+OK\r\nmail\r\n.\r\n")
		if n := first.relay.Counters().Panics; n != 1 {
			t.Errorf("%d panics counted", n)
		}
		if !strings.Contains(log.String(), "panic in a session") || strings.Contains(log.String(), "secret") {
			t.Errorf("log: %s", log.String())
		}
		first.close()
		second.close()
	})
}

// What was answered before a message is not kept back while the message is judged, also when server and client
// pipelined both.
func TestRepliesLeaveBeforeJudgement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verdict := make(chan struct{})
		st := openWith(t.Context(), t, Config{Judge: &clerk{hook: func(context.Context) { <-verdict }}})
		st.send(st.server, "+OK ready\r\n")
		st.send(st.client, "NOOP\r\nRETR 1\r\nNOOP\r\n")
		st.send(st.server, "+OK noop\r\n+OK\r\nmail\r\n.\r\n+OK\r\n")
		st.got("client", st.client, "+OK ready\r\n+OK noop\r\n")
		close(verdict)
		st.got("client", st.client, "+OK ready\r\n+OK noop\r\n+OK\r\nmail\r\n.\r\n+OK\r\n")
		st.close()
	})
}

// REQUIREMENTS C12: a message in progress may finish, no command is taken any more, nothing is sent to the server.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		verdict := make(chan struct{})
		judge := &clerk{hook: func(context.Context) { <-verdict }}
		busy := openWith(ctx, t, Config{Judge: judge})
		idle, asked := open(ctx, t, busy.relay), open(ctx, t, busy.relay)
		for _, st := range []*stage{busy, idle, asked} {
			st.send(st.server, "+OK ready\r\n")
		}
		asked.send(asked.client, "LIST 1\r\nLIST 2\r\n")
		busy.send(busy.client, "RETR 1\r\nNOOP\r\n")
		busy.send(busy.server, "+OK\r\nmail\r\n.\r\n")
		cancel()
		idle.ended(context.Canceled)
		asked.send(asked.server, "+OK 1 1\r\n") // on its way to the gateway, maybe, when the end came
		asked.got("client", asked.client, "+OK ready\r\n+OK 1 1\r\n")
		asked.ended(context.Canceled)
		busy.send(busy.client, "QUIT\r\n")
		close(verdict)
		busy.got("client", busy.client, "+OK ready\r\n+OK\r\nmail\r\n.\r\n")
		busy.sees("client", busy.client, "end")
		busy.sees("server", busy.server, "reset")
		busy.got("server", busy.server, "RETR 1\r\nNOOP\r\n")
		busy.ended(context.Canceled)
		busy.close()
		idle.close()
		asked.close()
	})
}

func TestDrainHasAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		st := openWith(ctx, t, Config{Judge: &clerk{hook: func(ctx context.Context) { <-ctx.Done() }}})
		st.send(st.server, "+OK ready\r\n")
		st.send(st.client, "RETR 1\r\n")
		st.send(st.server, "+OK\r\nmail\r\n.\r\n")
		cancel()
		time.Sleep(29 * time.Second) // the bubble's clock, of half a minute
		synctest.Wait()
		if _, err := st.client.received(); err != nil {
			t.Errorf("client sees %v before the time", err)
		}
		st.ended(context.Canceled)
		st.got("client", st.client, "+OK ready\r\n")
		st.close()
	})
}

// P21: the judge hears at once that nobody waits for it.
func TestClientGoneEndsJudgement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := openWith(t.Context(), t, Config{Judge: &clerk{hook: func(ctx context.Context) { <-ctx.Done() }}})
		st.send(st.server, "+OK ready\r\n")
		st.send(st.client, "DELE 2\r\nRETR 1\r\n")
		st.send(st.server, "+OK\r\n+OK\r\nmail\r\n.\r\n")
		st.client.conn.Close()
		st.sees("server", st.server, "reset")
		st.got("server", st.server, "DELE 2\r\nRETR 1\r\n")
		st.ended(ErrClientLeft)
		st.close()
	})
}

// REQUIREMENTS C7: no room for the spool is an error for that message only.
func TestSpoolFails(t *testing.T) {
	for name, mail := range map[string]string{"as it is": "a mail that does not fit\r\n", "stuffed": "a\r\n..mail that does not fit\r\n"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				judge := &clerk{}
				st := openWith(t.Context(), t, Config{Judge: judge, Spool: scanner.Spool{Dir: t.TempDir() + "/gone", Memory: 10}})
				st.send(st.server, "+OK ready\r\n")
				st.send(st.client, "RETR 1\r\nNOOP\r\n")
				st.send(st.server, "+OK\r\n"+mail+".\r\n+OK noop\r\n")
				st.got("client", st.client, "+OK ready\r\n-ERR "+refuseMessage+"+OK noop\r\n")
				if len(judge.seen) != 0 {
					t.Errorf("judged %+v", judge.seen)
				}
				st.close()
			})
		})
	}
}

// The same wherever the spool fills up, in the mail as it came or in what is judged of it: the client gets all of it or nothing, in shadow
// mode all of it, and no judge sees a part of it taken for the whole.
func TestSpoolFillsUp(t *testing.T) {
	for _, wire := range []string{
		"Subject: x\r\n\r\none\r\n..two\r\nthree\r\n..\r\nfour\r\n",
		"Subject: a long line before the only dot\r\n\r\n..\r\n",
	} {
		content := strings.ReplaceAll(wire, "\n.", "\n")
		enough := int64(len(wire) + len(content))
		for room := int64(1); room <= enough; room++ {
			for _, shadow := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					judge, quota := &clerk{}, &scanner.Quota{}
					quota.SetLimits(0, room)
					st := openWith(t.Context(), t, Config{Judge: judge, Shadow: shadow, Spool: scanner.Spool{Dir: t.TempDir(), Memory: 20, Quota: quota}})
					st.send(st.server, "+OK ready\r\n")
					st.send(st.client, "RETR 1\r\nNOOP\r\n")
					st.send(st.server, "+OK\r\n")
					for line := range strings.Lines(wire) {
						st.send(st.server, line)
					}
					st.send(st.server, ".\r\n+OK noop\r\n")
					if judged := len(judge.seen) > 0; judged != (room == enough) || judged && (judge.seen[0].mail != content || !judge.seen[0].complete) {
						t.Errorf("with room for %d of %d octets judged was %+v", room, enough, judge.seen)
					}
					if room == enough || shadow {
						st.got("client", st.client, "+OK ready\r\n+OK\r\n"+wire+".\r\n+OK noop\r\n")
					} else {
						st.got("client", st.client, "+OK ready\r\n-ERR "+refuseMessage+"+OK noop\r\n")
					}
					st.close()
					if c := quota.Counters(); c.Disk != 0 || c.Memory != 0 {
						t.Errorf("%+v is still held", c)
					}
				})
			}
		}
	}
}

// P40: what a client pipelines is bounded, and is all answered in the end.
func TestPipeliningIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := openWith(t.Context(), t, Config{Judge: &clerk{}})
		st.send(st.server, "+OK ready\r\n")
		const n = 2000
		st.send(st.client, strings.Repeat("NOOP\r\n", n))
		got, _ := st.server.received()
		if k := strings.Count(got, "\n"); k > depth+2 || k < depth {
			t.Errorf("%d commands in flight", k)
		}
		want := "+OK ready\r\n"
		for i := range n {
			reply := fmt.Sprintf("+OK %d\r\n", i)
			st.send(st.server, reply)
			want += reply
		}
		st.got("client", st.client, want)
		st.close()
	})
}

// P31: with more messages withheld than are remembered the session ends; no DELE sent along goes up.
func TestManyWithheld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := openWith(t.Context(), t, Config{Judge: ruled{Action: scanner.Retry}})
		st.send(st.server, "+OK ready\r\n")
		for i := range maxWithheld {
			st.send(st.client, fmt.Sprintf("RETR %d\r\n", i+1))
			st.send(st.server, "+OK\r\nmail\r\n.\r\n")
		}
		st.send(st.client, "RETR 1\r\nDELE 1\r\n") // which is known
		st.send(st.server, "+OK\r\nmail\r\n.\r\n")
		st.send(st.client, fmt.Sprintf("RETR %d\r\nDELE %[1]d\r\n", maxWithheld+1))
		st.send(st.server, "+OK\r\nmail\r\n.\r\n")
		st.ended(ErrManyWithheld)
		if got, _ := st.client.received(); strings.Count(got, "-ERR "+refuseMessage) != maxWithheld+2 || strings.Count(got, refuseDelete) != 1 {
			t.Errorf("client has got %.200q", got[max(0, len(got)-200):])
		}
		if got, err := st.server.received(); strings.Contains(got, "DELE") || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("server has got %.200q and sees %v", got[max(0, len(got)-200):], err)
		}
		st.close()
	})
}

// B3, P40: a client that takes nothing is given up, and its server's session with it.
func TestStalledClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		relay, err := New(Config{Judge: &clerk{}})
		if err != nil {
			t.Fatal(err)
		}
		clientEnd, serverEnd, result := serve(t.Context(), relay)
		server := newParty(serverEnd)
		server.writes <- []byte("+OK ready\r\n")
		time.Sleep(5*time.Minute + time.Second) // the bubble's clock
		synctest.Wait()
		if _, err := server.received(); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("server sees %v", err)
		}
		if err := <-result; err == nil {
			t.Error("no error")
		}
		if n := relay.Counters().TimeOuts; n != 1 {
			t.Errorf("%d time-outs counted", n)
		}
		clientEnd.Close()
		server.close()
	})
}

// REQUIREMENTS E8, E9: no secret in log or error, wherever it was typed; nothing the session sent either.
func TestSecretsStayOut(t *testing.T) {
	const secret = "9f3b1c77a0d24e5e"
	for name, tt := range map[string]struct {
		client []string
		server []string // one per entry of client
	}{
		"wrong state":   {[]string{"PASS " + secret, secret, "DELE " + secret}, []string{"-ERR\r\n", "", "junk " + secret + "\r\n"}},
		"apop":          {[]string{"APOP anna " + secret}, []string{secret + "\r\n"}},
		"initial":       {[]string{"AUTH PLAIN " + secret}, []string{"+ " + secret + "\r\n+OK\r\n+OK " + secret}},
		"continuation":  {[]string{"AUTH PLAIN", secret + "\x00"}, []string{"+\r\n", ""}},
		"long":          {[]string{"AUTH PLAIN", strings.Repeat(secret, 2000)}, []string{"+\r\n", ""}},
		"unsolicited":   {[]string{"PASS " + secret}, []string{"+OK\r\n+OK " + secret + "\r\n"}},
		"in the middle": {[]string{"PASS " + secret}, []string{"+OK " + secret}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				st := openWith(t.Context(), t, Config{Judge: &clerk{}, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug - 8}))})
				st.send(st.server, "+OK ready\r\n")
				for i, line := range tt.client {
					st.send(st.client, line+"\r\n")
					st.send(st.server, tt.server[i])
				}
				st.server.conn.CloseWrite()
				st.client.conn.CloseWrite()
				st.over = true
				err := <-st.result
				if strings.Contains(fmt.Sprintf("%v %+v %q", err, err, err), secret[:8]) {
					t.Errorf("error: %v", err)
				}
				if strings.Contains(log.String(), secret[:8]) {
					t.Errorf("log: %s", log.String())
				}
				st.close()
			})
		})
	}
}

// A user's name is bounded.
func TestUserIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		judge := &clerk{}
		st := openWith(t.Context(), t, Config{Judge: judge})
		st.send(st.server, "+OK ready\r\n")
		st.send(st.client, "USER "+strings.Repeat("u", 900)+"\r\nPASS x\r\nRETR 1\r\n")
		st.send(st.server, "+OK\r\n+OK\r\n+OK\r\nmail\r\n.\r\n")
		if got := judge.seen[0].origin.User; got != strings.Repeat("u", maxUser) {
			t.Errorf("user is %q", got)
		}
		st.close()
	})
}

// The same over the kernel's TCP, whose half-close and reset are the real ones.
func TestOverTCP(t *testing.T) {
	for _, tt := range []struct {
		name  string
		play  func(client, server *net.TCPConn) error
		error bool
	}{
		{"quit", func(client, server *net.TCPConn) error {
			return dialogue(client, server,
				"S+OK ready\r\n", "CRETR 1\r\n", "S+OK\r\nmail\r\n.\r\n", "CQUIT\r\n", "S+OK bye\r\n", "SFIN", "CEOF", "CFIN", "SEOF")
		}, false},
		{"half-close", func(client, server *net.TCPConn) error {
			return dialogue(client, server, "S+OK ready\r\n", "CSTAT\r\n", "CFIN", "SEOF", "S+OK 0 0\r\n", "SFIN", "CEOF")
		}, false},
		{"reset", func(client, server *net.TCPConn) error {
			err := dialogue(client, server, "S+OK ready\r\n", "CSTAT\r\n", "S+OK 0 0\r\n")
			client.SetLinger(0)
			client.Close()
			if _, rerr := server.Read(make([]byte, 1)); !errors.Is(rerr, syscall.ECONNRESET) {
				err = errors.Join(err, fmt.Errorf("server sees %v", rerr))
			}
			return err
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			relay, err := New(Config{Judge: &clerk{}})
			if err != nil {
				t.Fatal(err)
			}
			client, forClient := tcpPair(t)
			forServer, server := tcpPair(t)
			result := make(chan error, 1)
			go func() { result <- relay.Serve(t.Context(), forClient, forServer, nil) }()
			if err := tt.play(client, server); err != nil {
				t.Error(err)
			}
			client.Close()
			server.Close()
			if err := <-result; (err != nil) != tt.error {
				t.Errorf("Serve: %v", err)
			}
		})
	}
}

// A message that drips, over the kernel's TCP: what is there of it is read on meanwhile, and a reset takes the rest with it.
func TestDripOverTCP(t *testing.T) {
	relay, err := New(Config{Judge: &clerk{}, Drip: 10 * time.Millisecond, Budget: 15 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	client, forClient := tcpPair(t)
	forServer, server := tcpPair(t)
	result := make(chan error, 1)
	go func() { result <- relay.Serve(t.Context(), forClient, forServer, nil) }()
	if err := dialogue(client, server, "S+OK ready\r\n", "CRETR 1\r\n"); err != nil {
		t.Fatal(err)
	}
	io.WriteString(server, "+OK\r\nReceived: a\r\nSubject: x\r\n\r\nhalf\r\n")
	want := statusMessage + "Received: a\r\n"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(client, got); err != nil || string(got) != want {
		t.Fatalf("client has got %q, %v", got, err)
	}
	server.SetLinger(0)
	server.Close()
	if n, err := client.Read(got); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("client has got %q more, %v", got[:n], err)
	}
	if err := <-result; err == nil {
		t.Error("no error")
	}
}

// dialogue plays steps: who, then the text one says and the other hears, or FIN to be sent, or EOF to be seen.
func dialogue(client, server *net.TCPConn, steps ...string) error {
	for _, step := range steps {
		self, other := client, server
		if step[0] == 'S' {
			self, other = server, client
		}
		var err error
		switch text := step[1:]; text {
		case "FIN":
			err = self.CloseWrite()
		case "EOF":
			var n int
			if n, err = self.Read(make([]byte, 1)); n == 0 && err == io.EOF {
				err = nil
			} else {
				err = fmt.Errorf("read %d octets, %v", n, err)
			}
		default:
			if _, err = io.WriteString(self, text); err == nil {
				got := make([]byte, len(text))
				if _, err = io.ReadFull(other, got); err == nil && string(got) != text {
					err = fmt.Errorf("got %q", got)
				}
			}
		}
		if err != nil {
			return fmt.Errorf("%q: %w", step, err)
		}
	}
	return nil
}

// tcpPair returns the two ends of a loopback connection.
func tcpPair(t *testing.T) (a, b *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{dialled, accepted} {
		c.SetDeadline(time.Now().Add(20 * time.Second))
		t.Cleanup(func() { c.Close() })
	}
	return dialled.(*net.TCPConn), accepted.(*net.TCPConn)
}
