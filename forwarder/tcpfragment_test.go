package forwarder

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/google/gopacket/layers"
)

// segmentTo returns a TCP segment to a port, with n octets behind its header, without its IP header.
func segmentTo(t testing.TB, six bool, port layers.TCPPort, n int) []byte {
	t.Helper()
	from, to, header := client4, server4, ipv4Len
	if six {
		from, to, header = client6, server6, ipv6Len
	}
	payload := make([]byte, n)
	for i := range payload {
		payload[i] = byte(i * 7)
	}
	return packetOver(t, clientMAC, gatewayMAC, from, to, layers.IPProtocolTCP, &layers.TCP{SrcPort: 40000, DstPort: port, ACK: true}, payload)[l3+header:]
}

// numbered gives a fragment that piece made another number.
func numbered(frame []byte, id uint16) []byte {
	return edit(frame, func(ip []byte) {
		if ip[0]>>4 == 4 {
			binary.BigEndian.PutUint16(ip[4:], id)
		} else {
			binary.BigEndian.PutUint16(ip[ipv6Len+6:], id)
		}
	})
}

// families runs a test over IPv4 and over IPv6.
func families(t *testing.T, test func(t *testing.T, six bool)) {
	for _, six := range []bool{false, true} {
		t.Run(fmt.Sprintf("IPv6 %t", six), func(t *testing.T) { test(t, six) })
	}
}

// Requirement A11: the fragments of a segment that is no mail go on one by one, as they came; those of another datagram, or other
// frames, may be in between.
func TestTCPFragmentsGoOn(t *testing.T) {
	families(t, func(t *testing.T, six bool) {
		g := newGateway(t, testConfig())
		web := segmentTo(t, six, 80, 3000)
		one := [][]byte{
			piece(t, web, six, true, 0, 0, 1000),
			piece(t, web, six, true, 1000, 1000, 2000),
			piece(t, web, six, false, 2000, 2000, len(web)),
		}
		var frames [][]byte
		for i := range one {
			frames = append(frames, one[i], udp(t, clientMAC, client4, server4), numbered(one[i], 77))
		}
		g.handle(frames...)
		if len(g.port.sent) != len(frames) {
			t.Fatalf("%d of %d went on: %+v", len(g.port.sent), len(frames), g.Counters().Dropped)
		}
		for i := range frames {
			checkForwarded(t, frames[i], g.port.sent[i], routerMAC)
		}
		balanced(t, g.Counters())

		// An atomic fragment is whole by itself, and no part of a datagram with its number.
		atomic := piece(t, web[:tcpLen+4], six, false, 0, 0, tcpLen+4)
		if six {
			check(t, g, []row{ok("first", one[0], forward), ok("atomic", atomic, forward), ok("second", one[1], forward)})
		}
	})
}

// Over IPv6 a later fragment names a protocol of its own, which receivers do not look at: it must not take it past the rule.
func TestTCPFragmentsUnderAnotherProtocol(t *testing.T) {
	web := segmentTo(t, true, 80, 2000)
	first := piece(t, web, true, true, 0, 0, 800)
	second := piece(t, web, true, true, 800, 800, 1600)
	disguised := edit(second, func(ip []byte) { ip[ipv6Len] = protoUDP })
	g := newGateway(t, testConfig())
	check(t, g, []row{
		ok("first", first, forward),
		bad("second, as if of UDP", disguised, TCPFragment),
		bad("second", second, TCPFragment),
		ok("a fragment of UDP behind no segment", numbered(disguised, 9), forward),
	})
}

