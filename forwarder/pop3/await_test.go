package pop3

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// endsAfter waits for the end of a session and fails unless it comes at its time, with want.
func (st *stage) endsAfter(took time.Duration, want error) {
	st.t.Helper()
	began := time.Now()
	err := <-st.result // the bubble's clock goes on
	st.over = true
	if !errors.Is(err, want) || time.Since(began) != took {
		st.t.Errorf("it ended with %v after %v, want %v after %v", err, time.Since(began), want, took)
	}
	st.close()
}

// loggedIn starts a session whose client is logged in, and has it idle for a while.
func loggedInFor(t *testing.T, cfg Config, idle time.Duration) *stage {
	cfg.Judge = &clerk{}
	st := openWith(t.Context(), t, cfg)
	st.send(st.server, "+OK ready\r\n")
	st.send(st.client, "USER anna\r\n")
	st.send(st.server, "+OK\r\n")
	st.send(st.client, "PASS b\r\n")
	st.send(st.server, "+OK\r\n")
	time.Sleep(idle) // the bubble's clock, as always here
	synctest.Wait()
	return st
}

// The time that a server has for a reply begins with the command, however long nothing was said before.
func TestReplyTimesBeginWithTheCommand(t *testing.T) {
	for name, tt := range map[string]struct {
		command string
		want    time.Duration
	}{
		"a line":    {"NOOP\r\n", DefaultReply},
		"a listing": {"LIST\r\n", DefaultReply},
		"a message": {"RETR 1\r\n", DefaultSilence},
		"its head":  {"TOP 1 0\r\n", DefaultSilence},
		"SASL":      {"AUTH PLAIN\r\n", DefaultReply},
	} {
		for _, idle := range []time.Duration{0, time.Second, DefaultSilence - time.Second, DefaultSilence, DefaultSilence + 10*time.Second, 3 * DefaultReply} {
			t.Run(name+" after "+idle.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					st := loggedInFor(t, Config{}, idle)
					st.send(st.client, tt.command)
					st.endsAfter(tt.want+lingerRead, ErrServerSilent)
				})
			})
		}
	}
}

// The time for the reply to a command that was pipelined behind another begins when that one's reply has left.
func TestReplyTimesOfPipelinedCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := loggedInFor(t, Config{}, time.Minute)
		st.send(st.client, "NOOP\r\nNOOP\r\n")
		time.Sleep(DefaultReply - time.Second)
		st.send(st.server, "+OK\r\n")
		st.endsAfter(DefaultReply+lingerRead, ErrServerSilent)
	})
}

// Each challenge of an exchange is a reply of its own.
func TestReplyTimesOfChallenges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := openWith(t.Context(), t, Config{Judge: &clerk{}})
		st.send(st.server, "+OK ready\r\n")
		st.send(st.client, "AUTH LOGIN\r\n")
		time.Sleep(DefaultReply - time.Second)
		st.send(st.server, "+ VXNlcm5hbWU6\r\n")
		st.send(st.client, "YW5uYQ==\r\n")
		st.endsAfter(DefaultReply+DefaultLogin+lingerRead, ErrServerSilent)
	})
}

// A reply of the gateway's own leaves at once, while the server is waited for, and says nothing about the server.
func TestOwnRepliesLeaveAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := loggedInFor(t, Config{}, 0)
		for range 3 {
			time.Sleep(50 * time.Second)
			began := time.Now()
			before, _ := st.client.received()
			st.send(st.client, "UTF8\r\n")
			if got, _ := st.client.received(); got != before+refuseFeature || time.Since(began) != 0 {
				t.Errorf("%q came, after %v", got, time.Since(began))
			}
		}
		// Behind a command of the server's it waits for the reply, which keeps the time it has.
		before, _ := st.client.received()
		st.send(st.client, "NOOP\r\nUTF8\r\n")
		time.Sleep(DefaultReply - time.Second)
		st.got("client", st.client, before)
		st.send(st.server, "+OK late\r\n")
		st.got("client", st.client, before+"+OK late\r\n"+refuseFeature)
		st.send(st.client, "NOOP\r\nUTF8\r\n")
		st.endsAfter(DefaultReply+lingerRead, ErrServerSilent)
	})
}

// The end of the client is passed on at once, and the server has its time to close.
func TestClientEndsWhileTheServerIsWaitedFor(t *testing.T) {
	for name, last := range map[string]string{"in order": "QUIT\r\n", "without a word": ""} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := loggedInFor(t, Config{}, 40*time.Second)
				if last != "" {
					st.send(st.client, last)
					st.send(st.server, "+OK bye\r\n")
				} else {
					st.client.conn.CloseWrite()
					synctest.Wait()
				}
				st.endsAfter(closeWait+map[bool]time.Duration{true: lingerRead}[last != ""], nil)
			})
		})
	}
}

