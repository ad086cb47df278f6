package forwarder

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// Requirement A1: a TTL of 0 or 1 is answered, 2 goes on as 1.
func TestTimeExceeded(t *testing.T) {
	long4 := packetOver(t, clientMAC, gatewayMAC, client4, server4, layers.IPProtocolUDP, &layers.UDP{SrcPort: 5000, DstPort: 33434}, bytes.Repeat([]byte{7}, 1400))
	long6 := packetOver(t, clientMAC, gatewayMAC, client6, server6, layers.IPProtocolUDP, &layers.UDP{SrcPort: 5000, DstPort: 33434}, bytes.Repeat([]byte{7}, 1400))
	short4, short6 := udp(t, clientMAC, client4, server4), udp(t, clientMAC, client6, server6)
	fromRouter := udp(t, routerMAC, server4, station4)
	for _, c := range []struct {
		name     string
		frame    []byte
		from, to string
		station  mac
		kind     uint8 // the error's ICMP type
		size     int   // of its IP packet
	}{
		{"IPv4", short4, gateway4, client4, clientMAC, timeExceeded4, 20 + 8 + len(short4) - l3},
		{"IPv4, padded", append(bytes.Clone(short4), 0, 0, 0, 0), gateway4, client4, clientMAC, timeExceeded4, 20 + 8 + len(short4) - l3},
		{"IPv4, long", long4, gateway4, client4, clientMAC, timeExceeded4, 576},
		{"IPv4, from outside", fromRouter, gateway4, server4, routerMAC, timeExceeded4, 20 + 8 + len(fromRouter) - l3},
		{"IPv6", short6, gateway6, client6, clientMAC, timeExceeded6, 40 + 8 + len(short6) - l3},
		{"IPv6, long", long6, gateway6, client6, clientMAC, timeExceeded6, 1280},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGateway(t, testConfig())
			for n := range byte(2) {
				g.port.sent = nil
				came := ttl(c.frame, n)
				if f, r := g.outcome(came); f != drop || r != TTLExpired {
					t.Fatalf("TTL %d: fate %d, reason %v", n, f, r)
				}
				if len(g.port.sent) != 1 {
					t.Fatalf("TTL %d: %d answers", n, len(g.port.sent))
				}
				checkError(t, g.port.sent[0], came, c.from, c.to, c.station, icmpError{kind: c.kind}, c.size)
			}
			if got := g.Counters().ICMPErrorsSent; got != 2 {
				t.Errorf("%d errors counted", got)
			}
		})
	}
	g := newGateway(t, testConfig())
	for _, f := range [][]byte{short4, short6} {
		g.port.sent = nil
		came := ttl(f, 2)
		g.handle(came)
		checkForwarded(t, came, g.port.sent[0], routerMAC)
	}
}

// checkError compares an ICMP error with what it is about.
func checkError(t *testing.T, sent, about []byte, from, to string, station mac, e icmpError, size int) {
	t.Helper()
	if !bytes.Equal(sent[:virtioLen], make([]byte, virtioLen)) {
		t.Errorf("virtio header % x", sent[:virtioLen])
	}
	if [6]byte(sent[virtioLen:]) != station || [6]byte(sent[virtioLen+6:]) != gatewayMAC {
		t.Errorf("from %x to %x", sent[virtioLen+6:l3-2], sent[virtioLen:virtioLen+6])
	}
	if len(sent)-l3 != size {
		t.Errorf("packet of %d octets, want %d", len(sent)-l3, size)
	}
	p := gopacket.NewPacket(sent[virtioLen:], layers.LayerTypeEthernet, gopacket.Default)
	if p.ErrorLayer() != nil {
		t.Fatalf("another implementation does not read it: %v", p.ErrorLayer().Error())
	}
	flow := p.NetworkLayer().NetworkFlow()
	if flow.Src().String() != from || flow.Dst().String() != to {
		t.Errorf("from %v to %v, want %s, %s", flow.Src(), flow.Dst(), from, to)
	}
	var quote []byte
	if ip, ok := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4); ok {
		icmp := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
		if icmp.TypeCode.Type() != e.kind || icmp.TypeCode.Code() != e.code || ip.TTL != errorTTL {
			t.Errorf("%v with TTL %d", icmp.TypeCode, ip.TTL)
		}
		if slowChecksum(ip.Contents) != 0 || slowChecksum(ip.Payload) != 0 {
			t.Error("a checksum is wrong")
		}
		quote = icmp.Payload
		if got := binary.BigEndian.Uint32(icmp.Contents[4:]); got != e.value {
			t.Errorf("second word %d, want %d", got, e.value)
		}
	} else {
		ip6 := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
		icmp := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6)
		if icmp.TypeCode.Type() != e.kind || icmp.TypeCode.Code() != e.code || ip6.HopLimit != errorTTL {
			t.Errorf("%v with hop limit %d", icmp.TypeCode, ip6.HopLimit)
		}
		n := len(ip6.Payload)
		if slowChecksum(slices.Concat(ip6.SrcIP, ip6.DstIP, []byte{0, 0, byte(n >> 8), byte(n), 0, 0, 0, 58}, ip6.Payload)) != 0 {
			t.Error("the checksum is wrong")
		}
		quote = icmp.Payload[4:] // after the second word
		if got := binary.BigEndian.Uint32(icmp.Payload); got != e.value {
			t.Errorf("second word %d, want %d", got, e.value)
		}
	}
	if !bytes.HasPrefix(about[l3:], quote) {
		t.Errorf("quotes\n% x\nof\n% x", quote, about[l3:])
	}
}

