package forwarder

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// row is one frame and what becomes of it.
type row struct {
	name   string
	frame  []byte
	fate   fate
	reason Reason
}

func check(t *testing.T, g *gateway, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			sent := len(g.port.sent)
			f, reason := g.outcome(r.frame)
			if f != r.fate || reason != r.reason {
				t.Errorf("fate %d, reason %v; want %d, %v", f, reason, r.fate, r.reason)
			}
			if f == drop && r.reason != TTLExpired && r.reason != TooBig && len(g.port.sent) > sent {
				t.Errorf("a dropped frame was answered: % x", g.port.sent[sent])
			}
		})
	}
}

func ok(name string, frame []byte, f fate) row         { return row{name, frame, f, Undecided} }
func bad(name string, frame []byte, reason Reason) row { return row{name, frame, drop, reason} }

// Requirements A7 and the link layer.
func TestLink(t *testing.T) {
	good := udp(t, clientMAC, client4, server4)
	with := func(change func(e []byte)) []byte {
		b := bytes.Clone(good)
		change(b[virtioLen:])
		return b
	}
	rows := []row{
		ok("a datagram for the internet", good, forward),
		bad("own output comes back", with(func(e []byte) { copy(e[6:], gatewayMAC[:]) }), SourceOwn),
		bad("another station's MAC", with(func(e []byte) { copy(e, stationMAC[:]) }), NotForUs),
		bad("unicast in a broadcast frame", with(func(e []byte) { copy(e, anyoneMAC[:]) }), Multicast),
		bad("unicast in a group frame", with(func(e []byte) { copy(e, []byte{1, 0, 0x5e, 0, 0, 1}) }), Multicast),
		bad("from a group", with(func(e []byte) { e[6] |= 1 }), Malformed),
		bad("from nobody", with(func(e []byte) { clear(e[6:12]) }), Malformed),
		bad("802.1Q", with(func(e []byte) { e[12], e[13] = 0x81, 0 }), VLANTagged),
		bad("802.1ad", with(func(e []byte) { e[12], e[13] = 0x88, 0xa8 }), VLANTagged),
		bad("a length instead of a type", with(func(e []byte) { e[12], e[13] = 0, 100 }), Unsupported),
		bad("unknown type", with(func(e []byte) { e[12], e[13] = 0x88, 0xcc }), Unsupported),
		bad("nothing", nil, Malformed),
		bad("three octets", []byte{1, 2, 3}, Malformed),
		bad("Ethernet header one short", good[:l3-1], Malformed),
		bad("virtio checksum beyond the frame", func() []byte {
			b := bytes.Clone(good)
			b[0], b[6], b[7] = needsChecksum, 0xff, 0xff
			return b
		}(), Malformed),
		bad("segmentation into nothing", func() []byte {
			b := bytes.Clone(good)
			b[0], b[1] = needsChecksum, gsoUDPL4
			return b
		}(), Malformed),
	}
	check(t, newGateway(t, testConfig()), rows)
}