// The end of the gateway cuts the wait for a server short whose client has left without a word, and not that after QUIT.
func TestDrainWhileTheServerIsWaitedFor(t *testing.T) {
	for name, quit := range map[string]bool{"after QUIT": true, "without a word": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				st := openWith(ctx, t, Config{Judge: &clerk{}})
				st.send(st.server, "+OK ready\r\n")
				if quit {
					st.send(st.client, "QUIT\r\n")
					st.send(st.server, "+OK bye\r\n")
				} else {
					st.client.conn.CloseWrite()
				}
				time.Sleep(3 * time.Second)
				cancel()
				if quit {
					st.endsAfter(closeWait-3*time.Second+lingerRead, nil)
				} else {
					st.endsAfter(0, context.Canceled)
				}
			})
		})
	}
}

// The server's end, and what nobody asked it for, are seen at once.
func TestServerSpeaksWhileNothingIsOutstanding(t *testing.T) {
	for name, tt := range map[string]struct {
		do   func(*stage)
		want error
	}{
		"it closes": {func(st *stage) { st.server.conn.CloseWrite() }, nil},
		"it speaks": {func(st *stage) { st.send(st.server, "+OK again\r\n") }, ErrUnsolicited},
	} {
		for _, idle := range []time.Duration{0, 45 * time.Second, 5 * time.Minute} {
			t.Run(name+" after "+idle.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					st := loggedInFor(t, Config{}, idle)
					tt.do(st)
					st.endsAfter(lingerRead, tt.want)
				})
			})
		}
	}
}

// A message that the server is silent about is seen to be waited for.
func TestRunningWhileTheServerIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := loggedInFor(t, Config{}, 10*time.Second)
		st.send(st.client, "RETR 4\r\n")
		for range 2 {
			time.Sleep(20 * time.Second)
			list := st.relay.Running(1)
			if len(list) != 1 || list[0].State != Downloading || list[0].Message != 4 || list[0].Busy%(20*time.Second) != 0 {
				t.Errorf("%+v", list)
			}
		}
		st.send(st.server, "+OK\r\n")
		if list := st.relay.Running(1); list[0].Busy != 40*time.Second {
			t.Errorf("%+v", list)
		}
		st.close()
	})
}

// A nudge ends a wait, or the one to come; it never ends another read.
func TestNudge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer, end := newConns("192.168.1.17:1031", "203.0.113.5:110")
		defer peer.Close()
		defer end.Close()
		l := &leg{conn: end}
		read := func() error {
			_, err := l.Read(make([]byte, 1))
			return err
		}
		go func() { // ends when all is read
			for range 2 {
				time.Sleep(time.Second)
				_, _ = peer.Write([]byte("x"))
			}
		}()
		l.readWithin(0)
		l.nudge()
		if err := read(); err != nil {
			t.Errorf("a read that is no wait ended with %v", err)
		}
		if l.waitWithin(time.Hour) {
			t.Error("a nudge before the wait was not seen")
		}
		if !l.waitWithin(time.Hour) || read() != nil || l.waited() {
			t.Error("a wait ended without a nudge, or not with what came")
		}
		began := time.Now()
		if !l.waitWithin(time.Hour) {
			t.Error("a nudge counted twice")
		}
		time.AfterFunc(time.Minute, l.nudge)
		if err := read(); err == nil || !l.waited() || time.Since(began) != time.Minute {
			t.Errorf("nudged: %v after %v", err, time.Since(began))
		}
		if !l.waitWithin(time.Hour) || read() == nil || l.waited() || time.Since(began) != time.Minute+time.Hour {
			t.Errorf("not nudged: it ended after %v", time.Since(began))
		}
	})
}

// What a session of many commands says does not depend on how it waits: all at once, or each after the reply to the one before.
func TestOwnAndServersRepliesInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := loggedInFor(t, Config{}, 0)
		var want bytes.Buffer
		before, _ := st.client.received()
		want.WriteString(before)
		for i := range 20 {
			if i%2 == 0 {
				st.send(st.client, "NOOP\r\nUTF8\r\nNOOP\r\nUTF8\r\n")
				st.send(st.server, "+OK 1\r\n+OK 2\r\n")
			} else {
				st.send(st.client, "UTF8\r\nNOOP\r\n")
				st.send(st.client, "UTF8\r\nNOOP\r\n")
				st.send(st.server, "+OK 1\r\n")
				st.send(st.server, "+OK 2\r\n")
			}
			if i%2 == 0 {
				want.WriteString("+OK 1\r\n" + refuseFeature + "+OK 2\r\n" + refuseFeature)
			} else {
				want.WriteString(refuseFeature + "+OK 1\r\n" + refuseFeature + "+OK 2\r\n")
			}
		}
		st.got("client", st.client, want.String())
		st.close()
	})
}
