package forwarder

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// asked reads the frames sent as requests: the address asked for, and the MAC asked.
func asked(t *testing.T, frames [][]byte) map[string]mac {
	t.Helper()
	out := make(map[string]mac)
	for _, b := range frames {
		if b[virtioLen+12] == 0x86 && b[l3+ipv6Len] == ndRouterSolicitation {
			continue
		}
		p := gopacket.NewPacket(b[virtioLen:], layers.LayerTypeEthernet, gopacket.Default)
		if p.ErrorLayer() != nil {
			t.Fatalf("another implementation does not read % x: %v", b, p.ErrorLayer().Error())
		}
		to := [6]byte(b[virtioLen:])
		if [6]byte(b[virtioLen+6:]) != gatewayMAC {
			t.Errorf("asked from %x", b[virtioLen+6:virtioLen+12])
		}
		if a, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP); ok {
			if a.Operation != layers.ARPRequest || !bytes.Equal(a.SourceHwAddress, gatewayMAC[:]) || netip.AddrFrom4([4]byte(a.SourceProtAddress)) != addr(gateway4) {
				t.Errorf("ARP %+v", a)
			}
			out[netip.AddrFrom4([4]byte(a.DstProtAddress)).String()] = to
			continue
		}
		ip := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
		ns, ok := p.Layer(layers.LayerTypeICMPv6NeighborSolicitation).(*layers.ICMPv6NeighborSolicitation)
		if !ok || ip.HopLimit != 255 || len(ns.Options) != 1 || !bytes.Equal(ns.Options[0].Data, gatewayMAC[:]) {
			t.Fatalf("solicitation %v", p)
		}
		var seen packet
		seen.parse(b)
		if !seen.intact() {
			t.Errorf("solicitation with a wrong checksum")
		}
		target := netip.AddrFrom16([16]byte(ns.TargetAddress))
		if to[0] == 0x33 && (seen.to != solicitedNode(target) || to != mac{0x33, 0x33, 0xff, ip.DstIP[13], ip.DstIP[14], ip.DstIP[15]}) {
			t.Errorf("solicitation for %v goes to %v, %x", target, seen.to, to)
		}
		out[target.String()] = to
	}
	return out
}

// take returns what was sent since the last call.
func (p *fakePort) take() [][]byte {
	sent := p.sent
	p.sent = nil
	return sent
}

// A router is asked at once, each second until it answers, then every 30 s by unicast; while it does not answer it is asked each
// second and its MAC is kept.
func TestRouterIsKeptFresh(t *testing.T) {
	g := newStranger(t, testConfig())
	if g.Routers()[0].Reachable || g.Routers()[1].Reachable {
		t.Error("reachable before anything was sent")
	}
	g.turn(true)
	for range 3 {
		got := asked(t, g.port.take())
		if len(got) != 2 || got[router4] != anyoneMAC || got[router6] != (mac{0x33, 0x33, 0xff, 0, 0, 1}) {
			t.Fatalf("asked %v", got)
		}
		g.after(time.Second)
	}
	if f, r := g.outcome(udp(t, clientMAC, client4, server4)); f != drop || r != Unresolved {
		t.Errorf("before the answer: fate %d, reason %v", f, r)
	}
	g.port.take()
	g.handle(answerARP(router4, routerMAC), answerND(router6, routerMAC))
	if f, r := g.outcome(udp(t, clientMAC, client4, server4)); f != forward {
		t.Errorf("after the answer: fate %d, reason %v", f, r)
	}
	g.port.take()
	if len(g.host.own) != 2 {
		t.Errorf("the host saw %d answers", len(g.host.own))
	}
	g.after(29 * time.Second)
	if sent := g.port.take(); len(sent) != 0 {
		t.Errorf("asked after 29 s: %v", asked(t, sent))
	}
	g.after(time.Second)
	if got := asked(t, g.port.take()); len(got) != 2 || got[router4] != routerMAC || got[router6] != routerMAC {
		t.Errorf("refresh asked %v", got)
	}
	for range 100 {
		g.after(time.Second)
		if got := asked(t, g.port.take()); len(got) != 2 || got[router4] != anyoneMAC {
			t.Fatalf("unanswered: asked %v", got)
		}
	}
	if g.Routers()[0].Reachable {
		t.Error("reachable after 100 s of silence")
	}
	if f, _ := g.outcome(udp(t, clientMAC, client4, server4)); f != forward {
		t.Error("a stale MAC is not used")
	}
}

