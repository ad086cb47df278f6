package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"mirrorgw/testnet"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

const (
	transparencyPackets = 10_000
	transparencyBack    = 2_000 // from the router's side to the client's
	transparencySeed    = 17

	// underWay is how many packets are sent ahead of those that have arrived: less than any queue on the way holds.
	underWay = 256
)

// TestRouterA17Transparency sends the same random packets through a kernel that forwards in the mirror's place, and through
// the mirror with offload and without. What arrives behind it has to be the same, octet by octet, and what was sent but for the
// two MACs, TTL and header checksum (RFC 1812 section 5.3.1, requirements A11, A15, A17).
//
// No class of these packets is dropped by the kernel or the mirror. Left out, since one of them does not carry them as they are:
// IPv4 record route and timestamp (the kernel writes itself in), source routes and IPv6 type 0 routing headers (the mirror
// drops them: A14), hop-by-hop options that ask a router for more than to pass them by, TCP in fragments (A12), martians (A5).
func TestRouterA17Transparency(t *testing.T) {
	l := newBareRouterLab(t)
	l.silence()
	up := make([]sample, transparencyPackets)
	back := make([]sample, transparencyBack)
	g := generator{rand: rand.New(rand.NewPCG(transparencySeed, 1))}
	for i := range up {
		up[i] = g.sample(i, true)
	}
	for i := range back {
		back[i] = g.sample(i, false)
	}

	kernelUp, kernelBack := l.kernelForwards(up, back)
	for _, offload := range []string{"on", "off"} {
		t.Run("offload "+offload, func(t *testing.T) {
			l := &routerLab{Lab: l.Lab, t: t, client: l.client, router: l.router}
			l.start(with("offload: " + offload))
			l.ping()
			before := l.status()
			mirrorUp := l.transit(l.client, l.router, mirrorMAC, up)
			mirrorBack := l.transit(l.router, l.client, mirrorMAC, back)
			compare(t, "up", up, kernelUp, mirrorUp)
			compare(t, "back", back, kernelBack, mirrorBack)
			if t.Failed() {
				t.Log(difference(before, l.status()))
			}
			if err := l.gateway.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	classes := make(map[string]int)
	for _, s := range append(up, back...) {
		classes[s.class]++
	}
	t.Logf("%d packets: %v", len(up)+len(back), classes)
	if len(classes) < 20 {
		t.Errorf("only %d classes of packets", len(classes))
	}
}

// kernelForwards has the kernel of the mirror's namespace forward, as a router at the mirror's addresses would.
func (l *routerLab) kernelForwards(up, back []sample) (upAfter, backAfter map[uint32][]byte) {
	l.t.Helper()
	shell(l.t, l.Mirror, `ip link set br0 address 02:00:00:00:00:03
		ip address add 192.168.1.2/24 dev br0 && ip address add fd00:1::2/64 dev br0 nodad
		ip route add default via 192.168.1.1 && ip route add default via fd00:1::1
		for scope in all default br0; do echo 0 > /proc/sys/net/ipv4/conf/$scope/send_redirects; done
		echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
		echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter; echo 0 > /proc/sys/net/ipv4/conf/br0/rp_filter
		ip neigh replace 192.168.1.1 lladdr `+l.router.MAC.String()+` dev br0 nud permanent
		ip neigh replace fd00:1::1 lladdr `+l.router.MAC.String()+` dev br0 nud permanent
		ip neigh replace 192.168.1.10 lladdr `+l.client.MAC.String()+` dev br0 nud permanent
		ip neigh replace fd00:1::10 lladdr `+l.client.MAC.String()+` dev br0 nud permanent`)
	kernelMAC := net.HardwareAddr{2, 0, 0, 0, 0, 3}
	upAfter = l.transit(l.client, l.router, kernelMAC, up)
	backAfter = l.transit(l.router, l.client, kernelMAC, back)
	shell(l.t, l.Mirror, `ip neigh flush dev br0 nud permanent
		ip address flush dev br0
		echo 0 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv6/conf/all/forwarding`)
	return upAfter, backAfter
}

// ping has the gateway learn where the client is, which it asks before it forwards to it.
func (l *routerLab) ping() {
	l.t.Helper()
	for _, to := range []netip.Addr{testnet.ClientIPv4, testnet.ClientIPv6} {
		from := netip.MustParseAddr("198.51.100.99")
		if to.Is6() {
			from = netip.MustParseAddr("2001:db8:100::99")
		}
		probe := frame(l.router.MAC, mirrorMAC, ipOf(from, to, layers.IPProtocolUDP, 64), udp(), gopacket.Payload("probe"))
		if err := poll(l.t, 5*time.Second, func() bool {
			l.send(l.router, probe)
			got, err := l.client.Receive(100 * time.Millisecond)
			return err == nil && sourceMAC(got) == [6]byte(mirrorMAC) && bytes.HasSuffix(got, []byte("probe"))
		}); err != nil {
			l.t.Fatalf("the gateway does not find %s", to)
		}
	}
}

// transit sends samples to a router's MAC and returns what comes from it on the other side, by the samples' numbers.
func (l *routerLab) transit(from, to *testnet.PacketSocket, router net.HardwareAddr, samples []sample) map[uint32][]byte {
	l.t.Helper()
	if err := to.Drain(); err != nil {
		l.t.Fatal(err)
	}
	arrived := make(map[uint32][]byte)
	take := func(limit time.Duration) bool {
		got, err := to.Receive(limit)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return false
		}
		if err != nil {
			l.t.Fatal(err)
		}
		number, ok := numberOf(got)
		if sourceMAC(got) != [6]byte(router) || !bytes.Equal(got[:6], to.MAC) || !ok {
			return true // discovery, and what a host sends to groups
		}
		if _, twice := arrived[number]; twice {
			l.t.Errorf("packet %d arrived twice", number)
		}
		arrived[number] = bytes.Clone(got)
		return true
	}
	lost := 0
	for i, s := range samples {
		copy(s.frame, router)
		copy(s.frame[6:], from.MAC)
		l.send(from, s.frame)
		for i+1-lost-len(arrived) >= underWay {
			if !take(200 * time.Millisecond) {
				lost = i + 1 - len(arrived)
			}
		}
	}
	for len(arrived) < len(samples) && take(500*time.Millisecond) {
	}
	return arrived
}

// compare holds what the mirror forwarded against what the kernel did, and both against what was sent.
func compare(t *testing.T, way string, sent []sample, kernel, mirror map[uint32][]byte) {
	t.Helper()
	faults := 0
	fault := func(s sample, format string, args ...any) {
		if faults++; faults <= 5 {
			t.Errorf("%s, packet %d, %s: %s\nsent   %.100x", way, s.number, s.class, fmt.Sprintf(format, args...), s.frame)
		}
	}
	for _, s := range sent {
		k, m := kernel[s.number], mirror[s.number]
		switch {
		case k == nil:
			fault(s, "the kernel did not forward it")
		case m == nil:
			fault(s, "the mirror did not forward it")
		default:
			if want := s.forwarded(); !bytes.Equal(masked(k), want) {
				fault(s, "the kernel changed it\ngot    %.100x", k)
			} else if !bytes.Equal(masked(m), want) {
				fault(s, "the mirror changed it\ngot    %.100x\nkernel %.100x", m, k)
			} else if !bytes.Equal(k[etherHeader:], m[etherHeader:]) {
				fault(s, "TTL or checksum differ\ngot    %.100x\nkernel %.100x", m, k)
			}
		}
	}
	if faults > 0 {
		t.Errorf("%s: %d of %d packets differ", way, faults, len(sent))
	}
	if len(kernel) != len(sent) || len(mirror) != len(sent) {
		t.Errorf("%s: %d sent, %d from the kernel, %d from the mirror", way, len(sent), len(kernel), len(mirror))
	}
}

// masked returns a copy of a frame without what a router changes.
func masked(frame []byte) []byte {
	b := bytes.Clone(frame)
	clear(b[:12])
	if etherType(b) == layers.EthernetTypeIPv4 {
		b[etherHeader+8] = 0
		clear(b[etherHeader+10 : etherHeader+12])
	} else {
		b[etherHeader+7] = 0
	}
	return b
}

// sample is one packet with a number by which it is known on the other side: the identification of IPv4, the flow label of
// IPv6, which no router changes.
type sample struct {
	number uint32
	class  string
	frame  []byte
}

// forwarded is what arrives of a sample, masked: without Ethernet padding.
func (s sample) forwarded() []byte {
	return masked(s.frame[:etherHeader+ipLength(s.frame[etherHeader:])])
}

// numberOf returns the number of a forwarded sample.
func numberOf(frame []byte) (uint32, bool) {
	switch etherType(frame) {
	case layers.EthernetTypeIPv4:
		return uint32(binary.BigEndian.Uint16(frame[etherHeader+4:])), true
	case layers.EthernetTypeIPv6:
		return binary.BigEndian.Uint32(frame[etherHeader:]) & 0xfffff, frame[etherHeader+6] != byte(layers.IPProtocolICMPv6) || frame[etherHeader+7] != 255
	}
	return 0, false
}

// generator makes samples.
type generator struct{ rand *rand.Rand }

// sample makes the sample of a number. Those that go up come from the client, the others are for it.
func (g generator) sample(number int, up bool) sample {
	s := sample{number: uint32(number)}
	var parts []gopacket.SerializableLayer
	four := g.rand.IntN(2) == 0
	inside, outside := testnet.ClientIPv4, g.outside4()
	if !four {
		inside, outside = testnet.ClientIPv6, g.outside6()
	}
	if !up {
		inside, outside = outside, inside
	}
	const room = 1300 // beside the longest headers
	protocol, class, upper := g.upper(four, room)
	s.class = class
	if four {
		ip := ipv4(inside, outside, protocol)
		ip.Id, ip.TOS, ip.TTL = uint16(number), g.octet(), uint8(2+g.rand.IntN(254))
		ip.Flags = layers.IPv4Flag(g.rand.IntN(2))<<1 | layers.IPv4Flag(g.rand.IntN(2))<<2 // do not fragment, reserved
		if g.rand.IntN(4) == 0 {
			ip.Options = g.options4()
			s.class += " behind options"
		}
		if protocol != layers.IPProtocolTCP && g.rand.IntN(6) == 0 {
			ip.FragOffset = uint16(g.rand.IntN(3)) * uint16(g.rand.IntN(7900))
			if ip.FragOffset == 0 || g.rand.IntN(2) == 0 {
				ip.Flags |= layers.IPv4MoreFragments
			}
			upper = []gopacket.SerializableLayer{gopacket.Payload(g.octets(8 * g.rand.IntN(room/8)))}
			s.class = "IPv4 fragment"
		}
		parts = append(parts, ip)
	} else {
		ip := ipv6(inside, outside, protocol)
		ip.FlowLabel, ip.TrafficClass, ip.HopLimit = uint32(number), g.octet(), uint8(2+g.rand.IntN(254))
		parts = append(parts, ip)
		if g.rand.IntN(4) == 0 {
			fragment := protocol != layers.IPProtocolTCP && g.rand.IntN(2) == 0
			var headers []byte
			ip.NextHeader, headers = g.extensions(protocol, fragment)
			parts = append(parts, gopacket.Payload(headers))
			s.class += " behind extension headers"
			if fragment {
				upper = []gopacket.SerializableLayer{gopacket.Payload(g.octets(8 * g.rand.IntN(room/8)))}
				s.class = "IPv6 fragment"
			}
		}
	}
	s.frame = g.assemble(parts, upper)
	l4 := s.frame[len(s.frame)-lengthOf(upper):]
	if protocol == layers.IPProtocolTCP {
		// Reserved bits, which gopacket does not set; the sum stays right (RFC 1624).
		reserved := uint16(g.rand.IntN(8)) << 9
		was := binary.BigEndian.Uint16(l4[12:])
		sum := uint32(^binary.BigEndian.Uint16(l4[16:])) + uint32(^was) + uint32(was|reserved)
		sum = sum>>16 + sum&0xffff
		sum = sum>>16 + sum&0xffff
		binary.BigEndian.PutUint16(l4[12:], was|reserved)
		binary.BigEndian.PutUint16(l4[16:], ^uint16(sum))
	}
	if g.rand.IntN(5) == 0 && len(l4) > 18 {
		l4[4+g.rand.IntN(len(l4)-4)] ^= 1 << g.rand.IntN(8) // past the ports: some checksum is wrong now, or a header is
		s.class += ", corrupt"
	}
	if short := 60 - len(s.frame); short > 0 {
		s.frame = append(s.frame, g.octets(g.rand.IntN(short+1))...) // as a network card would, but not with zeroes
	}
	return s
}

// assemble builds the frame; the MACs are for transit to fill in.
func (g generator) assemble(parts, upper []gopacket.SerializableLayer) []byte {
	none := make(net.HardwareAddr, 6)
	return frame(none, none, append(parts, upper...)...)
}

// lengthOf is the length of serialized layers.
func lengthOf(parts []gopacket.SerializableLayer) int {
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, parts...); err != nil {
		panic(err)
	}
	return len(b.Bytes())
}

func (g generator) octet() byte { return byte(g.rand.Uint32()) }

func (g generator) octets(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = g.octet()
	}
	return b
}

