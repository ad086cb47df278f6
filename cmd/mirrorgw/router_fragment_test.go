package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"mirrorgw/testnet"
)

// fragments cuts the packet of a frame into three, of which the last is not full, as RFC 791 section 2.3 and RFC 8200 section
// 4.5 have it.
func fragments(whole []byte, id uint32) [][]byte {
	header := 20
	if etherType(whole) == layers.EthernetTypeIPv6 {
		header = 40
	}
	body := whole[etherHeader+header:]
	size := (len(body)/3 + 7) &^ 7
	var all [][]byte
	for at := 0; at < len(body); at += size {
		all = append(all, fragment(whole, id, at, body[at:min(at+size, len(body))], at+size < len(body)))
	}
	return all
}

// fragment returns a frame with the IP header of another and some octets from an offset on.
func fragment(whole []byte, id uint32, offset int, body []byte, more bool) []byte {
	word := uint16(offset)
	if etherType(whole) == layers.EthernetTypeIPv4 {
		ip := bytes.Clone(whole[etherHeader : etherHeader+20])
		word /= 8
		if more {
			word |= 0x2000
		}
		binary.BigEndian.PutUint16(ip[2:], uint16(20+len(body)))
		binary.BigEndian.PutUint16(ip[4:], uint16(id))
		binary.BigEndian.PutUint16(ip[6:], word)
		clear(ip[10:12])
		binary.BigEndian.PutUint16(ip[10:], sumOf(ip))
		return append(append(bytes.Clone(whole[:etherHeader]), ip...), body...)
	}
	ip := bytes.Clone(whole[etherHeader : etherHeader+40])
	if more {
		word |= 1
	}
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16([]byte{ip[6], 0}, word), id)
	ip[6] = byte(layers.IPProtocolIPv6Fragment)
	binary.BigEndian.PutUint16(ip[4:], uint16(len(head)+len(body)))
	return append(append(append(bytes.Clone(whole[:etherHeader]), ip...), head...), body...)
}

// sumOf is the Internet checksum (RFC 1071) of an even number of octets.
func sumOf(b []byte) uint16 {
	sum := uint32(0)
	for ; len(b) > 0; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// TestRouterA11Fragments: the three fragments of a datagram go on one by one, as they are; those of TCP in their order.
func TestRouterA11Fragments(t *testing.T) {
	l := newRouterLab(t, nil)
	l.silence()
	for _, server := range webServers() {
		client := clientAddress(server)
		ping := gopacket.SerializableLayer(&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 1, Seq: 1})
		icmp := layers.IPProtocolICMPv4
		if server.Is6() {
			ping, icmp = &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(128, 0)}, layers.IPProtocolICMPv6
		}
		payload := gopacket.Payload(bytes.Repeat([]byte("fragmented "), 300))
		for i, whole := range [][]byte{
			frame(l.client.MAC, mirrorMAC, ipOf(client, server, layers.IPProtocolUDP, 64), udp(), payload),
			frame(l.client.MAC, mirrorMAC, ipOf(client, server, icmp, 64), ping, payload),
			frame(l.client.MAC, mirrorMAC, ipOf(client, server, layers.IPProtocolSCTP, 64), &layers.SCTP{SrcPort: 1, DstPort: 2}, payload),
			frame(l.client.MAC, mirrorMAC, ipOf(client, server, layers.IPProtocolTCP, 64), &layers.TCP{SrcPort: 40000, DstPort: 80, ACK: true}, payload),
		} {
			orders := [][]int{{0, 1, 2}, {2, 0, 1}}
			if i == 3 {
				orders = orders[:1]
			}
			for _, order := range orders {
				pieces := fragments(whole, uint32(1000+i))
				if len(pieces) != 3 {
					t.Fatalf("%d fragments", len(pieces))
				}
				for _, n := range order {
					want := bytes.Clone(pieces[n])
					l.send(l.client, pieces[n])
					got := l.receive(l.router, fmt.Sprintf("fragment %d of protocol %d to %s", n, i, server), func(f []byte) bool {
						return sourceMAC(f) == [6]byte(mirrorMAC) && bytes.Contains(f, []byte("ragmented"))
					})
					if !bytes.Equal(masked(got), masked(want)) || ttlOf(got) != 63 {
						t.Errorf("fragment %d of protocol %d to %s:\ngot  %.100x\nsent %.100x", n, i, server, got, want)
					}
				}
			}
		}
	}
}

