package stack_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"mirrorgw/stack"
	"mirrorgw/testnet"
)

// dialAll opens n connections to server and returns them with the first octets of each.
func (n *network) dialAll(count int, server netip.AddrPort) (conns []net.Conn, said []string) {
	n.t.Helper()
	conns, said = make([]net.Conn, count), make([]string, count)
	var wg sync.WaitGroup
	for i := range count {
		wg.Go(func() { // ends with the first octets
			c, err := n.client.DialTCP(n.t.Context(), server)
			if err != nil {
				said[i] = err.Error()
				return
			}
			conns[i] = c
			buf := make([]byte, 64)
			got, err := c.Read(buf)
			if err != nil {
				said[i] = err.Error()
				return
			}
			said[i] = string(buf[:got])
		})
	}
	wg.Wait()
	n.t.Cleanup(func() {
		for _, c := range conns {
			if c != nil {
				c.Close()
			}
		}
	})
	return conns, said
}

func count(list []string, want string) (n int) {
	for _, s := range list {
		if s == want {
			n++
		}
	}
	return n
}

// B7: of 30 connections at once of one client 20 are served and 10 are told why not. Once 20 are there no server is asked for
// more, and whoever leaves makes room.
func TestLimitPerClient(t *testing.T) {
	n := newNetwork(t, testnet.WireConfig{}, splice, func(cfg *stack.Config) { cfg.Limits = stack.Limits{Flows: 1000, PerClient: 20} })
	n.listen(server4, func(c net.Conn) {
		_, _ = io.WriteString(c, "hello")
		_, _ = io.Copy(io.Discard, c)
	})
	conns, said := n.dialAll(30, server4)
	if count(said, "hello") != 20 || count(said, "refused: 1") != 10 {
		t.Fatalf("%q", said)
	}
	before := n.stack.Counters()
	if before.Active != 20 || before.OverPerClient != 10 {
		t.Errorf("counters %+v", before)
	}
	if _, more := n.dialAll(1, server4); more[0] != "refused: 1" {
		t.Errorf("one more: %q", more)
	}
	if s := n.stack.Counters(); s.Dialled != before.Dialled {
		t.Errorf("a server was dialled for a flow beyond the limit: %+v", s)
	}
	for i, s := range said {
		if s == "hello" {
			conns[i].Close()
			break
		}
	}
	testnet.WaitFor(t, "a flow to end", func() bool { return n.stack.Counters().Active == 19 })
	if _, again := n.dialAll(1, server4); again[0] != "hello" {
		t.Errorf("there is room: %q", again)
	}
}