// Requirement A4.
func TestMalformed(t *testing.T) {
	v4, v6 := udp(t, clientMAC, client4, server4), udp(t, clientMAC, client6, server6)
	var rows []row
	for n := l3; n < len(v4); n++ {
		rows = append(rows, bad(fmt.Sprintf("IPv4 cut to %d", n), v4[:n], Malformed))
	}
	for n := l3; n < len(v6); n++ {
		rows = append(rows, bad(fmt.Sprintf("IPv6 cut to %d", n), v6[:n], Malformed))
	}
	in4 := func(change func([]byte)) []byte { return edit(v4, change) }
	rows = append(rows,
		bad("IPv4 says version 5", in4(func(ip []byte) { ip[0] = 0x55 }), Malformed),
		bad("IPv4 says version 6", in4(func(ip []byte) { ip[0] = 0x65 }), Malformed),
		bad("IHL 4", in4(func(ip []byte) { ip[0] = 0x44 }), Malformed),
		bad("IHL beyond total length", in4(func(ip []byte) { ip[0] = 0x4f; ip[3] = 56 }), Malformed),
		bad("total length below header", in4(func(ip []byte) { ip[2], ip[3] = 0, 19 }), Malformed),
		bad("total length zero", in4(func(ip []byte) { ip[2], ip[3] = 0, 0 }), Malformed),
		bad("total length beyond frame", in4(func(ip []byte) { ip[3]++ }), Malformed),
		bad("IPv6 says version 4", edit(v6, func(ip []byte) { ip[0] = 0x40 }), Malformed),
		bad("IPv6 payload beyond frame", edit(v6, func(ip []byte) { ip[5]++ }), Malformed),
	)
	broken := bytes.Clone(v4)
	broken[l3+10] ^= 1
	rows = append(rows, bad("IPv4 header checksum", broken, BadChecksum))
	check(t, newGateway(t, testConfig()), rows)
}

// Requirement A5.
func TestMartians(t *testing.T) {
	var rows []row
	for _, from := range []string{
		"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.1.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
		gateway4, "192.168.1.255", "192.168.1.0", "169.254.1.1",
	} {
		rows = append(rows, bad("from "+from, udp(t, clientMAC, from, server4), Martian),
			bad("from "+from+" by the router", udp(t, routerMAC, from, client4), Martian))
	}
	for _, to := range []string{
		"0.0.0.0", "0.1.2.3", "127.0.0.1", "240.0.0.1", "255.255.255.255", "192.168.1.255", "192.168.1.0",
		"169.254.169.254",
	} {
		rows = append(rows, bad("to "+to, udp(t, clientMAC, client4, to), Martian),
			bad("mail to "+to, syn(t, clientMAC, client4, to, 110), Martian)) // requirement E2
	}
	rows = append(rows, bad("to 224.0.0.5", udp(t, clientMAC, client4, "224.0.0.5"), Multicast))
	for _, from := range []string{"::", "::1", "ff02::1", "ff0e::1", "fe80::10", "febf::1", "::ffff:192.168.1.10", gateway6} {
		rows = append(rows, bad("from "+from, udp6(t, clientMAC, from, server6), Martian),
			bad("from "+from+" by the router", udp6(t, routerMAC, from, client6), Martian))
	}
	for _, to := range []string{"::", "::1", "fe80::10", "fe80::1", "::ffff:203.0.113.5"} {
		rows = append(rows, bad("to "+to, udp6(t, clientMAC, client6, to), Martian))
	}
	rows = append(rows,
		bad("to ff0e::5", udp6(t, clientMAC, client6, "ff0e::5"), Multicast),
		bad("to itself", udp(t, clientMAC, client4, client4), Martian),
		ok("neighbours of martians: 1.0.0.0", udp(t, clientMAC, client4, "1.0.0.0"), forward),
		ok("neighbours of martians: 126.255.255.255", udp(t, clientMAC, client4, "126.255.255.255"), forward),
		ok("neighbours of martians: 128.0.0.0", udp(t, clientMAC, client4, "128.0.0.0"), forward),
		ok("neighbours of martians: 223.255.255.255", udp(t, clientMAC, client4, "223.255.255.255"), forward),
		ok("neighbours of martians: 169.253.255.255", udp(t, clientMAC, client4, "169.253.255.255"), forward),
		ok("neighbours of martians: ::2", udp6(t, clientMAC, client6, "::2"), forward),
		ok("neighbours of martians: fec0::1", udp6(t, clientMAC, client6, "fec0::1"), forward),
	)
	check(t, newGateway(t, testConfig()), rows)
}