// outside4 is an address that is off-link and no martian.
func (g generator) outside4() netip.Addr {
	for {
		a := netip.AddrFrom4([4]byte(g.octets(4)))
		b := a.As4()
		switch {
		case b[0] == 0, b[0] == 127, b[0] >= 224, b[0] == 169 && b[1] == 254, b[0] == 192 && b[1] == 168 && b[2] == 1:
		default:
			return a
		}
	}
}

// outside6 is a global unicast address (RFC 4291 section 2.4).
func (g generator) outside6() netip.Addr {
	b := [16]byte(g.octets(16))
	b[0] = 0x20 | b[0]&0x1f
	return netip.AddrFrom16(b)
}

// options4 are IPv4 options that no router acts on: padding, security (RFC 1108), a stream identifier, one nobody knows.
func (g generator) options4() []layers.IPv4Option {
	var all []layers.IPv4Option
	for left := 40; left >= 11; {
		var o layers.IPv4Option
		switch g.rand.IntN(5) {
		case 0:
			o = layers.IPv4Option{OptionType: 1, OptionLength: 1}
		case 1:
			o = layers.IPv4Option{OptionType: 130, OptionLength: 11, OptionData: g.octets(9)}
		case 2:
			o = layers.IPv4Option{OptionType: 136, OptionLength: 4, OptionData: g.octets(2)}
		case 3:
			o = layers.IPv4Option{OptionType: 94 | g.octet()&0x80, OptionLength: 6, OptionData: g.octets(4)} // RFC 4727
		default:
			return all
		}
		all = append(all, o)
		left -= int(o.OptionLength)
	}
	return all
}

