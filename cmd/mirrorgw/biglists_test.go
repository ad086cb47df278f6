package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"mirrorgw/testnet"
)

// TestBigListsOverASlowLink is B10: the lists of 100,000 messages take at most twice as long through the mirror as past it, over a line
// of 20 Mbit/s.
func TestBigListsOverASlowLink(t *testing.T) {
	t.Parallel()
	lab := testnet.NewLab(t)
	if _, err := lab.Internet.Output(t.Context(), "sh", "-c", "tc qdisc add dev eth0 root tbf rate 20mbit burst 32k latency 100ms"); err != nil {
		t.Logf("the line is as fast as it is here: %v", err)
	}
	const messages = 100_000
	var sizes, uids strings.Builder
	for n := 1; n <= messages; n++ {
		fmt.Fprintf(&sizes, "%d %d\r\n", n, 1000+n)
		fmt.Fprintf(&uids, "%d %016x\r\n", n, n)
	}
	lists := map[string]string{"LIST": "+OK\r\n" + sizes.String() + ".\r\n", "UIDL": "+OK\r\n" + uids.String() + ".\r\n"}
	serveMail(t, lab, mailServer, func(c net.Conn, lines *bufio.Scanner) {
		for answer := "+OK ready\r\n"; ; {
			if _, err := c.Write([]byte(answer)); err != nil || !lines.Scan() {
				return
			}
			if answer = lists[lines.Text()]; answer == "" {
				answer = "+OK\r\n"
			}
		}
	})
	g := startGateway(t, lab, lab.GatewayConfig())
	// took is how long a host's session with both lists takes, without the connection and the login.
	took := func(from *testnet.Host) time.Duration {
		t.Helper()
		s, _ := dialMailFrom(t, from, mailServer)
		defer s.conn.Close()
		s.mustSay("USER a")
		s.mustSay("PASS b")
		began := time.Now()
		for verb, want := range lists {
			if got, err := s.multi(verb); err != nil || got+".\r\n" != want {
				t.Fatalf("%s: %d octets, want %d, %v", verb, len(got), len(want), err)
			}
		}
		return time.Since(began)
	}
	// Who is late once may have met another's load.
	for try := 1; ; try++ {
		direct := took(lab.Router)
		before := resident(t, g)
		through := took(lab.Client)
		t.Logf("%v past the mirror, %v through it; %d KiB of memory", direct, through, (resident(t, g)-before)>>10)
		if through <= max(2*direct, time.Second) {
			return
		}
		if try == 3 {
			t.Fatalf("%v through the mirror, %v past it", through, direct)
		}
	}
}