// Requirement A18: the router's MAC changes only by an answer to a request, and while the router answers not even by that.
func TestRouterCannotBeForged(t *testing.T) {
	g := newGateway(t, testConfig())
	is := func(want mac) {
		t.Helper()
		for _, r := range g.Routers() {
			if r.MAC != want {
				t.Errorf("router %v is at %x, want %x", r.Addr, r.MAC, want)
			}
		}
	}
	forge := func() {
		g.handle(answerARP(router4, stationMAC), answerND(router6, stationMAC),
			arpFrame(arpRequest, stationMAC, anyoneMAC, router4, stationMAC, router4),
			advert(router6, "ff02::1", router6, stationMAC, stationMAC, mac{0x33, 0x33, 0, 0, 0, 1}, 0x20))
	}
	forge()
	is(routerMAC)
	if got := g.Counters().Dropped[ForgedNeighbour]; got != 4 {
		t.Errorf("%d forged messages counted", got)
	}
	if len(g.host.own) != 0 {
		t.Error("the host saw a forged message")
	}

	// The doubt makes the gateway ask the router it knows, once a second at most.
	g.port.take()
	g.after(time.Second)
	if got := asked(t, g.port.take()); got[router4] != routerMAC || got[router6] != routerMAC {
		t.Errorf("doubt asked %v", got)
	}
	forge() // faster than the router
	is(routerMAC)
	g.handle(answerARP(router4, routerMAC), answerND(router6, routerMAC))
	forge() // and after it
	is(routerMAC)

	// A router that was replaced does not answer at its old MAC; then anyone may.
	g.after(31 * time.Second)
	g.port.take()
	g.after(time.Second)
	if got := asked(t, g.port.take()); got[router4] != anyoneMAC {
		t.Errorf("asked %v", got)
	}
	g.handle(answerARP(router4, stationMAC), answerND(router6, stationMAC))
	is(stationMAC)
	g.handle(answerARP(router4, routerMAC), answerND(router6, routerMAC)) // late
	is(stationMAC)
}

// What is no answer to a request of ours teaches nothing.
func TestOnlyAnswersTeach(t *testing.T) {
	for name, frame := range map[string][]byte{
		"ARP request":                     arpFrame(arpRequest, routerMAC, gatewayMAC, router4, routerMAC, gateway4),
		"ARP reply to all":                arpFrame(arpReply, routerMAC, anyoneMAC, router4, routerMAC, gateway4),
		"ARP reply to another":            arpFrame(arpReply, routerMAC, gatewayMAC, router4, routerMAC, station4),
		"unsolicited advertisement":       advert(router6, gatewayLocal, router6, routerMAC, routerMAC, gatewayMAC, 0x20),
		"advertisement to all":            advert(router6, "ff02::1", router6, routerMAC, routerMAC, mac{0x33, 0x33, 0, 0, 0, 1}, 0x60),
		"advertisement from further away": ttl(answerND(router6, routerMAC), 254),
		"advertisement of a group MAC":    answerND(router6, mac{1, 2, 3, 4, 5, 6}),
		"broken advertisement":            edit(answerND(router6, routerMAC), func(ip []byte) { ip[ipv6Len+30] ^= 1 }),
		"option of length zero":           edit(answerND(router6, routerMAC), func(ip []byte) { ip[ipv6Len+25] = 0 }),
	} {
		t.Run(name, func(t *testing.T) {
			g := newStranger(t, testConfig())
			g.turn(true)
			g.handle(frame)
			for _, r := range g.Routers() {
				if r.MAC != (mac{}) {
					t.Errorf("router %v learnt at %x", r.Addr, r.MAC)
				}
			}
		})
	}
	g := newStranger(t, testConfig())
	g.handle(answerARP(router4, routerMAC)) // nothing was asked
	g.turn(true)
	g.time = g.time.Add(answerWithin + 1)
	g.handle(answerND(router6, routerMAC)) // too late
	for _, r := range g.Routers() {
		if r.MAC != (mac{}) {
			t.Errorf("router %v learnt at %x", r.Addr, r.MAC)
		}
	}
}

// An advertisement that answers a unicast solicitation may leave its option out (RFC 4861 section 4.4).
func TestAdvertisementWithoutOption(t *testing.T) {
	g := newGateway(t, testConfig())
	g.after(30 * time.Second)
	who := addr(router6).As16()
	g.handle(icmp6(routerMAC, gatewayMAC, router6, gatewayLocal, ndHopLimit, append([]byte{ndNeighbourAdvert, 0, 0, 0, 0x60, 0, 0, 0}, who[:]...)))
	g.after(10 * time.Second)
	if r := g.Routers(); r[0].Reachable || !r[1].Reachable {
		t.Errorf("routers %+v", r)
	}
}

