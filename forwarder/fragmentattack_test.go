package forwarder

import (
	"encoding/binary"
	"runtime"
	"slices"
	"testing"
)

// piece returns a fragment of TCP from the client to the server: octets first to last-1 of a segment, at an offset in octets.
func piece(t testing.TB, segment []byte, six, more bool, offset, first, last int) []byte {
	t.Helper()
	body := segment[first:last]
	if six {
		word := uint16(offset)
		if more {
			word |= 1
		}
		whole := syn(t, clientMAC, client6, server6, 110)
		b := slices.Concat(whole[:l3+ipv6Len], []byte{protoTCP, 0, byte(word >> 8), byte(word), 0, 0, 0, 9}, body)
		b[l3+6] = protoFrag
		binary.BigEndian.PutUint16(b[l3+4:], uint16(8+len(body)))
		return b
	}
	word := uint16(offset / 8)
	if more {
		word |= moreFragments
	}
	whole := syn(t, clientMAC, client4, server4, 110)
	return edit(slices.Concat(whole[:l3+ipv4Len], body), func(ip []byte) {
		binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
		binary.BigEndian.PutUint16(ip[4:], 9)
		binary.BigEndian.PutUint16(ip[6:], word)
	})
}

// Requirement A12: no way to cut a SYN carries it past the scanner, or to the host. RFC 1858 and RFC 3128 for tiny and overlapping
// fragments, RFC 5722 and RFC 7112 for IPv6.
func TestFragmentsCarryNoTCP(t *testing.T) {
	for _, six := range []bool{false, true} {
		from, to := client4, server4
		header := ipv4Len
		if six {
			from, to, header = client6, server6, ipv6Len
		}
		mail := syn(t, clientMAC, from, to, 110)[l3+header:]
		web := syn(t, clientMAC, from, to, 80)[l3+header:]
		for name, frames := range map[string][][]byte{
			"8 and 12 octets":              {piece(t, mail, six, true, 0, 0, 8), piece(t, mail, six, false, 8, 8, 20)},
			"8 and 12 octets, last first":  {piece(t, mail, six, false, 8, 8, 20), piece(t, mail, six, true, 0, 0, 8)},
			"first without a port":         {piece(t, mail, six, true, 0, 0, 0), piece(t, mail, six, false, 8, 0, 20)},
			"port rewritten by an overlap": {piece(t, web, six, true, 0, 0, 16), piece(t, mail, six, true, 0, 0, 8), piece(t, web, six, false, 16, 16, 20)},
			"flags rewritten at offset 1":  {piece(t, web, six, true, 0, 0, 20), piece(t, mail, six, false, 8, 8, 20)},
			"the whole twice":              {piece(t, web, six, true, 0, 0, 20), piece(t, mail, six, true, 0, 0, 20), piece(t, mail, six, false, 24, 0, 8)},
			"beyond 65,535 octets":         {piece(t, mail, six, true, 0, 0, 8), piece(t, mail, six, false, 65528, 8, 20)},
		} {
			g := newGateway(t, testConfig())
			g.handle(frames...)
			c := g.Counters()
			balanced(t, c)
			if len(g.port.sent)+len(g.host.own)+len(g.host.intercepted) > 0 || c.Dropped[TCPFragment] != uint64(len(frames)) {
				t.Errorf("IPv6 %t, %s: %d sent, %d and %d punted, %d dropped as such", six, name,
					len(g.port.sent), len(g.host.own), len(g.host.intercepted), c.Dropped[TCPFragment])
			}
		}
	}
	// Over IPv6 the first fragment has to hold the whole chain; one that hides what follows is no way either.
	hop, dest := []byte{protoHop, 0, 1, 4, 0, 0, 0, 0}, []byte{protoDest, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	first, later := []byte{protoFrag, 0, 0, 1, 0, 0, 0, 1}, []byte{protoFrag, 0, 0, 8, 0, 0, 0, 1}
	cut := chain(t, protoTCP, first, dest)[:l3+ipv6Len+8+8]
	binary.BigEndian.PutUint16(cut[l3+4:], 16)
	check(t, newGateway(t, testConfig()), []row{
		bad("chain cut in its first fragment", cut, HeaderChain),
		bad("chain that goes on in a later fragment", chain(t, protoDest, later), HeaderChain),
		bad("options, fragment, options, TCP", chain(t, protoTCP, hop, first, dest), TCPFragment),
		bad("later fragment that says TCP", chain(t, protoTCP, hop, later), TCPFragment),
	})
}

// Requirement A12: 100,000 orphan fragments cost nothing, whatever they are of, the first of datagrams that nothing follows
// included.
func TestOrphanFragmentsCostNothing(t *testing.T) {
	g := newGateway(t, testConfig())
	g.port.mute, g.host.mute = true, true
	tcp := piece(t, make([]byte, 1480), false, true, 0, 0, 1480)
	first := piece(t, segmentTo(t, false, 80, 1460), false, true, 0, 0, 1480)
	datagram := edit(udp(t, clientMAC, client4, server4), func(ip []byte) { ip[6] = moreFragments >> 8 })
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before := m.HeapAlloc
	for i := range 100_000 {
		number := func(ip []byte) { binary.BigEndian.PutUint16(ip[4:], uint16(i)) }
		g.handle(edit(tcp, number), edit(datagram, number), edit(first, func(ip []byte) {
			number(ip)
			ip[15] = byte(3 + i%200) // the client's last octet
		}))
	}
	runtime.GC()
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > before+1<<20 {
		t.Errorf("the heap grew by %d octets", m.HeapAlloc-before)
	}
	if c := g.Counters(); c.Dropped[TCPFragment] != 100_000 || c.Forwarded != 200_000 {
		t.Errorf("counted %+v", c)
	}
	runtime.KeepAlive(g)
}