// extensions are IPv6 extension headers in front of a protocol, and the first one's number: hop-by-hop and destination
// options to be skipped, a routing header of RFC 4727, and in the end a fragment header, or that of an atomic fragment.
func (g generator) extensions(protocol layers.IPProtocol, fragment bool) (layers.IPProtocol, []byte) {
	var kinds []layers.IPProtocol
	if g.rand.IntN(2) == 0 {
		kinds = append(kinds, layers.IPProtocolIPv6HopByHop)
	}
	for range g.rand.IntN(3) {
		kinds = append(kinds, layers.IPProtocolIPv6Destination)
	}
	if g.rand.IntN(3) == 0 {
		kinds = append(kinds, layers.IPProtocolIPv6Routing)
	}
	if fragment || len(kinds) == 0 && protocol != layers.IPProtocolTCP {
		kinds = append(kinds, layers.IPProtocolIPv6Fragment)
	} else if len(kinds) == 0 {
		kinds = append(kinds, layers.IPProtocolIPv6Destination)
	}
	var b []byte
	for i, kind := range kinds {
		next := protocol
		if i+1 < len(kinds) {
			next = kinds[i+1]
		}
		b = append(b, byte(next))
		switch kind {
		case layers.IPProtocolIPv6Routing:
			b = append(append(b, 2, 253, 0), g.octets(20)...)
		case layers.IPProtocolIPv6Fragment:
			word := uint16(0)
			if fragment {
				word = uint16(g.rand.IntN(8000))<<3 | uint16(g.rand.IntN(2))
			}
			b = append(binary.BigEndian.AppendUint16(append(b, 0), word), g.octets(4)...)
		default: // one option that is skipped by whom does not know it (RFC 8200 section 4.2), and PadN, of which Linux takes 7 octets
			b = append(append(append(b, 1, 0x1e, 5), g.octets(5)...), 1, 5, 0, 0, 0, 0, 0)
		}
	}
	return kinds[0], b
}