// udp6 returns a datagram over IPv6 whose addresses may be mapped ones; its checksum does not matter to a router.
func udp6(t testing.TB, by mac, from, to string) []byte {
	t.Helper()
	return edit(udp(t, by, client6, server6), func(ip []byte) {
		source, destination := addr(from).As16(), addr(to).As16()
		copy(ip[8:], source[:])
		copy(ip[24:], destination[:])
	})
}

// Requirements A6, A8, A9 and E1: who may send what where.
func TestDirections(t *testing.T) {
	g := newGateway(t, testConfig())
	learn(t, g, station4, stationMAC)
	learn(t, g, station6, stationMAC)
	check(t, g, []row{
		ok("client to internet, IPv4", udp(t, clientMAC, client4, server4), forward),
		ok("client to internet, IPv6", udp(t, clientMAC, client6, server6), forward),
		ok("client to station", udp(t, clientMAC, client4, station4), forward),
		ok("internet by router to station, IPv4", udp(t, routerMAC, server4, station4), forward),
		ok("internet by router to station, IPv6", udp(t, routerMAC, server6, station6), forward),
		bad("foreign source from the LAN, IPv4", udp(t, clientMAC, "198.51.100.1", server4), Spoofed),
		bad("foreign source from the LAN, IPv6", udp(t, clientMAC, "2001:db8:1::1", server6), Spoofed),
		bad("LAN source from the router, IPv4", udp(t, routerMAC, client4, station4), Spoofed),
		bad("LAN source from the router, IPv6", udp(t, routerMAC, client6, station6), Spoofed),
		bad("router to router, IPv4", udp(t, routerMAC, "198.51.100.1", server4), PingPong),
		bad("router to router, IPv6", udp(t, routerMAC, "2001:db8:1::1", server6), PingPong),
		bad("back to the station it came from", udp(t, stationMAC, client4, station4), PingPong),
		bad("router to router, TTL spent", ttl(udp(t, routerMAC, "198.51.100.1", server4), 1), PingPong),
		bad("mail from the router", syn(t, routerMAC, "198.51.100.1", server4, 110), PingPong),
		ok("mail from outside to the LAN", syn(t, routerMAC, "198.51.100.1", station4, 110), forward),
		bad("mail with a foreign source", syn(t, clientMAC, "198.51.100.1", server4, 110), Spoofed),
	})
	// Requirement A9: what was forwarded above is all that went out.
	if c := g.Counters(); len(g.port.sent) != int(c.Forwarded+c.NeighbourRequests) {
		t.Errorf("%d frames sent, %d forwarded and %d requests", len(g.port.sent), c.Forwarded, c.NeighbourRequests)
	}
}

// learn lets the gateway find an on-link station.
func learn(t testing.TB, g *gateway, station string, m mac) {
	t.Helper()
	g.want(addr(station))
	g.turn(false)
	if addr(station).Is4() {
		g.handle(answerARP(station, m))
	} else {
		g.handle(answerND(station, m))
	}
	if got, ok := g.neighbours.lookup(addr(station)); !ok || got != m {
		t.Fatalf("%s is at %x, %t; want %x", station, got, ok, m)
	}
}

func TestNoRouterOfThatFamily(t *testing.T) {
	c := testConfig()
	c.Routers = c.Routers[:1]
	check(t, newGateway(t, c), []row{
		ok("IPv4", udp(t, clientMAC, client4, server4), forward),
		bad("IPv6", udp(t, clientMAC, client6, server6), NoRoute),
	})
}