// Requirement A3: what no ICMP error is sent about.
func TestNoErrorAbout(t *testing.T) {
	icmp4 := func(kind uint16) []byte {
		return ttl(packetOver(t, clientMAC, gatewayMAC, client4, server4, layers.IPProtocolICMPv4, &layers.ICMPv4{TypeCode: layers.ICMPv4TypeCode(kind << 8)}, make([]byte, 28)), 1)
	}
	icmpv6 := func(kind byte) []byte {
		return icmp6(clientMAC, gatewayMAC, client6, server6, 1, append([]byte{kind, 0, 0, 0}, make([]byte, 44)...))
	}
	later := edit(ttl(udp(t, clientMAC, client4, server4), 1), func(ip []byte) { ip[7] = 5 })
	first := edit(ttl(udp(t, clientMAC, client4, server4), 1), func(ip []byte) { ip[6] = 0x20 })
	group := ttl(udp(t, clientMAC, client4, server4), 1)
	copy(group[virtioLen:], anyoneMAC[:])
	type about struct {
		name  string
		frame []byte
		sent  int
	}
	rows := []about{
		{"later fragment", later, 0},
		{"first fragment", first, 1},
		{"later fragment, IPv6", ttl(chain(t, protoUDP, []byte{protoFrag, 0, 0, 8, 0, 0, 0, 1}), 1), 0},
		{"group frame", group, 0},
		{"group destination", ttl(udp(t, clientMAC, client4, "224.0.0.9"), 1), 0},
		{"empty ICMP", edit(icmp4(8)[:l3+ipv4Len], func(ip []byte) { ip[3] = ipv4Len }), 0},
	}
	for _, kind := range []uint16{3, 4, 5, 11, 12} {
		rows = append(rows, about{fmt.Sprintf("ICMP %d", kind), icmp4(kind), 0})
	}
	for _, kind := range []uint16{0, 8, 13} {
		rows = append(rows, about{fmt.Sprintf("ICMP %d", kind), icmp4(kind), 1})
	}
	for _, kind := range []byte{1, 2, 3, 4, 100, 127, ndRedirect} {
		rows = append(rows, about{fmt.Sprintf("ICMPv6 %d", kind), icmpv6(kind), 0})
	}
	for _, kind := range []byte{128, 129} {
		rows = append(rows, about{fmt.Sprintf("ICMPv6 %d", kind), icmpv6(kind), 1})
	}
	for _, from := range []string{"0.1.1.1", "127.0.0.1", "224.0.0.1", "240.0.0.1", "0.0.0.0"} {
		rows = append(rows, about{"from " + from, ttl(udp(t, clientMAC, from, server4), 1), 0})
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			g := newGateway(t, testConfig())
			g.handle(r.frame)
			if len(g.port.sent) != r.sent {
				t.Errorf("%d errors sent, want %d", len(g.port.sent), r.sent)
			}
			if c := g.Counters(); c.ICMPErrorsSuppressed != 0 {
				t.Errorf("%d counted as suppressed", c.ICMPErrorsSuppressed)
			}
		})
	}
}

// Requirement A2: one host's flood gets at most ten answers in a second, and another host is still answered.
func TestErrorsAreLimited(t *testing.T) {
	for _, c := range []struct{ flooder, other, server string }{
		{client4, station4, server4}, {client6, station6, server6},
	} {
		g := newGateway(t, testConfig())
		flood := ttl(udp(t, clientMAC, c.flooder, c.server), 1)
		for range 10_000 {
			g.time = g.time.Add(100 * time.Microsecond)
			g.handle(flood)
		}
		sent := len(g.port.sent)
		if sent < errorsTargetBurst || sent > 10 {
			t.Errorf("%s: %d answers to 10,000 packets", c.flooder, sent)
		}
		if n := g.Counters(); n.ICMPErrorsSent != uint64(sent) || n.ICMPErrorsSuppressed != 10_000-uint64(sent) {
			t.Errorf("counted %d sent and %d suppressed", n.ICMPErrorsSent, n.ICMPErrorsSuppressed)
		}
		other := ttl(udp(t, stationMAC, c.other, c.server), 1)
		g.handle(other, other, other)
		if got := len(g.port.sent) - sent; got != 3 {
			t.Errorf("%s: %d answers to 3 probes", c.other, got)
		}
	}
}

