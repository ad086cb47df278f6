package pop3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"mirrorgw/scanner"
)

// faultMail is a mail of 16 KiB with dots in it, some at the boundaries where the faults are.
func faultMail() string {
	var b strings.Builder
	b.WriteString("Received: from a by b\r\nReceived: from c by d\r\nSubject: x\r\n\r\n")
	for i := 0; b.Len() < 16<<10; i++ {
		fmt.Fprintf(&b, "line %d\r\n..%d\r\n..\r\n", i, i)
	}
	return b.String()
}

// faultCommands are said before each fault: the mailbox must stay as it is.
const faultCommands = "PASS secret\r\nDELE 2\r\nRETR 1\r\n"

// begin plays a session up to the moment in which the server is to send message 1.
func begin(t *testing.T, cfg Config) *stage {
	st := openWith(t.Context(), t, cfg)
	st.send(st.server, "+OK ready\r\n")
	st.send(st.client, faultCommands)
	st.send(st.server, "+OK\r\n+OK marked\r\n")
	return st
}

// REQUIREMENTS C8: the server fails within a message, at every kilobyte of it and around its end, by reset, by its end, or by
// silence; the client has a part of it at most, and its connection ends.
func TestServerFailsWithinMessage(t *testing.T) {
	mail := faultMail()
	reply := "+OK 16384 octets\r\n" + mail + ".\r\n"
	cuts := []int{1, 16, 18, 19, len(reply) - 1, len(reply) - 2, len(reply) - 3, len(reply) - 4, len(reply) - 5}
	for at := 1 << 10; at < len(reply); at += 1 << 10 {
		cuts = append(cuts, at, at+1)
	}
	for name, fail := range map[string]func(st *stage){
		"reset":   func(st *stage) { st.server.conn.SetLinger(0); st.server.conn.Close() },
		"end":     func(st *stage) { st.server.conn.CloseWrite() },
		"silence": func(*stage) { time.Sleep(DefaultSilence + time.Second) }, // the bubble's clock
	} {
		for _, drips := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/drips=%v", name, drips), func(t *testing.T) {
				for _, at := range cuts {
					synctest.Test(t, func(t *testing.T) {
						cfg := Config{Judge: &clerk{}, Spool: scanner.Spool{Dir: t.TempDir(), Memory: 4 << 10}, Drip: time.Hour}
						if drips {
							cfg.Drip = 10 * time.Second
						}
						st := begin(t, cfg)
						st.send(st.server, reply[:at])
						if drips {
							time.Sleep(30 * time.Second) // the bubble's clock
						}
						fail(st)
						time.Sleep(lingerRead + time.Second) // the bubble's clock
						synctest.Wait()
						got, err := st.client.received()
						if err == nil {
							t.Fatalf("cut at %d: the client's connection goes on", at)
						}
						if strings.HasSuffix(got, "\r\n.\r\n") {
							t.Errorf("cut at %d: the client has got an end", at)
						}
						st.audit(faultCommands)
						st.close()
					})
				}
			})
		}
	}
}

// REQUIREMENTS C9: a client that goes away at any moment of a RETR takes the server's session with it, without QUIT.
func TestClientGoneWithinRetrieval(t *testing.T) {
	mail := faultMail()
	for name, leave := range map[string]func(st *stage){
		"reset": func(st *stage) { st.client.conn.SetLinger(0); st.client.conn.Close() },
		"close": func(st *stage) { st.client.conn.Close() },
		"end":   func(st *stage) { st.client.conn.CloseWrite() },
	} {
		for _, moment := range []string{"before the reply", "within the mail", "while it drips", "during judgement"} {
			t.Run(name+"/"+moment, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					judge := &clerk{}
					if moment == "during judgement" {
						judge.hook = func(ctx context.Context) { <-ctx.Done() }
					}
					st := begin(t, Config{Judge: judge, Spool: scanner.Spool{Dir: t.TempDir()}})
					switch moment {
					case "within the mail", "while it drips":
						st.send(st.server, "+OK\r\n"+mail)
					case "during judgement":
						st.send(st.server, "+OK\r\n"+mail+".\r\n")
					}
					if moment == "while it drips" {
						time.Sleep(16 * time.Second) // the bubble's clock
						synctest.Wait()
					}
					leave(st)
					synctest.Wait()
					time.Sleep(lingerRead + time.Second) // the bubble's clock
					if _, err := st.server.received(); !errors.Is(err, syscall.ECONNRESET) {
						t.Errorf("server sees %v", err)
					}
					st.got("server", st.server, faultCommands)
					st.audit(faultCommands)
					st.close()
				})
			})
		}
	}
}

// The same in the middle of what the client gets: it reads some of it and leaves.
func TestClientGoneWithinDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		relay, err := New(Config{Judge: &clerk{}})
		if err != nil {
			t.Fatal(err)
		}
		clientEnd, serverEnd, result := serve(t.Context(), relay)
		server := newParty(serverEnd)
		server.writes <- []byte("+OK ready\r\n")
		read := func(n int) { io.ReadFull(clientEnd, make([]byte, n)) }
		read(len("+OK ready\r\n"))
		io.WriteString(clientEnd, "RETR 1\r\n")
		synctest.Wait()
		server.writes <- []byte("+OK\r\n" + faultMail() + ".\r\n")
		read(1000)
		clientEnd.Close()
		if err := <-result; err == nil {
			t.Error("no error")
		}
		synctest.Wait()
		if got, err := server.received(); got != "RETR 1\r\n" || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("server has got %q and sees %v", got, err)
		}
		server.close()
	})
}

// REQUIREMENTS C12, with a client that is already being given the first fields.
func TestDrainWhileItDrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		verdict := make(chan struct{})
		st := openWith(ctx, t, Config{Judge: &clerk{hook: func(context.Context) { <-verdict }}})
		st.send(st.server, "+OK ready\r\n")
		st.send(st.client, "RETR 1\r\n")
		st.send(st.server, "+OK\r\n"+faultMail()+".\r\n")
		time.Sleep(20 * time.Second) // the bubble's clock
		cancel()
		close(verdict)
		st.ended(context.Canceled)
		st.got("client", st.client, "+OK ready\r\n"+statusMessage+faultMail()+".\r\n")
		st.got("server", st.server, "RETR 1\r\n")
		st.audit("RETR 1\r\n")
		st.close()
	})
}

// Many sessions of all kinds at once, each with its own ruling: nobody gets what is another's, and all hold the invariants.
func TestSessionsSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := begin(t, Config{Judge: &clerk{}})
		stages := []*stage{first}
		for i, action := range []scanner.Action{scanner.Deliver, scanner.Tag, scanner.Replace, scanner.Retry} {
			for _, takes := range []time.Duration{0, 20 * time.Second, 200 * time.Second} {
				stages = append(stages, begin(t, Config{
					Judge: &clerk{actions: []scanner.Action{action}, hook: func(context.Context) { time.Sleep(takes) }}, // the bubble's clock
					Spool: scanner.Spool{Dir: t.TempDir(), Memory: int64(1 + i<<12)},
				}))
			}
		}
		for i, st := range stages {
			st.send(st.server, fmt.Sprintf("+OK\r\nReceived: %d\r\n%s.\r\n", i, faultMail()))
		}
		time.Sleep(5 * time.Minute) // the bubble's clock
		synctest.Wait()
		for _, st := range stages {
			st.audit(faultCommands)
			st.close()
		}
	})
}