// Requirement A12: whatever could make another segment of the pieces ends its datagram.
func TestTCPFragmentsThatDoNotFollow(t *testing.T) {
	families(t, func(t *testing.T, six bool) {
		web, mail := segmentTo(t, six, 80, 2000), segmentTo(t, six, 110, 2000)
		first := piece(t, web, six, true, 0, 0, 800)
		second := piece(t, web, six, true, 800, 800, 1600)
		last := piece(t, web, six, false, 1600, 1600, len(web))
		offloaded, super := slices.Clone(second), slices.Clone(second)
		offloaded[0], offloaded[6], offloaded[8] = needsChecksum, etherLen, 16
		super[1], super[4] = gsoTCPv4, 100
		for _, c := range []struct {
			name   string
			frames [][]byte
			pass   string // which of them go on
		}{
			{"in order", [][]byte{first, second, last}, "+++"},
			{"first missing", [][]byte{second, last}, "--"},
			{"later before the first", [][]byte{second, first}, "-+"},
			{"a gap", [][]byte{first, last, second}, "+--"},
			{"twice the same", [][]byte{first, second, second, last}, "++--"},
			{"after the end", [][]byte{first, second, last, last}, "+++-"},
			{"first twice", [][]byte{first, first, second}, "+--"},
			{"port rewritten by an overlap", [][]byte{first, piece(t, mail, six, true, 0, 0, 800), second}, "+--"},
			{"port rewritten by a tiny fragment", [][]byte{first, piece(t, mail, six, true, 0, 0, 8), second}, "+--"},
			{"flags rewritten at offset 1", [][]byte{first, piece(t, web, six, true, 8, 8, 808), second}, "+--"},
			{"overlap by one unit", [][]byte{first, piece(t, web, six, true, 792, 792, 1600), last}, "+--"},
			{"another number", [][]byte{first, numbered(second, 10), second}, "+-+"},
			{"of a mail flow", [][]byte{piece(t, mail, six, true, 0, 0, 800), piece(t, mail, six, false, 800, 800, len(mail))}, "--"},
			{"tiny first", [][]byte{piece(t, web, six, true, 0, 0, 16), piece(t, web, six, false, 16, 16, 800)}, "--"},
			{"header cut off", [][]byte{edit(piece(t, web, six, true, 0, 0, 24), func(ip []byte) { ip[len(ip)-12] = 0x80 }), second}, "--"},
			{"no whole units", [][]byte{first, piece(t, web, six, true, 800, 800, 1601)}, "+-"},
			{"nothing in it", [][]byte{first, piece(t, web, six, true, 800, 800, 800)}, "+-"},
			{"checksum left to offload", [][]byte{first, offloaded, second}, "+--"},
			{"segmentation left to offload", [][]byte{first, super, second}, "+--"},
		} {
			t.Run(c.name, func(t *testing.T) {
				g := newGateway(t, testConfig())
				g.handle(c.frames...)
				n := g.Counters()
				balanced(t, n)
				var want [][]byte
				for i, frame := range c.frames {
					if c.pass[i] == '+' {
						want = append(want, frame)
					}
				}
				if len(g.port.sent) != len(want) || int(n.Dropped[TCPFragment]) != len(c.frames)-len(want) {
					t.Fatalf("%d of %d went on, %d dropped as such: %+v", len(g.port.sent), len(c.frames), n.Dropped[TCPFragment], n.Dropped)
				}
				for i := range want {
					checkForwarded(t, want[i], g.port.sent[i], routerMAC)
				}
				if len(g.host.own)+len(g.host.intercepted) > 0 {
					t.Error("the host got some")
				}
			})
		}
		t.Run("beyond 65,535 octets", func(t *testing.T) {
			g := newGateway(t, testConfig())
			long := make([]byte, 65528+16)
			copy(long, web)
			for at := 0; at < 65528; at += 1448 {
				end := min(at+1448, 65528)
				if f, r := g.outcome(piece(t, long, six, true, at, at, end)); f != forward {
					t.Fatalf("at %d: fate %d, reason %v", at, f, r)
				}
			}
			check(t, g, []row{bad("what no packet holds", piece(t, long, six, false, 65528, 65528, 65544), TCPFragment)})
		})
		t.Run("for the gateway", func(t *testing.T) {
			own := edit(first, func(ip []byte) {
				if six {
					to := addr(gateway6).As16()
					copy(ip[24:], to[:])
				} else {
					to := addr(gateway4).As4()
					copy(ip[16:], to[:])
				}
			})
			check(t, newGateway(t, testConfig()), []row{bad("first", own, TCPFragment)})
		})
	})
}

// Whatever order and mixture fragments come in, what goes on of a datagram begins with a first fragment to a port that is not
// intercepted, and each piece with the octet that follows on the one before.
func TestTCPFragmentsLaw(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	passed := 0
	for range 2000 {
		g := newGateway(t, testConfig())
		six := random.IntN(2) == 0
		var frames [][]byte
		for range 1 + random.IntN(3) { // datagrams of one number
			segment := segmentTo(t, six, []layers.TCPPort{80, 110}[random.IntN(4)/3], 200)
			for at := 0; at < len(segment); {
				end := min(at+8*(1+random.IntN(20)), len(segment))
				frames = append(frames, piece(t, segment, six, end < len(segment), at, at, end))
				at = end
			}
		}
		for range random.IntN(3) { // disorder
			i, j := random.IntN(len(frames)), random.IntN(len(frames))
			frames[i], frames[j] = frames[j], frames[i]
		}
		g.handle(frames...)
		next := -1
		for _, b := range g.port.sent {
			var p packet
			if p.parse(b); p.part.at == 0 {
				if !p.tcpHolds() || p.port() != 80 {
					t.Fatalf("went on: % x", b)
				}
			} else if p.part.at != next {
				t.Fatalf("at %d, after what ended at %d", p.part.at, next)
			}
			if next = p.part.at + p.part.size; !p.part.more {
				next = -1
				passed++
			}
		}
		balanced(t, g.Counters())
	}
	if passed < 100 {
		t.Errorf("only %d segments went on whole", passed)
	}
}

// The table is small whoever fills it, and forgets: 30 s after its beginning over IPv4, 60 s over IPv6, and each source's oldest
// first.
func TestTCPFragmentsAreBounded(t *testing.T) {
	if n := unsafe.Sizeof(tcpFragments{}); n > 128<<10 {
		t.Errorf("%d octets", n)
	}
	families(t, func(t *testing.T, six bool) {
		web := segmentTo(t, six, 80, 800)
		first, last := piece(t, web, six, true, 0, 0, 400), piece(t, web, six, false, 400, 400, len(web))
		lives := 30 * time.Second
		if six {
			lives = time.Minute
		}
		g := newGateway(t, testConfig())
		g.handle(first, numbered(first, 10))
		g.after(lives - time.Second)
		g.handle(answerARP(router4, routerMAC), answerND(router6, routerMAC))
		check(t, g, []row{ok("within its time", last, forward)})
		g.after(time.Second)
		check(t, g, []row{bad("too late", numbered(last, 10), TCPFragment), ok("its number again", numbered(first, 10), forward), ok("and its end", numbered(last, 10), forward)})

		for id := range uint16(datagramsPerSource + 1) {
			g.time = g.time.Add(time.Millisecond)
			check(t, g, []row{ok(fmt.Sprintf("first of %d", id), numbered(first, id), forward)})
		}
		check(t, g, []row{
			bad("the oldest", numbered(last, 0), TCPFragment), ok("the second oldest", numbered(last, 1), forward),
			ok("into its place", numbered(first, 200), forward), ok("over the third oldest", numbered(first, 201), forward),
			bad("the third oldest", numbered(last, 2), TCPFragment), ok("the newest", numbered(last, datagramsPerSource), forward),
		})
	})
}
