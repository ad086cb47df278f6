package pop3

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
)

func TestEndOf(t *testing.T) {
	for err, want := range map[error]string{
		nil: "closed", errDrained: "drained", ErrTruncated: "truncated", ErrBadSASLLine: "bad_client", ErrPanic: "fault",
		fmt.Errorf("x: %w", ErrServerSilent): "timed_out", &lost{"client", os.ErrDeadlineExceeded}: "timed_out",
		&lost{"server", errors.New("reset")}: "lost", ErrInjection: "injection", ErrWithheld: "withheld", ErrManyWithheld: "withheld", ErrNotPOP3: "not_pop3",
	} {
		if got := endOf(err).String(); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
	seen := make(map[string]bool)
	for e := range ends {
		if seen[e.String()] || e.String() == "" {
			t.Errorf("%d: %q", e, e.String())
		}
		seen[e.String()] = true
	}
}

// A relay and its successor count together, and a session goes on with the settings it began with.
func TestSuccessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := openWith(t.Context(), t, Config{Judge: &clerk{}, STLS: Hide})
		next, err := first.relay.Successor(Config{Judge: &clerk{}, STLS: Pass})
		if err != nil {
			t.Fatal(err)
		}
		second := open(t.Context(), t, next)
		for _, st := range []*stage{first, second} {
			st.send(st.server, "+OK ready\r\n")
			st.send(st.client, "STLS\r\n")
		}
		first.sees("server", first.server, "nothing")
		second.got("server", second.server, "STLS\r\n")
		for _, r := range []*Relay{first.relay, next} {
			if c := r.Counters(); c.SessionsActive != 2 || c.Sessions != 2 || c.Refused != 1 {
				t.Errorf("%+v", c)
			}
		}
		first.close()
		second.close()
		synctest.Wait()
		got := next.Ends()
		sum := uint64(0)
		for _, n := range got {
			sum += n
		}
		if len(got) != int(ends) || sum != 2 {
			t.Errorf("%v", got)
		}
		if _, err := next.Successor(Config{}); err == nil {
			t.Error("a relay without a judge")
		}
	})
}