// The limit for all counts proven clients only, takes effect while the stack runs, and leaves running flows alone.
func TestLimitOfFlows(t *testing.T) {
	n := newNetwork(t, testnet.WireConfig{}, splice, nil)
	n.listen(server4, func(c net.Conn) {
		_, _ = io.WriteString(c, "hello")
		_, _ = io.Copy(c, c)
	})
	conns, said := n.dialAll(3, server4)
	if count(said, "hello") != 3 {
		t.Fatalf("%q", said)
	}
	for i := range 5 { // these prove nothing, and take no room
		n.stack.DeliverIntercept([][]byte{syn(t, netip.AddrPortFrom(netip.MustParseAddr("192.168.1.77"), uint16(1024+i)), netip.MustParseAddrPort("198.51.100.99:110"))})
	}
	n.stack.SetLimits(stack.Limits{Flows: 4})
	if _, more := n.dialAll(1, server4); more[0] != "hello" {
		t.Errorf("the fourth: %q", more)
	}
	if _, more := n.dialAll(1, server4); more[0] != "refused: 0" {
		t.Errorf("the fifth: %q", more)
	}
	n.stack.SetLimits(stack.Limits{Flows: 1})
	for _, c := range conns {
		if _, err := io.WriteString(c, "x"); err != nil {
			t.Error(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Error(err)
		}
	}
}

// The limit of the rate is told apart from the others.
func TestLimitOfRate(t *testing.T) {
	n := newNetwork(t, testnet.WireConfig{}, splice, func(cfg *stack.Config) { cfg.Limits = stack.Limits{PerClientRate: 6} })
	n.listen(server4, func(c net.Conn) { _, _ = io.WriteString(c, "hello") })
	if _, said := n.dialAll(8, server4); count(said, "hello") != 6 || count(said, "refused: 2") != 2 {
		t.Errorf("%q", said)
	}
	if s := n.stack.Counters(); s.OverRate != 2 {
		t.Errorf("counters %+v", s)
	}
}

func TestIntake(t *testing.T) {
	n := newNetwork(t, testnet.WireConfig{}, splice, nil)
	n.listen(server4, func(c net.Conn) {
		_, _ = io.WriteString(c, "hello")
		_, _ = io.Copy(c, c)
	})
	n.dialAll(1, server4)
	n.stack.SetIntake(stack.Excuse)
	if _, said := n.dialAll(3, server4); count(said, "refused: 3") != 3 {
		t.Errorf("%q", said)
	}
	n.stack.SetIntake(stack.Reset)
	if _, said := n.dialAll(1, server4); said[0] != "connect tcp "+server4.String()+": connection was refused" {
		t.Errorf("%q", said)
	}
	if s := n.stack.Counters(); s.Dialled != 1 || s.Active != 1 || s.Excused != 3 || s.RefusedIntake != 1 {
		t.Errorf("counters %+v", s)
	}
	n.stack.SetIntake(stack.Serve)
	if _, said := n.dialAll(1, server4); said[0] != "hello" {
		t.Errorf("%q", said)
	}
}

// B5: 1,000 clients want to reach a server that answers nobody; one that answers is reached within a second.
func TestBlackHoleKeepsNobodyElse(t *testing.T) {
	n := newNetwork(t, testnet.WireConfig{}, splice, nil)
	n.listen(server4, func(c net.Conn) { _, _ = io.WriteString(c, "hello") })
	hole := netip.MustParseAddrPort("198.51.100.99:110")
	for i := range 1000 {
		client := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 168, 1, byte(20 + i%200)}), uint16(1024+i))
		n.stack.DeliverIntercept([][]byte{syn(t, client, hole)})
	}
	begun := time.Now()
	if _, said := n.dialAll(1, server4); said[0] != "hello" {
		t.Errorf("%q", said)
	}
	limit := time.Second
	if raceDetector { // which takes ten times the time; a turn would come after ten seconds
		limit = 5 * time.Second
	}
	if took := time.Since(begun); took > limit {
		t.Errorf("it took %v", took)
	}
}

// Holds knows a flow from its first SYN until the client's end has been let go, and no other.
func TestHolds(t *testing.T) {
	eachFamily(t, func(t *testing.T, server netip.AddrPort) {
		n := newNetwork(t, testnet.WireConfig{}, splice, nil)
		n.listen(server, func(c net.Conn) {
			_, _ = io.WriteString(c, "hello")
			_, _ = io.Copy(io.Discard, c)
		})
		conns, said := n.dialAll(1, server)
		if said[0] != "hello" {
			t.Fatalf("%q", said)
		}
		client := conns[0].LocalAddr().(*net.TCPAddr).AddrPort()
		if !n.stack.Holds(client, server) {
			t.Error("it does not know a flow of its own")
		}
		if n.stack.Holds(netip.AddrPortFrom(client.Addr(), client.Port()+1), server) {
			t.Error("it takes its listener for a flow")
		}
		conns[0].Close()
		testnet.WaitFor(t, "the handler's end", func() bool { return n.stack.Counters().Active == 0 })
		testnet.WaitFor(t, "the flow to be forgotten", func() bool { return !n.stack.Holds(client, server) })

		hole := netip.AddrPortFrom(server.Addr().Next(), 110)
		n.stack.DeliverIntercept([][]byte{syn(t, client, hole)})
		if !n.stack.Holds(client, hole) {
			t.Error("it does not know a parked SYN")
		}
	})
}

// A flow whose handler has ended is held as long as the client has not let go of its end.
func TestHoldsWhatLingers(t *testing.T) {
	eachFamily(t, func(t *testing.T, server netip.AddrPort) {
		n := newNetwork(t, testnet.WireConfig{}, func(_ context.Context, f stack.Flow) { _, _ = io.WriteString(f.Client, "hello") }, nil)
		n.listen(server, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
		conns, said := n.dialAll(1, server)
		if said[0] != "hello" {
			t.Fatalf("%q", said)
		}
		testnet.WaitFor(t, "the handler's end", func() bool { return n.stack.Counters().Active == 0 })
		client := conns[0].LocalAddr().(*net.TCPAddr).AddrPort()
		if !n.stack.Holds(client, server) {
			t.Error("the client's end is still open")
		}
	})
}
