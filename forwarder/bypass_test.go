package forwarder

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/gopacket/layers"
)

// tcpFrom returns a segment of the client's that opens a flow or acknowledges.
func tcpFrom(t testing.TB, from string, fromPort uint16, to string, port uint16, open bool) []byte {
	t.Helper()
	tcp := &layers.TCP{SrcPort: layers.TCPPort(fromPort), DstPort: layers.TCPPort(port), SYN: open, ACK: !open, Window: 64240}
	return packetOver(t, clientMAC, gatewayMAC, from, to, layers.IPProtocolTCP, tcp, nil)
}

// During a bypass new mail flows are forwarded and counted once each, those of the host stay with it, and afterwards all are its.
func TestBypass(t *testing.T) {
	c := testConfig()
	held := netip.AddrPortFrom(addr(client4), 5000)
	c.Holds = func(client, server netip.AddrPort) bool {
		return client == held && server == netip.AddrPortFrom(addr(server4), 110)
	}
	g := newGateway(t, c)
	const syn, ack = true, false
	segment := func(from uint16, open bool) []byte { return tcpFrom(t, client4, from, server4, 110, open) }
	want := func(what string, frame []byte, f fate) {
		t.Helper()
		if got, reason := g.outcome(frame); got != f {
			t.Errorf("%s: fate %d (%v), want %d", what, got, reason, f)
		}
	}
	want("before", segment(4000, syn), puntIntercept)
	g.SetBypass(true)
	want("a new flow", segment(4001, syn), forward)
	want("its SYN again", segment(4001, syn), forward)
	want("its ACK", segment(4001, ack), forward)
	want("another", segment(4002, syn), forward)
	want("a flow of the host's", segment(5000, ack), puntIntercept)
	want("IPv6", tcpFrom(t, client6, 4003, server6, 110, syn), forward)
	want("no mail", tcpFrom(t, client4, 4001, server4, 80, syn), forward)
	g.SetBypass(false)
	want("afterwards", segment(4001, ack), puntIntercept)
	want("skipped", tcpFrom(t, client4, 4004, "198.51.100.7", 110, syn), forward)
	if n := g.Counters(); n.FlowsBypassed != 3 || n.FlowsSkipped != 1 {
		t.Errorf("bypassed %d, skipped %d", n.FlowsBypassed, n.FlowsSkipped)
	}
	got := g.TakePassages()
	slices.SortFunc(got, func(a, b Passage) int { return a.Server.Compare(b.Server) })
	if want := []Passage{
		{Skipped, addr(client4), netip.MustParseAddrPort("198.51.100.7:110"), 1},
		{Bypassed, addr(client4), netip.AddrPortFrom(addr(server4), 110), 2},
		{Bypassed, addr(client6), netip.AddrPortFrom(addr(server6), 110), 1},
	}; !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if again := g.TakePassages(); len(again) != 0 {
		t.Errorf("again: %v", again)
	}
}

// However many clients and servers there are, the table is bounded and no flow goes uncounted.
func TestPassagesAreBounded(t *testing.T) {
	var ps passages
	const flows = 5000
	for i := range flows {
		client := netip.MustParseAddrPort(fmt.Sprintf("10.0.%d.%d:%d", i/200, i%200, 1024+i))
		if !ps.note(Bypassed, client, netip.MustParseAddrPort("192.0.2.1:110")) {
			t.Fatalf("flow %d is taken for a repetition", i)
		}
	}
	f := Forwarder{}
	f.passages.entries = ps.entries
	list := f.TakePassages()
	sum := uint64(0)
	for _, p := range list {
		sum += p.Flows
	}
	if len(list) != maxPassages+1 || sum != flows {
		t.Errorf("%d entries, %d flows", len(list), sum)
	}
}

// What a segment costs is paid without memory, during a bypass too.
func TestBypassAllocatesNothing(t *testing.T) {
	g := newGateway(t, testConfig())
	g.SetBypass(true)
	g.port.mute = true
	frame := tcpFrom(t, client4, 4000, server4, 110, false)
	opening := tcpFrom(t, client4, 4000, server4, 110, true)
	g.handle(opening)
	if n := testing.AllocsPerRun(100, func() { g.handle(frame, opening) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
