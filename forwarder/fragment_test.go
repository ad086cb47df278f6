package forwarder

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/ip4defrag"
	"github.com/google/gopacket/layers"
)

// stream returns a TCP segment with n octets of payload from the client to the server, with DF set over IPv4.
func stream(t testing.TB, from, to string, n int) []byte {
	t.Helper()
	b := packetOver(t, clientMAC, gatewayMAC, from, to, layers.IPProtocolTCP, &layers.TCP{SrcPort: 40000, DstPort: 80, ACK: true}, make([]byte, n))
	if b[l3]>>4 == 6 {
		return b
	}
	return edit(b, func(ip []byte) { ip[6] = dontFragment >> 8 })
}

// super makes a super-frame of a frame, its segments of size octets of payload.
func super(frame []byte, kind byte, size uint16) []byte {
	b := bytes.Clone(frame)
	b[0], b[1] = needsChecksum, kind
	binary.LittleEndian.PutUint16(b[4:], size)
	b[6], b[8] = etherLen+ipv4Len, 16 // where the checksum is to go
	if b[l3]>>4 == 6 {
		b[6] = etherLen + ipv6Len
	}
	return b
}

// Requirement A13: what may not be fragmented and does not fit is answered with the MTU; a super-frame is measured by its segments.
func TestTooBig(t *testing.T) {
	too4, too6 := icmpError{unreachable4, fragNeeded, 1500}, icmpError{tooBig6, 0, 1500}
	for _, c := range []struct {
		name   string
		frame  []byte
		answer icmpError // none: it is forwarded
	}{
		{"1500", stream(t, client4, server4, 1460), icmpError{}},
		{"1501", stream(t, client4, server4, 1461), too4},
		{"IPv6 1500", stream(t, client6, server6, 1440), icmpError{}},
		{"IPv6 1501", stream(t, client6, server6, 1441), too6},
		{"segments of 1500", super(stream(t, client4, server4, 4000), gsoTCPv4, 1460), icmpError{}},
		{"segments of 1500 with ECN", super(stream(t, client4, server4, 4000), gsoTCPv4|gsoECN, 1460), icmpError{}},
		{"segments of 1501", super(stream(t, client4, server4, 4000), gsoTCPv4, 1461), too4},
		{"IPv6 segments of 1500", super(stream(t, client6, server6, 4000), gsoTCPv6, 1440), icmpError{}},
		{"IPv6 segments of 1501", super(stream(t, client6, server6, 4000), gsoTCPv6, 1441), too6},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGateway(t, testConfig())
			f, reason := g.outcome(c.frame)
			if c.answer == (icmpError{}) {
				if f != forward {
					t.Errorf("fate %d, reason %v", f, reason)
				}
				checkForwarded(t, c.frame, g.port.sent[0], routerMAC)
				return
			}
			if f != drop || reason != TooBig || len(g.port.sent) != 1 {
				t.Fatalf("fate %d, reason %v, %d frames sent", f, reason, len(g.port.sent))
			}
			from, to, size := gateway4, client4, errorMax4
			if c.answer.kind == tooBig6 {
				from, to, size = gateway6, client6, errorMax6
			}
			checkError(t, g.port.sent[0], c.frame, from, to, clientMAC, c.answer, size)
		})
	}
}

// Requirements A2 and A3 hold for Packet Too Big as for Time Exceeded, and a TTL that is spent comes first.
func TestTooBigIsLimited(t *testing.T) {
	g := newGateway(t, testConfig())
	big := stream(t, client4, server4, 2000)
	for range 100 {
		g.handle(big)
	}
	if n := len(g.port.sent); n != errorsTargetBurst {
		t.Errorf("%d answers to 100 packets", n)
	}
	if c := g.Counters(); c.ICMPErrorsSent != errorsTargetBurst || c.ICMPErrorsSuppressed != 100-errorsTargetBurst {
		t.Errorf("counted %+v", c)
	}
	g = newGateway(t, testConfig())
	unreachable := edit(packetOver(t, clientMAC, gatewayMAC, client4, server4, layers.IPProtocolICMPv4,
		&layers.ICMPv4{TypeCode: 3 << 8}, make([]byte, 2000)), func(ip []byte) { ip[6] = dontFragment >> 8 })
	later := edit(unreachable, func(ip []byte) { ip[6], ip[7], ip[9] = dontFragment>>8, 5, protoUDP })
	check(t, g, []row{
		bad("an ICMP error", unreachable, TooBig),
		bad("a later fragment", later, TooBig),
		bad("a broadcast", packetOver(t, clientMAC, anyoneMAC, client4, server4, layers.IPProtocolUDP, &layers.UDP{}, make([]byte, 2000)), Multicast),
		bad("a super-frame without DF", super(edit(stream(t, client4, server4, 4000), func(ip []byte) { ip[6] = 0 }), gsoTCPv4, 1461), TooBig),
	})
	if len(g.port.sent) != 0 {
		t.Errorf("answered % x", g.port.sent[0])
	}
	check(t, g, []row{bad("TTL 1", ttl(big, 1), TTLExpired)})
	if len(g.port.sent) != 1 || g.port.sent[0][l3+ipv4Len] != timeExceeded4 {
		t.Errorf("TTL 1 and too big: % x", g.port.sent)
	}
}

