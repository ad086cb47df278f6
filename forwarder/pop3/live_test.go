package pop3

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"mirrorgw/scanner"
)

// What a session shows of itself at each step, and that it is gone from the list when it has ended.
func TestRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		st := openWith(t.Context(), t, Config{Judge: &clerk{hook: func(context.Context) { <-release }}, Drip: 15 * time.Second})
		want := func(step string, check func(Session) bool) {
			t.Helper()
			synctest.Wait()
			list := st.relay.Running(10)
			if len(list) != 1 || !check(list[0]) {
				t.Errorf("%s: %+v", step, list)
			}
		}
		time.Sleep(3 * time.Second) // the bubble's clock, as always here
		want("no greeting", func(s Session) bool { return s.State == AwaitingGreeting && s.Busy == 3*time.Second && s.Age == s.Busy })
		st.send(st.server, "+OK ready\r\n")
		want("greeted", func(s Session) bool { return s.State == AwaitingLogin && s.User == "" && s.ToClient == 11 })
		st.send(st.client, "USER anna\r\nPASS b\r\n")
		st.send(st.server, "+OK\r\n+OK\r\n")
		time.Sleep(time.Minute)
		want("logged in", func(s Session) bool {
			return s.State == Idle && s.User == "anna" && s.Busy == time.Minute && s.Client.IsValid() && s.Server.IsValid()
		})
		st.send(st.client, "RETR 7\r\n")
		st.send(st.server, "+OK\r\nReceived: a\r\nSubject: x\r\n\r\n")
		want("on its way", func(s Session) bool {
			return s.State == Downloading && s.Message == 7 && !s.Dripping && s.Verdict == ""
		})
		time.Sleep(16 * time.Second)
		want("slow", func(s Session) bool { return s.State == Downloading && s.Dripping && s.Busy == 16*time.Second })
		st.send(st.server, "mail\r\n.\r\n")
		time.Sleep(2 * time.Second)
		want("with the judge", func(s Session) bool { return s.State == Judging && s.Message == 7 && s.Busy == 2*time.Second })
		close(release)
		want("delivered", func(s Session) bool {
			return s.State == Idle && !s.Dripping && s.Verdict == scanner.Unscannable.String() && s.Action == scanner.Deliver.String() && s.FromServer > 60
		})
		if next, err := st.relay.Successor(Config{Judge: &clerk{}}); err != nil || len(next.Running(10)) != 1 || len(next.Running(0)) != 0 {
			t.Errorf("a successor does not know it: %v", err)
		}
		st.close()
		if list := st.relay.Running(10); len(list) != 0 {
			t.Errorf("it has ended: %+v", list)
		}
	})
}

// A client that takes nothing is seen to be sent to; a connection that passes unread is seen and told of.
func TestRunningUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []Unscanned
		st := openWith(t.Context(), t, Config{Judge: &clerk{}, STLS: Pass, NotPOP3: PassNotPOP3, Unscanned: func(client, server netip.AddrPort, why Unscanned) {
			if !client.IsValid() || !server.IsValid() {
				t.Errorf("told of %v and %v", client, server)
			}
			told = append(told, why)
		}})
		st.send(st.server, "220 ready\r\n")
		synctest.Wait()
		list := st.relay.Running(1)
		if len(list) != 1 || list[0].State != Opaque || list[0].ToClient != 11 || len(told) != 1 || told[0] != UnscannedNotPOP3 {
			t.Errorf("%+v, told %v", list, told)
		}
		st.close()
	})
	synctest.Test(t, func(t *testing.T) {
		var told []Unscanned
		st := openWith(t.Context(), t, Config{Judge: &clerk{}, STLS: Pass, Unscanned: func(_, _ netip.AddrPort, why Unscanned) { told = append(told, why) }})
		st.send(st.server, "+OK\r\n")
		st.send(st.client, "STLS\r\n")
		st.send(st.server, "+OK\r\n")
		synctest.Wait()
		if list := st.relay.Running(1); len(list) != 1 || list[0].State != Opaque || len(told) != 1 || told[0] != UnscannedTLS {
			t.Errorf("%+v, told %v", list, told)
		}
		st.close()
	})
}

func TestStatesHaveNames(t *testing.T) {
	seen := make(map[string]bool)
	for s := range states {
		if name := s.String(); name == "" || name == "unknown" || seen[name] {
			t.Errorf("state %d is %q", s, name)
		}
		seen[s.String()] = true
	}
}
