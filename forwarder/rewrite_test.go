package forwarder

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/google/gopacket/layers"
)

// checkForwarded says what is wrong with a frame that went on: against the one that came it may differ in two MACs, TTL and IPv4
// header checksum, which must then be right, and may have lost its Ethernet padding.
func checkForwarded(t testing.TB, came, went []byte, to mac) {
	t.Helper()
	if len(went) > len(came) || len(went) < l3+ipv4Len {
		t.Fatalf("%d octets came, %d went", len(came), len(went))
	}
	if [6]byte(went[virtioLen:]) != to || [6]byte(went[virtioLen+6:]) != gatewayMAC {
		t.Fatalf("goes to %x from %x, want to %x", went[virtioLen:virtioLen+6], went[virtioLen+6:virtioLen+12], to)
	}
	want := bytes.Clone(came[:len(went)])
	copy(want[virtioLen:l3-2], went[virtioLen:])
	ip, total := want[l3:], 0
	if ip[0]>>4 == 6 {
		ip[7]--
		total = ipv6Len + int(ip[4])<<8 + int(ip[5])
	} else {
		header := int(ip[0]&15) * 4
		ip[8]--
		ip[10], ip[11] = 0, 0
		c := slowChecksum(ip[:header])
		ip[10], ip[11] = byte(c>>8), byte(c)
		total = int(ip[2])<<8 + int(ip[3])
		if ip[8] == 0 {
			t.Fatal("TTL 0 went out")
		}
	}
	if ip[0]>>4 == 6 && ip[7] == 0 {
		t.Fatal("hop limit 0 went out")
	}
	if !bytes.Equal(went, want) {
		t.Fatalf("went\n% x\nwant\n% x", went, want)
	}
	if len(went) != l3+total {
		t.Fatalf("%d octets went, want %d", len(went), l3+total)
	}
}

// DESIGN 3.7 and requirements A11, A15 and A17: random packets of any protocol leave as they came, fragments and TCP with whatever
// flags, options and data too.
func TestForwardedFramesAreUntouched(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	g := newGateway(t, testConfig())
	var fragments, segments int
	for i := range 12_000 {
		frame := randomFrame(t, rng)
		var p packet
		p.parse(frame)
		if p.fragment {
			fragments++
		}
		if p.protocol == protoTCP {
			segments++
		}
		came := append(frame, make([]byte, rng.IntN(20))...)
		g.port.sent = g.port.sent[:0]
		if f, r := g.outcome(came); f != forward {
			t.Fatalf("frame %d: fate %d, reason %v\n% x", i, f, r, came)
		}
		checkForwarded(t, came, g.port.sent[0], routerMAC)
	}
	if fragments < 1000 || segments < 1000 {
		t.Errorf("only %d fragments and %d segments", fragments, segments)
	}
}

// randomFrame returns a frame from the client to the internet that a router has no cause to drop.
func randomFrame(t *testing.T, rng *rand.Rand) []byte {
	t.Helper()
	payload := make([]byte, 24+rng.IntN(1400))
	for i := range payload {
		payload[i] = byte(rng.Uint32())
	}
	tcp := rng.IntN(3) == 0
	if tcp {
		binary.BigEndian.PutUint16(payload[2:], 80) // the others' port may be any
	}
	if rng.IntN(2) == 0 {
		ip := ipv4(client4, server4, 17)
		ip.TOS, ip.Id, ip.TTL = byte(rng.Uint32()), uint16(rng.Uint32()), byte(2+rng.IntN(254))
		frame := append(build(t, ether(clientMAC, gatewayMAC, layers.EthernetTypeIPv4), ip), payload...)
		return edit(frame, func(b []byte) {
			b[2], b[3] = byte(len(b)>>8), byte(len(b))
			b[6] = byte(rng.IntN(2)) << 6 // with and without DF
			if b[9] = protoTCP; tcp {
				return
			}
			for b[9] == protoTCP {
				b[9] = byte(rng.Uint32())
			}
			if rng.IntN(2) == 0 {
				binary.BigEndian.PutUint16(b[6:], uint16(rng.Uint32()))
			}
		})
	}
	frame := icmp6(clientMAC, gatewayMAC, client6, server6, byte(2+rng.IntN(254)), payload)
	frame[l3+1], frame[l3+2] = byte(rng.Uint32()), byte(rng.Uint32())
	switch protocols := []byte{17, 50, 51, 58, 89, 132, 4, 41, 47, 59}; {
	case tcp:
		frame[l3+6] = protoTCP
	case rng.IntN(4) == 0:
		frame[l3+6], frame[l3+ipv6Len] = protoFrag, protocols[rng.IntN(len(protocols))]
	default:
		frame[l3+6] = protocols[rng.IntN(len(protocols))]
	}
	return frame
}

// A virtio header, and the checksum it leaves open, are carried through; so is a wrong checksum.
func TestOffloadIsCarriedThrough(t *testing.T) {
	g := newGateway(t, testConfig())
	super := packetOver(t, clientMAC, gatewayMAC, client4, server4, layers.IPProtocolTCP, &layers.TCP{DstPort: 80, ACK: true}, make([]byte, 60000))
	copy(super, []byte{needsChecksum, gsoTCPv4, 54, 0, 0xb4, 0x05, 34, 0, 16, 0})
	corrupt := udp(t, clientMAC, client6, server6)
	corrupt[len(corrupt)-1] ^= 1
	for _, came := range [][]byte{super, corrupt} {
		g.port.sent = nil
		g.handle(came)
		if len(g.port.sent) != 1 {
			t.Fatalf("%d frames sent", len(g.port.sent))
		}
		checkForwarded(t, came, g.port.sent[0], routerMAC)
	}
}