// TestRouterA12TCPFragments: a port that cannot be seen is not forwarded: tiny first fragments (RFC 1858), a second one that
// writes over the first's flags (RFC 3128) or port, a header chain that goes on in another fragment (RFC 7112).
func TestRouterA12TCPFragments(t *testing.T) {
	l := newRouterLab(t, oneQueue)
	for _, server := range []netip.Addr{testnet.MailIPv4, testnet.MailIPv6} {
		segment := func(port layers.TCPPort) []byte {
			return frame(l.client.MAC, mirrorMAC, ipOf(strangerAddress(server), server, layers.IPProtocolTCP, 64),
				&layers.TCP{SrcPort: 1025, DstPort: port, SYN: true, Window: 1000}, gopacket.Payload("hidden mail port"))
		}
		header := 20
		if server.Is6() {
			header = 40
		}
		mail, web := segment(110), segment(80)
		body, other := mail[etherHeader+header:], web[etherHeader+header:]
		// The first fragment of a web flow goes on, and nothing after it.
		passes := map[string]uint64{"another port, overwritten": 1, "flags overwritten at offset 1": 1}
		rows := map[string][][]byte{
			"SYN in 8+12 octets":            {fragment(mail, 1, 0, body[:8], true), fragment(mail, 1, 8, body[8:], false)},
			"in the other order":            {fragment(mail, 2, 8, body[8:], false), fragment(mail, 2, 0, body[:8], true)},
			"offset 1 alone":                {fragment(mail, 3, 8, body[8:], false)},
			"another port, overwritten":     {fragment(web, 4, 0, other[:24], true), fragment(mail, 4, 0, body[:24], true), fragment(web, 4, 24, other[24:], false)},
			"flags overwritten at offset 1": {fragment(web, 5, 0, other[:24], true), fragment(web, 5, 8, body[8:24], true), fragment(web, 5, 24, other[24:], false)},
			"later fragment first":          {fragment(mail, 6, 24, body[24:], false), fragment(mail, 6, 0, body[:24], true)},
		}
		for name, row := range rows {
			before := l.status()
			l.send(l.client, row...)
			l.dropped(before, "tcp_fragment", uint64(len(row))-passes[name])
			after := l.status()
			if after.Frames.Forwarded != before.Frames.Forwarded+passes[name] || after.Events["flows"]["parked"] != before.Events["flows"]["parked"] {
				t.Errorf("%s, %s: %s", name, server, difference(before, after))
			}
		}
		if server.Is6() { // the chain: destination options in the first fragment, TCP's port in the second
			chain := append([]byte{byte(layers.IPProtocolTCP), 1, 1, 12}, make([]byte, 12)...)
			outer := bytes.Clone(mail)
			outer[etherHeader+6] = byte(layers.IPProtocolIPv6Destination)
			before := l.status()
			l.send(l.client, fragment(outer, 9, 0, chain[:8], true))
			l.dropped(before, "header_chain", 1)
		}
	}
	l.nothingPassed(l.router, "hidden mail port")
}

// TestRouterA12OrphanFragments: 100,000 fragments of datagrams that never become whole, for the gateway and for a mail server,
// cost at most 8 MiB.
func TestRouterA12OrphanFragments(t *testing.T) {
	t.Setenv("GOGC", "100") // the room a gateway gives to garbage is not the fragments' either
	l := newRouterLab(t, nil)
	send := func(orphans bool) {
		l.flood(100_000, func(i int) []byte {
			to := []netip.Addr{testnet.GatewayIPv4, testnet.MailIPv4, testnet.GatewayIPv6, testnet.MailIPv6}[i%4]
			protocol := []layers.IPProtocol{layers.IPProtocolUDP, layers.IPProtocolTCP, layers.IPProtocolUDP}[i%3]
			payload := make([]byte, 1200)
			payload[3], payload[12] = 80, 5<<4 // a web flow where it is TCP
			packet := frame(l.client.MAC, mirrorMAC, ipOf(strangerAddress(to), to, protocol, 64), gopacket.Payload(payload))
			if orphans {
				packet = fragment(packet, uint32(i), 8*(i%101), packet[len(packet)-1200:], true)
			}
			return packet
		})
	}
	send(false) // memory that whole packets, and being asked for the status, take is not the fragments' fault
	before := l.status()
	memory := l.resident()
	send(true)
	after := l.status()
	grown := int64(l.resident()) - int64(memory)
	t.Logf("%d KiB more; %s", grown>>10, difference(before, after))
	if grown > 8<<20 {
		t.Errorf("100,000 orphan fragments cost %d KiB", grown>>10)
	}
	if n := after.Frames.Dropped["tcp_fragment"] - before.Frames.Dropped["tcp_fragment"]; n == 0 {
		t.Error("no TCP fragment was dropped")
	}
	shell(t, l.Client, "ping -c1 -W2 "+testnet.GatewayIPv4.String()+" && ping -c1 -W2 "+testnet.GatewayIPv6.String())
}

// resident is the gateway's resident memory in octets.
func (l *routerLab) resident() uint64 {
	l.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.gateway.PID()))
	if err != nil {
		l.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	n, err := strconv.ParseUint(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		l.t.Fatal(err)
	}
	return n << 10
}