// Requirements A14 and E1, E2: what is intercepted.
func TestIntercept(t *testing.T) {
	withOptions := func(kind byte) []byte {
		ip := ipv4(client4, server4, layers.IPProtocolTCP)
		for range 10 { // 40 octets
			ip.Options = append(ip.Options, layers.IPv4Option{OptionType: kind, OptionLength: 4, OptionData: []byte{4, 4}})
		}
		tcp := &layers.TCP{SrcPort: 40000, DstPort: 110, SYN: true}
		if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
			t.Fatal(err)
		}
		return build(t, ether(clientMAC, gatewayMAC, layers.EthernetTypeIPv4), ip, tcp)
	}
	plain4, plain6 := syn(t, clientMAC, client4, server4, 110), syn(t, clientMAC, client6, server6, 110)
	offload := edit(plain4, func(ip []byte) { ip[ipv4Len+16] ^= 0xff })
	open := bytes.Clone(offload)
	open[0], open[6], open[8] = needsChecksum, etherLen+ipv4Len, 16
	verified := bytes.Clone(offload)
	verified[0] = dataValid
	ack := packetOver(t, clientMAC, gatewayMAC, client4, server4, layers.IPProtocolTCP,
		&layers.TCP{SrcPort: 40000, DstPort: 110, ACK: true, PSH: true, Seq: 1, Ack: 1}, []byte("USER fred\r\n"))
	padded := append(bytes.Clone(plain4), 1, 2, 3, 4, 5, 6)

	g := newGateway(t, testConfig())
	check(t, g, []row{
		ok("SYN, IPv4", plain4, puntIntercept),
		ok("SYN, IPv6", plain6, puntIntercept),
		ok("SYN with Ethernet padding", padded, puntIntercept),
		ok("segment of an unknown flow (A19)", ack, puntIntercept),
		ok("to a server on the LAN", syn(t, clientMAC, client4, station4, 110), puntIntercept),
		ok("behind 40 octets of options", withOptions(148), puntIntercept),
		ok("checksum left to offload", open, puntIntercept),
		ok("checksum verified by offload", verified, puntIntercept),
		ok("another port", syn(t, clientMAC, client4, server4, 80), forward),
		ok("UDP to the port", packetOver(t, clientMAC, gatewayMAC, client4, server4, layers.IPProtocolUDP,
			&layers.UDP{SrcPort: 1, DstPort: 110}, nil), forward),
		ok("skipped client", syn(t, clientMAC, "192.168.1.99", server4, 110), forward),
		ok("skipped server", syn(t, clientMAC, client4, "198.51.100.9", 110), forward),
		ok("to the gateway itself", syn(t, clientMAC, client4, gateway4, 110), puntOwn),
		bad("checksum wrong, IPv4", offload, BadChecksum),
		bad("checksum wrong, IPv6", edit(plain6, func(ip []byte) { ip[ipv6Len+16] ^= 0xff }), BadChecksum),
		bad("header beyond the packet", edit(plain4, func(ip []byte) { ip[ipv4Len+12] = 0xf0 }), Malformed),
		bad("header length 4", edit(plain4, func(ip []byte) { ip[ipv4Len+12] = 0x40 }), Malformed),
		bad("port cut off", edit(plain4[:l3+ipv4Len+3], func(ip []byte) { ip[3] = ipv4Len + 3 }), Malformed),
		bad("header cut off", edit(plain4[:l3+ipv4Len+19], func(ip []byte) { ip[3] = ipv4Len + 19 }), Malformed),
		bad("TTL 1: the gateway is a hop", ttl(plain4, 1), TTLExpired),
		bad("loose source route", withOptions(131), SourceRoute),
		bad("strict source route", withOptions(137), SourceRoute),
		bad("option of length 1", edit(withOptions(148), func(ip []byte) { ip[21] = 1 }), Malformed),
		bad("option beyond the header", edit(withOptions(148), func(ip []byte) { ip[21] = 41 }), Malformed),
	})
	if m, ok := g.Lookup(addr(client6)); !ok || m != clientMAC {
		t.Errorf("Lookup of a client = %x, %t", m, ok)
	}
	if n := len(g.host.intercepted[2]); n != len(plain4) {
		t.Errorf("a punted frame has %d octets, want its padding cut to %d", n, len(plain4))
	}
}