// big returns a datagram without DF of n octets of IP payload, with options and a fragment word of its own.
func big(t testing.TB, options []byte, word uint16, n int) []byte {
	t.Helper()
	payload := make([]byte, n-udpLen)
	for i := range payload {
		payload[i] = byte(i * 7)
	}
	b := packetOver(t, clientMAC, gatewayMAC, client4, server4, layers.IPProtocolUDP, &layers.UDP{SrcPort: 5000, DstPort: 9}, payload)
	b = append(b[:l3+ipv4Len:l3+ipv4Len], append(bytes.Clone(options), b[l3+ipv4Len:]...)...)
	return edit(b, func(ip []byte) {
		ip[0] = 0x45 + byte(len(options)/4)
		binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
		binary.BigEndian.PutUint16(ip[4:], 0xbeef)
		binary.BigEndian.PutUint16(ip[6:], word)
	})
}

// Another implementation puts the fragments together again to what came; each fits, and has the options it must have.
func TestFragmentation(t *testing.T) {
	options := []byte{
		0x82 /* copied */, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9,
		1, 68 /* timestamp, not copied */, 8, 5, 0, 1, 2, 3, 4,
		0, 0, 0, 0,
	}
	for _, c := range []struct {
		name    string
		options []byte
		word    uint16
		n, mtu  int
		pieces  int
	}{
		{"two", nil, 0, 1488, 1500, 2},
		{"two, exactly full", nil, 0, 2960, 1500, 2},
		{"three", nil, 0, 2968, 1500, 3},
		{"options", options, 0, 4000, 1500, 3},
		{"reserved bit", nil, 0x8000, 4000, 1500, 3},
		{"a first fragment", nil, 0x2000, 4000, 1500, 3},
		{"a middle fragment", nil, 0x2000 | 100, 4000, 1500, 3},
		{"a last fragment", nil, 100, 4000, 1500, 3},
		{"the largest packet", nil, 0, 65515, 1500, 45},
		{"the smallest MTU", options, 0, 65488, 68, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := testConfig()
			cfg.MTU = c.mtu
			if c.mtu < 1280 {
				cfg.Addresses, cfg.Routers = cfg.Addresses[:1], cfg.Routers[:1]
			}
			g := newStranger(t, cfg)
			g.turn(true)
			g.handle(answerARP(router4, routerMAC))
			g.port.sent = nil
			frame := big(t, c.options, c.word, c.n)
			if f, r := g.outcome(frame); f != forward {
				t.Fatalf("fate %d, reason %v", f, r)
			}
			if c.pieces > 0 && len(g.port.sent) != c.pieces {
				t.Errorf("%d fragments, want %d", len(g.port.sent), c.pieces)
			}
			n := g.Counters()
			if n.Fragmented != 1 || n.FragmentsSent != uint64(len(g.port.sent)) {
				t.Errorf("counted %d, %d", n.Fragmented, n.FragmentsSent)
			}
			checkFragments(t, frame, g.port.sent, c.mtu)
		})
	}
}