// upper makes the upper layer of a packet, of at most room octets.
func (g generator) upper(four bool, room int) (layers.IPProtocol, string, []gopacket.SerializableLayer) {
	payload := gopacket.Payload(g.octets(g.size(room - 80)))
	switch g.rand.IntN(9) {
	case 0, 1:
		return layers.IPProtocolUDP, "UDP", []gopacket.SerializableLayer{
			&layers.UDP{SrcPort: layers.UDPPort(g.rand.Uint32()), DstPort: layers.UDPPort(g.rand.Uint32())}, payload,
		}
	case 2, 3, 4:
		return layers.IPProtocolTCP, "TCP", []gopacket.SerializableLayer{g.tcp(), payload}
	case 5:
		if four {
			return layers.IPProtocolICMPv4, "ICMP", []gopacket.SerializableLayer{
				&layers.ICMPv4{TypeCode: layers.ICMPv4TypeCode(g.rand.Uint32()), Id: uint16(g.rand.Uint32()), Seq: uint16(g.rand.Uint32())}, payload,
			}
		}
		return layers.IPProtocolICMPv6, "ICMPv6", []gopacket.SerializableLayer{&layers.ICMPv6{TypeCode: layers.ICMPv6TypeCode(g.rand.Uint32())}, payload}
	case 6:
		return layers.IPProtocolGRE, "GRE", []gopacket.SerializableLayer{
			&layers.GRE{Protocol: layers.EthernetTypeIPv4, KeyPresent: true, Key: g.rand.Uint32(), SeqPresent: true, Seq: g.rand.Uint32()}, payload,
		}
	case 7:
		return layers.IPProtocolSCTP, "SCTP", []gopacket.SerializableLayer{
			&layers.SCTP{SrcPort: layers.SCTPPort(g.rand.Uint32()), DstPort: layers.SCTPPort(g.rand.Uint32()), VerificationTag: g.rand.Uint32()}, payload,
		}
	default:
		others := []struct {
			protocol layers.IPProtocol
			class    string
		}{{50, "ESP"}, {51, "AH"}, {2, "IGMP"}, {4, "IPIP"}, {41, "6in4"}, {89, "OSPF"}, {136, "UDP-Lite"}, {layers.IPProtocol(143 + g.rand.IntN(110)), "unassigned"}}
		o := others[g.rand.IntN(len(others))]
		return o.protocol, o.class, []gopacket.SerializableLayer{payload}
	}
}