// The first rule that holds decides.
func TestRuleOrder(t *testing.T) {
	c := testConfig()
	c.Intercept = []Rule{
		{Name: "lab", Ports: []uint16{110}, Clients: prefixes("192.168.1.64/26"), SkipServers: prefixes(server4 + "/32")},
		{Name: "rest", Ports: []uint16{110, 995}, Servers: prefixes("203.0.113.0/24")},
	}
	check(t, newGateway(t, c), []row{
		ok("first rule skips", syn(t, clientMAC, "192.168.1.70", server4, 110), forward),
		ok("first rule holds", syn(t, clientMAC, "192.168.1.70", "8.8.8.8", 110), puntIntercept),
		ok("second rule holds", syn(t, clientMAC, client4, server4, 110), puntIntercept),
		ok("second rule's other port", syn(t, clientMAC, "192.168.1.70", server4, 995), puntIntercept),
		ok("no rule holds", syn(t, clientMAC, client4, "8.8.8.8", 110), forward),
	})
}

// Requirement E1 holds for any rule: from the router's MAC nothing is intercepted.
func TestRouterIsNoClient(t *testing.T) {
	c := testConfig()
	c.Intercept[0].Clients = prefixes("0.0.0.0/0", "::/0")
	g := newGateway(t, c)
	learn(t, g, station4, stationMAC)
	check(t, g, []row{
		ok("from outside", syn(t, routerMAC, server4, station4, 110), forward),
		ok("from the LAN", syn(t, clientMAC, client4, server4, 110), puntIntercept),
	})
}

// chain returns a TCP SYN, or what its port says, over IPv6 behind extension headers. Each header is its type and its
// content after the next-header octet.
func chain(t testing.TB, last byte, headers ...[]byte) []byte {
	t.Helper()
	tcp := syn(t, clientMAC, client6, server6, 110)
	upper := tcp[l3+ipv6Len:]
	var ext []byte
	next := last
	for _, h := range slices.Backward(headers) {
		ext = slices.Concat([]byte{next}, h[1:], ext)
		next = h[0]
	}
	b := slices.Concat(tcp[:l3+ipv6Len], ext, upper)
	b[l3+6] = next
	binary.BigEndian.PutUint16(b[l3+4:], uint16(len(ext)+len(upper)))
	return b
}