// checkFragments compares fragments with the packet they are of.
func checkFragments(t *testing.T, came []byte, sent [][]byte, mtu int) {
	t.Helper()
	header := int(came[l3]&15) * 4
	word := binary.BigEndian.Uint16(came[l3+6:])
	// It knows no options, no last fragment of less than 8 octets and no fragments of fragments.
	other := header == ipv4Len && len(sent[len(sent)-1]) >= l3+ipv4Len+8 && word&(moreFragments|offsetMask) == 0
	defrag := ip4defrag.NewIPv4Defragmenter()
	var whole *layers.IPv4
	at := int(word & offsetMask)
	var payload []byte
	for i, b := range sent {
		if len(b)-l3 > mtu {
			t.Fatalf("fragment %d has %d octets", i, len(b)-l3)
		}
		if !bytes.Equal(b[:virtioLen], make([]byte, virtioLen)) || [6]byte(b[virtioLen:]) != routerMAC || [6]byte(b[virtioLen+6:]) != gatewayMAC {
			t.Errorf("fragment %d begins % x", i, b[:l3])
		}
		p := gopacket.NewPacket(b[virtioLen:], layers.LayerTypeEthernet, gopacket.Default)
		ip, ok := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		if !ok || slowChecksum(ip.Contents) != 0 || ip.TTL != came[l3+8]-1 || ip.Id != 0xbeef || ip.Flags&layers.IPv4EvilBit != layers.IPv4Flag(word>>13)&layers.IPv4EvilBit {
			t.Fatalf("fragment %d: %v", i, p)
		}
		if int(ip.FragOffset) != at+len(payload)/8 {
			t.Errorf("fragment %d is at %d", i, ip.FragOffset)
		}
		if more := ip.Flags&layers.IPv4MoreFragments != 0; more != (i < len(sent)-1 || word&moreFragments != 0) {
			t.Errorf("fragment %d says more: %t", i, more)
		}
		if i == 0 && len(ip.Contents) != header || i > 0 && header > ipv4Len && (len(ip.Contents) != 32 || ip.Options[0].OptionType != 0x82) {
			t.Errorf("fragment %d has header % x", i, ip.Contents)
		}
		payload = append(payload, ip.Payload...)
		if other {
			in, err := defrag.DefragIPv4(ip)
			if err != nil {
				t.Errorf("another implementation refuses fragment %d: %v", i, err)
			}
			if in != nil {
				whole = in
			}
		}
	}
	if !bytes.Equal(payload, came[l3+header:]) {
		t.Error("the fragments do not add up to the packet")
	}
	if other && (whole == nil || !bytes.Equal(whole.Payload, came[l3+header:])) {
		t.Error("another implementation puts them together to something else")
	}
}

// A checksum that was left to offload is right in the fragments, and the packets before and after keep their places.
func TestFragmentationCompletesChecksums(t *testing.T) {
	g := newGateway(t, testConfig())
	whole := big(t, nil, 0, 3000)
	open := bytes.Clone(whole)
	var p packet
	p.parse(whole)
	binary.BigEndian.PutUint16(open[p.l4+6:], fold(pseudoHeader(p.from, p.to, protoUDP, len(p.payload()))))
	copy(open, []byte{needsChecksum, 0, 0, 0, 0, 0, byte(p.l4 - virtioLen), 0, 6, 0})
	small := udp(t, clientMAC, client4, server4)
	g.handle(small, open, small)
	if len(g.port.sent) != 5 {
		t.Fatalf("%d frames sent", len(g.port.sent))
	}
	checkForwarded(t, small, g.port.sent[0], routerMAC)
	checkFragments(t, whole, g.port.sent[1:4], 1500)
	checkForwarded(t, small, g.port.sent[4], routerMAC)
	c := g.Counters()
	balanced(t, c)
	octets := 0
	for _, b := range g.port.sent {
		octets += len(b) - virtioLen
	}
	if c.Forwarded != 3 || c.ForwardedBytes != uint64(octets) {
		t.Errorf("counted %+v, %d octets left", c, octets)
	}

	bogus := bytes.Clone(open) // a checksum inside the IP header
	bogus[6] = etherLen
	g.port.sent = nil
	check(t, g, []row{bad("checksum within the header", bogus, TooBig)})
	g.port.refuse = 1
	if f, r := g.outcome(whole); f != drop || r != WriteError {
		t.Errorf("the device refuses a fragment: fate %d, reason %v", f, r)
	}
	balanced(t, g.Counters())
}

// The law of fragmentation holds for any packet and any MTU.
func TestFragmentationOfRandomPackets(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		mtu := 576 + random.IntN(1400)
		n := mtu + random.IntN(3*mtu)
		t.Run(fmt.Sprintf("%d over %d", n, mtu), func(t *testing.T) {
			cfg := testConfig()
			cfg.MTU, cfg.Addresses, cfg.Routers = mtu, cfg.Addresses[:1], cfg.Routers[:1]
			g := newStranger(t, cfg)
			g.turn(true)
			g.handle(answerARP(router4, routerMAC))
			g.port.sent = nil
			frame := big(t, nil, 0, n)
			g.handle(frame)
			checkFragments(t, frame, g.port.sent, mtu)
		})
	}
}