// TestRouterA14Options: nothing before the TCP header hides an intercepted port, source routes are not followed, and a chain too
// long to look behind is dropped.
func TestRouterA14Options(t *testing.T) {
	l := newRouterLab(t, oneQueue)
	for _, server := range []netip.Addr{testnet.MailIPv4, testnet.MailIPv6} {
		mail, err := l.Internet.Listen(t.Context(), netip.AddrPortFrom(server, 110))
		if err != nil {
			t.Fatal(err)
		}
		defer mail.Close()
	}
	port := layers.TCPPort(2000)
	syn := func() *layers.TCP { port++; return &layers.TCP{SrcPort: port, DstPort: 110, SYN: true, Window: 1000} }
	packet4 := func(options ...layers.IPv4Option) []byte {
		ip := ipv4(strangerIPv4, testnet.MailIPv4, layers.IPProtocolTCP)
		ip.Options = options
		return frame(l.client.MAC, mirrorMAC, ip, syn())
	}
	// Each header of 8 octets, each followed by the next.
	packet6 := func(chain ...layers.IPProtocol) []byte {
		whole := frame(l.client.MAC, mirrorMAC, ipv6(strangerIPv6, testnet.MailIPv6, layers.IPProtocolTCP), syn())
		var headers []byte
		for i := range chain {
			next := layers.IPProtocolTCP
			if i+1 < len(chain) {
				next = chain[i+1]
			}
			switch chain[i] {
			case layers.IPProtocolIPv6Routing:
				headers = append(headers, byte(next), 0, 0, 0, 0, 0, 0, 0)
			default:
				headers = append(headers, byte(next), 0, 1, 4, 0, 0, 0, 0) // PadN
			}
		}
		ip := bytes.Clone(whole[:etherHeader+40])
		if len(chain) > 0 {
			ip[etherHeader+6] = byte(chain[0])
		}
		binary.BigEndian.PutUint16(ip[etherHeader+4:], uint16(len(headers)+len(whole)-len(ip)))
		return append(append(ip, headers...), whole[etherHeader+40:]...)
	}
	option := func(kind uint8, length int) layers.IPv4Option {
		return layers.IPv4Option{OptionType: kind, OptionLength: uint8(length), OptionData: make([]byte, length-2)}
	}
	hop, dest := layers.IPProtocolIPv6HopByHop, layers.IPProtocolIPv6Destination
	padding := make([]layers.IPv4Option, 40)
	for i := range padding {
		padding[i] = layers.IPv4Option{OptionType: 1, OptionLength: 1}
	}
	route := layers.IPv4Option{OptionType: 131, OptionLength: 7, OptionData: []byte{4, 192, 168, 1, 1}}
	strict := route
	strict.OptionType = 137
	for _, row := range []struct {
		what   string
		packet []byte
		reason string // of the drop; empty: intercepted
	}{
		{"no options", packet4(), ""},
		{"40 octets of options", packet4(option(94, 40)), ""},
		{"40 octets of padding", packet4(padding...), ""},
		{"no extension header", packet6(), ""},
		{"hop-by-hop and destination options", packet6(hop, dest), ""},
		{"eight headers", packet6(hop, dest, dest, dest, dest, dest, dest, dest), ""},
		{"nine headers", packet6(hop, dest, dest, dest, dest, dest, dest, dest, dest), "header_chain"},
		{"loose source route", packet4(route), "source_route"},
		{"strict source route", packet4(strict), "source_route"},
		{"type 0 routing header", packet6(layers.IPProtocolIPv6Routing), "source_route"},
		{"type 0 routing header behind options", packet6(dest, layers.IPProtocolIPv6Routing), "source_route"},
	} {
		before := l.status()
		own, _ := decoded(row.packet).Layer(layers.LayerTypeTCP).(*layers.TCP)
		l.send(l.client, row.packet)
		if row.reason != "" {
			l.dropped(before, row.reason, 1)
		} else {
			err := l.client.ReceiveUntil(t.Context(), 2*time.Second, func(f []byte) bool {
				s, ok := decoded(f).Layer(layers.LayerTypeTCP).(*layers.TCP)
				return ok && s.SrcPort == 110 && s.DstPort == own.SrcPort && s.SYN && s.ACK
			})
			if err != nil {
				t.Errorf("%s: no SYN-ACK: %v; %s", row.what, err, difference(before, l.status()))
			}
			if after := l.status(); after.Events["frames"]["punted_intercept"] == before.Events["frames"]["punted_intercept"] {
				t.Errorf("%s: not intercepted: %s", row.what, difference(before, after))
			}
		}
		if after := l.status(); after.Frames.Forwarded != before.Frames.Forwarded {
			t.Errorf("%s: forwarded: %s", row.what, difference(before, after))
		}
	}
}