// Requirements A12 and A14 over IPv6: extension headers never hide a port.
func TestHeaderChains(t *testing.T) {
	var (
		hop       = []byte{protoHop, 0, 1, 4, 0, 0, 0, 0}
		dest      = []byte{protoDest, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
		route2    = []byte{protoRoute, 0, 2, 0, 0, 0, 0, 0}
		route0    = []byte{protoRoute, 0, 0, 0, 0, 0, 0, 0}
		mobility  = []byte{protoMobil, 0, 0, 0, 0, 0, 0, 0}
		shim      = []byte{protoShim6, 0, 0, 0, 0, 0, 0, 0}
		atomic    = []byte{protoFrag, 0, 0, 0, 0, 0, 0, 1}
		first     = []byte{protoFrag, 0, 0, 1, 0, 0, 0, 1}
		later     = []byte{protoFrag, 0, 0, 8, 0, 0, 0, 1}
		auth      = []byte{51, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
		tooLong   = []byte{protoDest, 200, 1, 4, 0, 0, 0, 0}
		eight     = [][]byte{hop, dest, dest, dest, dest, dest, dest, dest}
		nine      = [][]byte{hop, dest, dest, dest, dest, dest, dest, dest, dest}
		truncated = chain(t, protoTCP, hop)[:l3+ipv6Len+4]
	)
	binary.BigEndian.PutUint16(truncated[l3+4:], 4)
	check(t, newGateway(t, testConfig()), []row{
		ok("hop-by-hop and destination options", chain(t, protoTCP, hop, dest), puntIntercept),
		ok("routing header type 2", chain(t, protoTCP, route2), puntIntercept),
		ok("mobility", chain(t, protoTCP, mobility), puntIntercept),
		ok("shim6", chain(t, protoTCP, shim), puntIntercept),
		ok("eight headers", chain(t, protoTCP, eight...), puntIntercept),
		bad("nine headers", chain(t, protoTCP, nine...), HeaderChain),
		bad("nine headers before UDP", chain(t, protoUDP, nine...), HeaderChain),
		bad("routing header type 0", chain(t, protoTCP, route0), SourceRoute),
		bad("routing header type 0 after options", chain(t, protoUDP, dest, route0), SourceRoute),
		bad("atomic fragment of TCP", chain(t, protoTCP, atomic), TCPFragment),
		bad("first fragment of TCP", chain(t, protoTCP, first), TCPFragment),
		bad("first fragment of TCP behind options", chain(t, protoTCP, hop, first, dest), TCPFragment),
		bad("later fragment of TCP", chain(t, protoTCP, later), TCPFragment),
		bad("later fragment that goes on with options", chain(t, protoDest, later), HeaderChain),
		bad("later fragment that looks like options and UDP", chain(t, protoUDP, later, dest), HeaderChain),
		bad("fragment in a fragment", chain(t, protoTCP, first, later), HeaderChain),
		bad("header beyond the packet", chain(t, protoTCP, tooLong), HeaderChain),
		bad("header cut off", truncated, HeaderChain),
		ok("first fragment of UDP", chain(t, protoUDP, first), forward),
		ok("later fragment of UDP", chain(t, protoUDP, later), forward),
		ok("authentication header is opaque", chain(t, protoTCP, auth), forward),
		ok("no next header", chain(t, 59), forward),
	})
}

// Requirements A11 and A12 over IPv4.
func TestFragments(t *testing.T) {
	fragment := func(frame []byte, word uint16) []byte {
		return edit(frame, func(ip []byte) { binary.BigEndian.PutUint16(ip[6:], word) })
	}
	u, s := udp(t, clientMAC, client4, server4), syn(t, clientMAC, client4, server4, 80)
	check(t, newGateway(t, testConfig()), []row{
		ok("first of UDP", fragment(u, 0x2000), forward),
		ok("middle of UDP", fragment(u, 0x2001), forward),
		ok("last of UDP", fragment(u, 0x0001), forward),
		ok("do not fragment is no fragment", fragment(s, 0x4000), forward),
		ok("reserved bit is no fragment", fragment(s, 0x8000), forward),
		bad("first of TCP", fragment(s, 0x2000), TCPFragment),
		bad("offset 1 of TCP", fragment(s, 0x0001), TCPFragment),
		bad("last of TCP", fragment(s, 0x1fff), TCPFragment),
	})
}

// What the host gets to see of what is addressed to it or to groups.
func TestOwn(t *testing.T) {
	group := mac{0x33, 0x33, 0xff, 0, 0, 2}
	echo := func(from, to string) []byte {
		return packetOver(t, clientMAC, gatewayMAC, from, to, layers.IPProtocolICMPv4, &layers.ICMPv4{TypeCode: 8 << 8, Id: 7}, []byte("ping"))
	}
	ping6 := []byte{128, 0, 0, 0, 0, 7, 0, 1, 'p', 'i', 'n', 'g'}
	solicit := func(from, to, target string) []byte {
		who := addr(target).As16()
		body := slices.Concat([]byte{ndNeighbourSolicitation, 0, 0, 0, 0, 0, 0, 0}, who[:])
		if from != "::" {
			body = slices.Concat(body, []byte{ndSourceAddress, 1}, clientMAC[:])
		}
		return icmp6(clientMAC, group, from, to, ndHopLimit, body)
	}
	// An MLD query comes behind a hop-by-hop header with a router alert (RFC 3810 section 5).
	query := icmp6(routerMAC, mac{0x33, 0x33, 0, 0, 0, 1}, router6, "ff02::1", 1, append([]byte{130, 0, 0, 0}, make([]byte, 24)...))
	query = slices.Concat(query[:l3+ipv6Len], []byte{protoICMP6, 0, 5, 2, 0, 0, 1, 0}, query[l3+ipv6Len:])
	query[l3+5], query[l3+6] = query[l3+5]+8, protoHop
	redirect4 := packetOver(t, routerMAC, gatewayMAC, router4, gateway4, layers.IPProtocolICMPv4, &layers.ICMPv4{TypeCode: 5<<8 | 1}, make([]byte, 28))
	redirect6 := icmp6(routerMAC, gatewayMAC, router6, gatewayLocal, ndHopLimit, append([]byte{ndRedirect, 0, 0, 0}, make([]byte, 36)...))
	tcp := packetOver(t, routerMAC, gatewayMAC, server4, gateway4, layers.IPProtocolTCP, &layers.TCP{SrcPort: 110, DstPort: 40000, ACK: true}, []byte("+OK"))
	flip := func(frame []byte) []byte {
		b := bytes.Clone(frame)
		b[len(b)-1] ^= 1
		return b
	}
	noSum := udp(t, clientMAC, client4, gateway4)
	noSum[l3+ipv4Len+6], noSum[l3+ipv4Len+7] = 0, 0
	noSum6 := udp(t, clientMAC, client6, gateway6)
	noSum6[l3+ipv6Len+6], noSum6[l3+ipv6Len+7] = 0, 0

	check(t, newGateway(t, testConfig()), []row{
		ok("ping", echo(client4, gateway4), puntOwn),
		ok("ping from outside", echo(server4, gateway4), puntOwn),
		ok("ping, IPv6", icmp6(clientMAC, gatewayMAC, client6, gateway6, 64, ping6), puntOwn),
		ok("ping, IPv6, link-local", icmp6(clientMAC, gatewayMAC, "fe80::10", gatewayLocal, 64, ping6), puntOwn),
		ok("ping, IPv6, all nodes", icmp6(clientMAC, mac{0x33, 0x33, 0, 0, 0, 1}, "fe80::10", "ff02::1", 64, ping6), puntOwn),
		ok("reply of a server", tcp, puntOwn),
		ok("datagram", udp(t, clientMAC, client4, gateway4), puntOwn),
		ok("datagram, IPv6", udp(t, clientMAC, client6, gateway6), puntOwn),
		ok("datagram without checksum", noSum, puntOwn),
		bad("datagram without checksum, IPv6", noSum6, BadChecksum),
		bad("datagram longer than its packet", edit(udp(t, clientMAC, client4, gateway4), func(ip []byte) { ip[ipv4Len+5]++ }), BadChecksum),
		bad("ping with a wrong checksum", flip(echo(client4, gateway4)), BadChecksum),
		bad("ping with a wrong checksum, IPv6", flip(icmp6(clientMAC, gatewayMAC, client6, gateway6, 64, ping6)), BadChecksum),
		bad("reply of a server with a wrong checksum", flip(tcp), BadChecksum),
		bad("datagram with a wrong checksum", flip(udp(t, clientMAC, client4, gateway4)), BadChecksum),
		bad("from our own address", echo(gateway4, gateway4), Martian),
		bad("from loopback", echo("127.0.0.1", gateway4), Martian),
		bad("from our own address, IPv6", icmp6(clientMAC, gatewayMAC, gateway6, gateway6, 64, ping6), Martian),
		bad("redirect", redirect4, Redirect),
		bad("redirect, IPv6", redirect6, Redirect),
		bad("TCP header beyond the packet", edit(tcp, func(ip []byte) { ip[ipv4Len+12] = 0xf0 }), Malformed),
		bad("broadcast", packetOver(t, clientMAC, anyoneMAC, client4, "192.168.1.255", layers.IPProtocolUDP, &layers.UDP{DstPort: 137}, nil), Multicast),
		bad("group, IPv4", packetOver(t, clientMAC, mac{1, 0, 0x5e, 0, 0, 251}, client4, "224.0.0.251", layers.IPProtocolUDP, &layers.UDP{DstPort: 5353}, nil), Multicast),

		ok("MLD query", query, puntOwn),
		ok("solicitation", solicit(client6, "ff02::1:ff00:2", gateway6), puntOwn),
		ok("probe for our address", solicit("::", "ff02::1:ff00:2", gateway6), puntOwn),
		ok("somebody defends our address", advert(gateway6, "ff02::1", gateway6, stationMAC, stationMAC, mac{0x33, 0x33, 0, 0, 0, 1}, 0x20), puntOwn),
		bad("solicitation for another", solicit(client6, "ff02::1:ff00:1234", "fd00:1::1234"), Multicast),
		bad("solicitation from further away", ttl(solicit(client6, "ff02::1:ff00:2", gateway6), 254), Malformed),
		bad("mDNS, IPv6", packetOver(t, clientMAC, mac{0x33, 0x33, 0, 0, 0, 0xfb}, "fe80::10", "ff02::fb", layers.IPProtocolUDP, &layers.UDP{DstPort: 5353}, nil), Multicast),
		bad("all nodes, not ICMP", packetOver(t, clientMAC, mac{0x33, 0x33, 0, 0, 0, 1}, "fe80::10", "ff02::1", layers.IPProtocolUDP, &layers.UDP{DstPort: 9}, nil), Multicast),

		ok("who has the gateway", arpFrame(arpRequest, clientMAC, anyoneMAC, client4, clientMAC, gateway4), puntOwn),
		ok("answer to the host", arpFrame(arpReply, clientMAC, gatewayMAC, client4, clientMAC, gateway4), puntOwn),
		ok("somebody has our address", arpFrame(arpRequest, stationMAC, anyoneMAC, gateway4, stationMAC, gateway4), puntOwn),
		bad("who has another", arpFrame(arpRequest, clientMAC, anyoneMAC, client4, clientMAC, station4), NotForUs),
		bad("ARP from a group", arpFrame(arpRequest, clientMAC, anyoneMAC, client4, anyoneMAC, gateway4), Malformed),
		bad("reverse ARP", arpFrame(3, clientMAC, gatewayMAC, client4, clientMAC, gateway4), Malformed),
		bad("ARP cut short", arpFrame(arpRequest, clientMAC, anyoneMAC, client4, clientMAC, gateway4)[:l3+arpLen-1], Malformed),
		bad("router forged", arpFrame(arpRequest, stationMAC, gatewayMAC, router4, stationMAC, gateway4), ForgedNeighbour),
		bad("router forged, to all", arpFrame(arpReply, stationMAC, anyoneMAC, router4, stationMAC, router4), ForgedNeighbour),
		bad("router forged, IPv6", advert(router6, gatewayLocal, router6, stationMAC, stationMAC, gatewayMAC, 0x60), ForgedNeighbour),
		ok("the router itself asks", arpFrame(arpRequest, routerMAC, anyoneMAC, router4, routerMAC, gateway4), puntOwn),
	})
}

// Requirement A17: other protocols pass whole.
func TestOtherProtocolsPass(t *testing.T) {
	g := newGateway(t, testConfig())
	for _, proto := range []layers.IPProtocol{1, 2, 4, 17, 41, 46, 47, 50, 51, 89, 132, 136, 253} {
		check(t, g, []row{
			ok(fmt.Sprintf("protocol %d", proto), build(t, ether(clientMAC, gatewayMAC, layers.EthernetTypeIPv4),
				ipv4(client4, server4, proto), gopacket.Payload([]byte{200, 1, 2, 3, 4, 5, 6, 7})), forward),
		})
	}
}

func (g *gateway) want(a netip.Addr) { g.neighbours.want(a, g.time) }
