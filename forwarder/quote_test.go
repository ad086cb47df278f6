package forwarder

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/google/gopacket/layers"
)

// errorAbout returns an ICMP error that a station of the LAN sends about a packet from a server to a client.
func errorAbout(t testing.TB, by, to string, kind, code byte, value uint32, quote []byte) []byte {
	t.Helper()
	head := []byte{kind, code, 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(head[4:], value)
	body := slices.Concat(head, quote)
	if addr(by).Is6() {
		return icmp6(clientMAC, gatewayMAC, by, to, 64, body)
	}
	c := slowChecksum(body)
	body[2], body[3] = byte(c>>8), byte(c)
	b := packetOver(t, clientMAC, gatewayMAC, by, to, layers.IPProtocolICMPv4, &layers.ICMPv4{}, nil)
	b = append(b[:l3+ipv4Len], body...)
	return edit(b, func(ip []byte) { binary.BigEndian.PutUint16(ip[2:], uint16(len(ip))) })
}

// answerSegment returns the IP packet of a segment that the host sends to a client in a server's name.
func answerSegment(t testing.TB, server, client string, port layers.TCPPort) []byte {
	t.Helper()
	return packetOver(t, gatewayMAC, clientMAC, server, client, layers.IPProtocolTCP,
		&layers.TCP{SrcPort: port, DstPort: 40000, ACK: true}, make([]byte, 600))[l3:]
}

// Requirement A13: ICMP errors about packets of intercepted flows are the host's, if they are sane.
func TestErrorsAboutInterceptedFlows(t *testing.T) {
	v4, v6 := answerSegment(t, server4, client4, 110), answerSegment(t, server6, client6, 110)
	about4 := func(kind, code byte, mtu uint32, quote []byte) []byte {
		return errorAbout(t, client4, server4, kind, code, mtu, quote)
	}
	about6 := func(kind byte, mtu uint32, quote []byte) []byte {
		return errorAbout(t, client6, server6, kind, 0, mtu, quote)
	}
	quote := func(b []byte, change func([]byte)) []byte {
		b = bytes.Clone(b)
		change(b)
		return b
	}
	broken := func(b []byte) []byte {
		b = bytes.Clone(b)
		b[len(b)-1] ^= 1
		return b
	}
	g := newGateway(t, testConfig())
	check(t, g, []row{
		ok("too big", about4(3, 4, 1400, v4), puntIntercept),
		ok("too big, at the floor", about4(3, 4, 552, v4), puntIntercept),
		bad("too big, below the floor", about4(3, 4, 551, v4), TinyMTU),
		bad("too big, 68", about4(3, 4, 68, v4), TinyMTU),
		ok("port unreachable", about4(3, 3, 0, v4), puntIntercept),
		ok("time exceeded", about4(11, 0, 0, v4), puntIntercept),
		ok("parameter problem", about4(12, 0, 0, v4), puntIntercept),
		ok("a short quote", about4(3, 4, 1400, v4[:28]), puntIntercept),
		ok("by a router of the LAN", errorAbout(t, station4, server4, 3, 4, 1400, v4), puntIntercept),
		bad("a wrong checksum", broken(about4(3, 4, 1400, v4)), BadChecksum),
		bad("TTL 1", ttl(about4(3, 4, 1400, v4), 1), TTLExpired),

		ok("another port", about4(3, 4, 1400, answerSegment(t, server4, client4, 80)), forward),
		ok("a flow of a skipped client", about4(3, 4, 1400, answerSegment(t, server4, "192.168.1.99", 110)), forward),
		ok("another protocol", about4(3, 4, 1400, quote(v4, func(b []byte) { b[9] = protoUDP })), forward),
		ok("a later fragment", about4(3, 4, 1400, quote(v4, func(b []byte) { b[7] = 1 })), forward),
		ok("a quote of nothing", about4(3, 4, 1400, nil), forward),
		ok("a quote without ports", about4(3, 4, 1400, v4[:23]), forward),
		ok("a quote of another server's packet", about4(3, 4, 1400, answerSegment(t, "203.0.113.6", client4, 110)), forward),
		ok("a quote of IPv6", about4(3, 4, 1400, v6), forward),
		ok("a quote whose header is too short", about4(3, 4, 1400, quote(v4, func(b []byte) { b[0] = 0x44 })), forward),
		ok("echo", about4(8, 0, 0, v4), forward),
		ok("source quench (RFC 6633)", about4(4, 0, 0, v4), forward),

		ok("IPv6 too big", about6(2, 1400, v6), puntIntercept),
		ok("IPv6 too big, at the floor", about6(2, 1280, v6), puntIntercept),
		bad("IPv6 too big, below the floor", about6(2, 1279, v6), TinyMTU),
		ok("IPv6 unreachable", about6(1, 0, v6), puntIntercept),
		bad("IPv6, a wrong checksum", broken(about6(2, 1400, v6)), BadChecksum),
		ok("IPv6, another port", about6(2, 1400, answerSegment(t, server6, client6, 80)), forward),
		ok("IPv6, a quote without ports", about6(2, 1400, v6[:43]), forward),
		ok("IPv6, a quote behind options", about6(2, 1400, quote(v6, func(b []byte) { b[6] = protoHop })), forward),
		ok("IPv6 echo", about6(128, 0, v6), forward),
	})
	if m, known := g.clients.lookup(addr(station4)); known {
		t.Errorf("who sends an error is taken for a client, at %x", m)
	}
}

// From outside nothing is about an intercepted flow, whatever the rules say: the host never sent it that way.
func TestErrorsFromOutsideAreNobodys(t *testing.T) {
	c := testConfig()
	c.Intercept[0].Clients = prefixes("0.0.0.0/0", "::/0")
	g := newGateway(t, c)
	learn(t, g, station4, stationMAC)
	frame := errorAbout(t, "198.51.100.7", station4, 3, 4, 1400, answerSegment(t, station4, server4, 110))
	copy(frame[virtioLen+6:], routerMAC[:])
	check(t, g, []row{ok("about a server of the LAN", frame, forward)})
}

// The floor holds for what is about the gateway's own packets, too.
func TestErrorsAboutOwnPackets(t *testing.T) {
	v4, v6 := answerSegment(t, gateway4, server4, 50000), answerSegment(t, gateway6, server6, 50000)
	byRouter := func(frame []byte) []byte {
		copy(frame[virtioLen+6:], routerMAC[:])
		return frame
	}
	check(t, newGateway(t, testConfig()), []row{
		ok("too big", byRouter(errorAbout(t, "198.51.100.7", gateway4, 3, 4, 1400, v4)), puntOwn),
		bad("too big, 68", byRouter(errorAbout(t, "198.51.100.7", gateway4, 3, 4, 68, v4)), TinyMTU),
		ok("unreachable", byRouter(errorAbout(t, "198.51.100.7", gateway4, 3, 1, 0, v4)), puntOwn),
		ok("IPv6 too big", byRouter(errorAbout(t, "2001:db8:9::7", gateway6, 2, 0, 1280, v6)), puntOwn),
		bad("IPv6 too big, 1279", byRouter(errorAbout(t, "2001:db8:9::7", gateway6, 2, 0, 1279, v6)), TinyMTU),
		ok("IPv6 unreachable", byRouter(errorAbout(t, "2001:db8:9::7", gateway6, 1, 0, 0, v6)), puntOwn),
	})
}