// A frame for an on-link destination has its MAC asked for, three times; then the destination is forgotten.
func TestOnLinkNeighbour(t *testing.T) {
	g := newGateway(t, testConfig())
	frame := udp(t, routerMAC, server4, station4)
	if f, r := g.outcome(frame); f != drop || r != Unresolved {
		t.Errorf("fate %d, reason %v", f, r)
	}
	g.handle(frame, frame)
	select {
	case <-g.neighbours.wake:
	default:
		t.Error("nobody was woken to ask")
	}
	g.turn(false)
	g.turn(false)
	if sent := g.port.take(); len(sent) != 1 || asked(t, sent)[station4] != anyoneMAC {
		t.Errorf("asked %v", asked(t, sent))
	}
	g.after(10 * time.Second)
	if sent := g.port.take(); len(sent) != maxTries-1 {
		t.Errorf("asked %d times more", len(sent))
	}
	if n := len(g.neighbours.entries); n != 2 {
		t.Errorf("%d entries left", n)
	}

	learn(t, g, station4, stationMAC)
	g.port.take()
	g.handle(frame)
	if sent := g.port.take(); len(sent) != 1 {
		t.Fatalf("%d frames sent", len(sent))
	} else {
		checkForwarded(t, frame, sent[0], stationMAC)
	}
	g.handle(answerARP(station4, clientMAC)) // unasked
	if m, _ := g.neighbours.lookup(addr(station4)); m != stationMAC {
		t.Errorf("station at %x", m)
	}
	for range 3 { // in use, it is refreshed by unicast and kept while it answers
		g.after(20 * time.Second)
		g.handle(frame, answerARP(router4, routerMAC), answerND(router6, routerMAC))
		g.after(10 * time.Second)
		g.handle(answerARP(station4, clientMAC)) // asked, but not this station
		g.handle(answerARP(station4, stationMAC), answerARP(router4, routerMAC), answerND(router6, routerMAC))
		if f, r := g.outcome(frame); f != forward {
			t.Fatalf("fate %d, reason %v", f, r)
		}
		if m, _ := g.neighbours.lookup(addr(station4)); m != stationMAC {
			t.Fatalf("station at %x", m)
		}
	}
	g.after(forgetAfter + time.Second)
	if f, r := g.outcome(frame); f != drop || r != Unresolved {
		t.Errorf("after silence: fate %d, reason %v", f, r)
	}
}

// Requirement A18: 100,000 destinations that do not exist neither fill the table nor the LAN.
func TestNeighbourFlood(t *testing.T) {
	g := newGateway(t, testConfig())
	frame := udp(t, routerMAC, server6, station6)
	for i := range 100_000 {
		binary.BigEndian.PutUint32(frame[l3+36:], uint32(i)+1000)
		g.time = g.time.Add(10 * time.Microsecond)
		g.handle(frame)
	}
	g.turn(false)
	if n := len(g.neighbours.entries); n > maxNeighbours {
		t.Errorf("%d entries", n)
	}
	if n := len(g.port.take()); n == 0 || n > newPerSecond+newBurst {
		t.Errorf("%d requests in a second", n)
	}
	if f, _ := g.outcome(udp(t, clientMAC, client6, server6)); f != forward {
		t.Error("the router was forgotten")
	}
	// The table is full of stations that exist: a new one finds a place, and no router loses his.
	for i := range 3 * maxNeighbours {
		six := addr(station6).As16()
		binary.BigEndian.PutUint16(six[12:], uint16(i)+1)
		g.time = g.time.Add(20 * time.Millisecond)
		g.want(netip.AddrFrom16(six))
		g.turn(false)
		g.handle(answerND(netip.AddrFrom16(six).String(), stationMAC))
		if _, ok := g.neighbours.lookup(netip.AddrFrom16(six)); !ok {
			t.Fatalf("station %d was not learnt", i)
		}
	}
	if n := len(g.neighbours.entries); n != maxNeighbours || g.neighbours.entries[addr(router4)] == nil || g.neighbours.entries[addr(router6)] == nil {
		t.Errorf("%d entries", n)
	}
}

// A flood of forged clients does not grow the table; a client that was displaced is found again.
func TestClientFlood(t *testing.T) {
	g := newGateway(t, testConfig())
	frame := syn(t, clientMAC, client6, server6, 110)
	g.handle(frame)
	if m, ok := g.Lookup(addr(client6)); !ok || m != clientMAC {
		t.Errorf("client at %x, %t", m, ok)
	}
	if _, ok := g.Lookup(addr(server6)); ok {
		t.Error("a server has a MAC")
	}
	for i := range 3 * maxClients {
		six := addr(client6).As16()
		binary.BigEndian.PutUint32(six[12:], uint32(i)+1000)
		g.clients.learn(netip.AddrFrom16(six), stationMAC)
	}
	if n := len(g.clients.entries); n != maxClients {
		t.Errorf("%d clients", n)
	}
	delete(g.clients.entries, addr(client6))
	if _, ok := g.Lookup(addr(client6)); ok {
		t.Error("a displaced client is known")
	}
	g.turn(false)
	g.handle(answerND(client6, clientMAC))
	if m, ok := g.Lookup(addr(client6)); !ok || m != clientMAC {
		t.Errorf("client at %x, %t", m, ok)
	}
	g.handle(edit(frame, func([]byte) {})) // its own frame brings it back, and one from elsewhere moves it
	moved := syn(t, stationMAC, client6, server6, 110)
	g.handle(moved)
	if m, _ := g.Lookup(addr(client6)); m != stationMAC {
		t.Errorf("client at %x", m)
	}
}
