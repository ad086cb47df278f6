package forwarder

import (
	"bytes"
	"testing"
	"time"
)

// seeds are frames of every kind, those of the tables included.
func seeds(t testing.TB) [][]byte {
	var list [][]byte
	for _, r := range kinds(t) {
		list = append(list, r.frame)
	}
	list = append(list,
		chain(t, protoTCP, []byte{protoHop, 0, 1, 4, 0, 0, 0, 0}, []byte{protoDest, 0, 1, 4, 0, 0, 0, 0}),
		chain(t, protoUDP, []byte{protoFrag, 0, 0, 8, 0, 0, 0, 1}),
		piece(t, segmentTo(t, false, 80, 2000), false, true, 0, 0, 800), piece(t, segmentTo(t, true, 80, 2000), true, false, 800, 800, 2020),
		big(t, nil, 0, 3000), stream(t, client4, server4, 2000), stream(t, client6, server6, 2000),
		append([]byte{needsChecksum, gsoTCPv4, 54, 0, 0xb4, 0x05, 34, 0, 16, 0}, syn(t, clientMAC, client4, server4, 80)[virtioLen:]...),
	)
	return list
}

// The law of the data path: no frame makes it panic; every frame comes to one end; what is forwarded differs from what came in two
// MACs, TTL and header checksum only, and no TTL of 0 goes out; what is punted is a prefix of what came.
func FuzzDataPath(f *testing.F) {
	list := seeds(f)
	if len(list) < 20 {
		f.Fatalf("only %d seeds", len(list))
	}
	for _, b := range list {
		f.Add(b, false)
		f.Add(b, true)
	}
	g := newGateway(f, testConfig())
	learn(f, g, station4, stationMAC)
	f.Fuzz(func(t *testing.T, frame []byte, mend bool) {
		if len(frame) > frameRoom {
			return
		}
		if mend { // a right header checksum lets more mutants through
			frame = mended(frame)
		}
		*g.port, *g.host, g.totals = fakePort{}, fakeHost{}, totals{}
		g.time = g.time.Add(time.Millisecond)
		g.handle(frame)
		c := g.Counters()
		balanced(t, c)
		if c.Received != 1 || c.Dropped[Panic] != 0 {
			t.Fatalf("%+v", c)
		}
		for _, b := range g.port.sent { // no TTL of 0, in fragments either
			if b[virtioLen+12] == 8 && b[virtioLen+13] == 0 && b[l3+8] == 0 {
				t.Fatalf("sent % x", b)
			}
		}
		if c.Forwarded == 1 && c.Fragmented == 0 {
			to := routerMAC
			if went := g.port.sent[0]; [6]byte(went[virtioLen:]) == stationMAC {
				to = stationMAC
			}
			checkForwarded(t, frame, g.port.sent[0], to)
		}
		for _, b := range append(g.host.own, g.host.intercepted...) {
			if !bytes.HasPrefix(frame, b) {
				t.Fatalf("punted % x\nof % x", b, frame)
			}
		}
		if c.ICMPErrorsSent > 0 && len(g.port.sent[0]) > errorRoom {
			t.Fatalf("an error of %d octets", len(g.port.sent[0]))
		}
	})
}

// mended returns a frame with its IPv4 header checksum right, where there is one.
func mended(frame []byte) []byte {
	if len(frame) < l3+ipv4Len {
		return frame
	}
	return edit(frame, func([]byte) {})
}