// size is a length that is often at an end of its range.
func (g generator) size(limit int) int {
	switch g.rand.IntN(4) {
	case 0:
		return g.rand.IntN(8)
	case 1:
		return limit
	}
	return g.rand.IntN(limit)
}

// tcp is a segment with any flags and options, but none that goes to an intercepted port.
func (g generator) tcp() *layers.TCP {
	flag := func() bool { return g.rand.IntN(2) == 0 }
	port := layers.TCPPort(g.rand.Uint32())
	if port == 110 {
		port++
	}
	s := &layers.TCP{
		SrcPort: layers.TCPPort(g.rand.Uint32()), DstPort: port, Seq: g.rand.Uint32(), Ack: g.rand.Uint32(),
		FIN: flag(), SYN: flag(), RST: flag(), PSH: flag(), ACK: flag(), URG: flag(), ECE: flag(), CWR: flag(), NS: flag(),
		Window: uint16(g.rand.Uint32()), Urgent: uint16(g.rand.Uint32()),
	}
	kinds := []struct{ kind, length byte }{
		{2, 4}, {3, 3}, {4, 2}, {5, 10}, {8, 10}, {19, 18}, {30, 12}, {34, 10}, {253, 8}, {69, 5}, // RFC 9293, 7323, 2018, 2385, 8684, 7413, 4727; one nobody knows
	}
	for left := 40; ; {
		k := kinds[g.rand.IntN(len(kinds))]
		if left -= int(k.length); left < 0 || g.rand.IntN(5) == 0 {
			return s
		}
		s.Options = append(s.Options, layers.TCPOption{OptionType: layers.TCPOptionKind(k.kind), OptionLength: k.length, OptionData: g.octets(int(k.length) - 2)})
	}
}
