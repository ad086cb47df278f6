package pop3

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// B6, P38: clients that say an octet every five seconds are cut off after a minute, and one among them that logs in is not.
func TestSlowClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		relay, err := New(Config{Judge: &clerk{}})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		const n = 500
		var over sync.WaitGroup
		ended := make(chan time.Duration, n)
		for range n {
			st := open(t.Context(), t, relay)
			st.server.writes <- []byte("+OK ready\r\n")
			typed := make(chan struct{})
			go func() { // ends when all is said, to nobody in the end
				defer close(typed)
				for _, c := range "USER somebody-with-a-long-name\r\n" {
					st.client.writes <- []byte(string(c))
					time.Sleep(5 * time.Second) // the bubble's clock
				}
			}()
			over.Go(func() { // ends once all is said
				if err := <-st.result; !errors.Is(err, ErrClientIdle) {
					t.Errorf("session ended with %v", err)
				}
				ended <- time.Since(began)
				<-typed
				st.client.close()
				st.server.close()
			})
		}
		normal := open(t.Context(), t, relay)
		normal.send(normal.server, "+OK ready\r\n")
		time.Sleep(50 * time.Second) // the bubble's clock
		normal.send(normal.client, "PASS secret\r\n")
		normal.send(normal.server, "+OK\r\n")
		for range n {
			if took := <-ended; took < 55*time.Second || took > 65*time.Second {
				t.Errorf("cut off after %v", took)
			}
		}
		normal.send(normal.client, "NOOP\r\n")
		normal.send(normal.server, "+OK\r\n")
		normal.got("client", normal.client, "+OK ready\r\n+OK\r\n+OK\r\n")
		if c := relay.Counters(); c.TimeOuts != n || c.SessionsActive != 1 {
			t.Errorf("%d time-outs, %d sessions left", c.TimeOuts, c.SessionsActive)
		}
		over.Wait()
		normal.close()
	})
}

// B5: servers that take connections and say nothing hold nobody up, and not for ever.
func TestSilentServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		relay, err := New(Config{Judge: &clerk{}})
		if err != nil {
			t.Fatal(err)
		}
		var silent []*stage
		for range 1000 {
			silent = append(silent, open(t.Context(), t, relay))
		}
		began := time.Now()
		good := open(t.Context(), t, relay)
		good.send(good.server, "+OK ready\r\n")
		good.send(good.client, "QUIT\r\n")
		good.send(good.server, "+OK bye\r\n")
		good.got("client", good.client, "+OK ready\r\n+OK bye\r\n")
		if took := time.Since(began); took > time.Second {
			t.Errorf("served after %v", took)
		}
		time.Sleep(DefaultGreeting + lingerRead + time.Second) // the bubble's clock
		synctest.Wait()
		for _, st := range silent {
			st.ended(ErrNotPOP3)
			st.got("client", st.client, "")
			st.got("server", st.server, "")
			st.close()
		}
		good.close()
	})
}

// P38: each time ends when it should, to the second: the minute before login, the half minute of a command that was begun, and the
// quarter of an hour without one.
func TestTimesOfTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := openWith(t.Context(), t, Config{Judge: &clerk{}})
		st.send(st.server, "+OK ready\r\n")
		st.send(st.client, "US")
		st.endsAfter(time.Minute+lingerRead, ErrClientIdle)
	})
	for said, want := range map[string]time.Duration{"": 6 * time.Minute, "NO": 30 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			st := loggedInFor(t, Config{}, 9*time.Minute)
			if said != "" {
				st.send(st.client, said)
			}
			st.endsAfter(want+lingerRead, ErrClientIdle)
		})
	}
}

// P39: a server has a minute to greet, and a greeting that was begun has no more time than one that was not.
func TestTimeToGreet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		openWith(t.Context(), t, Config{Judge: &clerk{}}).endsAfter(time.Minute+lingerRead, ErrNotPOP3)
	})
	synctest.Test(t, func(t *testing.T) {
		st := openWith(t.Context(), t, Config{Judge: &clerk{}, Greeting: 10 * time.Second})
		st.send(st.server, "+O")
		st.endsAfter(10*time.Second+lingerRead, ErrNotPOP3)
	})
}

// C16: times are measured, not read off the wall: nothing in a session depends on what the host's clock is set to.
func TestTimesAreMonotonic(t *testing.T) {
	relay, err := New(Config{Judge: &clerk{}})
	if err != nil {
		t.Fatal(err)
	}
	a, b := newConns("192.168.1.17:1031", "203.0.113.5:110")
	defer a.Close()
	defer b.Close()
	s := newSession(relay, a, b)
	if !strings.Contains(s.began.String(), " m=") {
		t.Errorf("a session counts from %v, which has no monotonic reading", s.began)
	}
}