// Errors about the packets of one batch leave together, each about its own; a batch earns a bounded number.
func TestErrorsOfOneBatch(t *testing.T) {
	g := newGateway(t, testConfig())
	var frames [][]byte
	for i := range errorsInBatch + 4 {
		frames = append(frames, ttl(udp(t, clientMAC, fmt.Sprintf("192.168.1.%d", 100+i), server4), 1))
	}
	g.handle(frames...)
	if len(g.port.sent) != errorsInBatch {
		t.Fatalf("%d errors sent", len(g.port.sent))
	}
	for i, b := range g.port.sent {
		checkError(t, b, frames[i], gateway4, fmt.Sprintf("192.168.1.%d", 100+i), clientMAC, icmpError{kind: timeExceeded4}, ipv4Len+icmpLen+len(frames[i])-l3)
	}
	c := g.Counters()
	balanced(t, c)
	if c.ICMPErrorsSuppressed != 4 {
		t.Errorf("%d suppressed", c.ICMPErrorsSuppressed)
	}
}

// The overall limits hold for any number of targets, and the table of these is bounded.
func TestErrorLimitOverall(t *testing.T) {
	l := newErrorLimit()
	now := time.Unix(1_800_000_000, 0)
	allowed4, allowed6 := 0, 0
	for i := range 100_000 {
		now = now.Add(10 * time.Microsecond) // one second in all
		four := addr("10.0.0.0").As4()
		four[1], four[2], four[3] = byte(i>>16), byte(i>>8), byte(i)
		six := addr(client6).As16()
		copy(six[12:], four[:])
		if l.allow(netip.AddrFrom4(four), now) {
			allowed4++
		}
		if l.allow(netip.AddrFrom16(six), now) {
			allowed6++
		}
	}
	// The requirement's figures: 1,000 a second and 50 at once, and for IPv6 ten of each.
	if allowed4 < 1000 || allowed4 > 1050 {
		t.Errorf("%d IPv4 errors in a second", allowed4)
	}
	if allowed6 < 10 || allowed6 > 20 {
		t.Errorf("%d IPv6 errors in a second", allowed6)
	}
	if len(l.targets) > errorTargetBuckets {
		t.Errorf("%d targets remembered", len(l.targets))
	}
}

// A checksum left to offload is right in the quote, and the frame it came from is another's to complete.
func TestQuoteIsCompleted(t *testing.T) {
	for _, whole := range [][]byte{ttl(syn(t, clientMAC, client4, server4, 80), 1), ttl(syn(t, clientMAC, client6, server6, 80), 1)} {
		var p packet
		p.parse(whole)
		at := p.l4 + 16
		open := bytes.Clone(whole)
		partial := fold(pseudoHeader(p.from, p.to, protoTCP, len(p.payload())))
		open[at], open[at+1] = byte(partial>>8), byte(partial)
		copy(open, []byte{needsChecksum, 0, 0, 0, 0, 0, byte(p.l4 - virtioLen), 0, 16, 0})

		g := newGateway(t, testConfig())
		g.handle(open)
		if len(g.port.sent) != 1 || !bytes.HasSuffix(g.port.sent[0], whole[l3:]) {
			t.Errorf("quote % x\nwant % x", g.port.sent, whole[l3:])
		}
		super := bytes.Clone(open)
		super[1], super[4] = gsoTCPv4, 100
		g.port.sent = nil
		g.handle(super)
		if len(g.port.sent) != 1 || !bytes.HasSuffix(g.port.sent[0], super[l3:]) {
			t.Errorf("quote of a super-frame % x\nwant % x", g.port.sent, super[l3:])
		}
	}
}

// Without an address that is not link-local there is none to send IPv6 errors from.
func TestNoErrorWithoutAddress(t *testing.T) {
	n := newNetwork(gatewayMAC, prefixes(gateway4+"/24", gatewayLocal+"/64"))
	if a, ok := n.errorSource(addr(server6)); ok {
		t.Errorf("error from %v", a)
	}
	n = newNetwork(gatewayMAC, prefixes(gatewayLocal+"/64", "fd00:2::2/64", gateway6+"/64"))
	if a, ok := n.errorSource(addr(client6)); !ok || a != addr(gateway6) {
		t.Errorf("error from %v", a)
	}
	if a, ok := n.errorSource(addr(server6)); !ok || a != addr("fd00:2::2") {
		t.Errorf("error from %v", a)
	}
}
