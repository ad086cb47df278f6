package forwarder

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// solicit returns a neighbour solicitation without an option.
func solicit(by mac, from, target string) []byte {
	who := addr(target).As16()
	group := solicitedNode(addr(target)).As16()
	toMAC := mac{0x33, 0x33, group[12], group[13], group[14], group[15]}
	return icmp6(by, toMAC, from, solicitedNode(addr(target)).String(), ndHopLimit, slices.Concat([]byte{ndNeighbourSolicitation, 0, 0, 0, 0, 0, 0, 0}, who[:]))
}

// Who else says that it has one of our addresses is seen, with the MAC it says; nobody else is.
func TestAddressClaimed(t *testing.T) {
	unnamed := advert(gateway6, "ff02::1", gateway6, stationMAC, stationMAC, allNodesMAC, 0)
	copy(unnamed[len(unnamed)-8:], []byte{200, 1}) // an option nobody knows in place of the link-layer address
	unnamed = icmp6(stationMAC, allNodesMAC, gateway6, "ff02::1", ndHopLimit, clearChecksum(unnamed[l3+ipv6Len:]))
	for _, c := range []struct {
		name  string
		frame []byte
		addr  string // empty: nothing is to be seen
	}{
		{"who-has from our address", arpFrame(arpRequest, stationMAC, anyoneMAC, gateway4, stationMAC, client4), gateway4},
		{"gratuitous ARP", arpFrame(arpRequest, stationMAC, anyoneMAC, gateway4, stationMAC, gateway4), gateway4},
		{"answer to our probe", arpFrame(arpReply, stationMAC, gatewayMAC, gateway4, stationMAC, "0.0.0.0"), gateway4},
		{"advertisement of our address", advert(gateway6, "ff02::1", gateway6, stationMAC, stationMAC, allNodesMAC, 0x20), gateway6},
		{"without its option", unnamed, gateway6},
		{"solicitation from our address", solicit(stationMAC, gateway6, client6), ""}, // to a group we do not listen to
		{"solicitation from our address to us", solicit(stationMAC, gateway6, gateway6), gateway6},
		{"packet from our address", udp(t, stationMAC, gateway4, server4), gateway4},

		{"our own, come back", arpFrame(arpRequest, gatewayMAC, anyoneMAC, gateway4, gatewayMAC, client4), ""},
		{"our own, passed on by another", arpFrame(arpRequest, stationMAC, anyoneMAC, gateway4, gatewayMAC, client4), ""},
		{"a client asks for us", arpFrame(arpRequest, clientMAC, anyoneMAC, client4, clientMAC, gateway4), ""},
		{"a client probes for our address", arpFrame(arpRequest, clientMAC, anyoneMAC, "0.0.0.0", clientMAC, gateway4), ""},
		{"a client probes over IPv6", solicit(clientMAC, "::", gateway6), ""},
		{"a client answers us", answerND(client6, clientMAC), ""},
		{"a martian of somebody else", udp(t, stationMAC, "127.0.0.1", server4), ""},
	} {
		g := newGateway(t, testConfig())
		g.handle(c.frame)
		got, counted := g.AddressClaimed(), g.Counters().AddressConflicts
		want := Sighting{}
		if c.addr != "" {
			want = Sighting{Addr: addr(c.addr), MAC: stationMAC, Last: g.time}
		}
		if got != want || (counted == 1) != (c.addr != "") {
			t.Errorf("%s: got %+v, counted %d, want %+v", c.name, got, counted, want)
		}
	}
}

// clearChecksum returns an ICMPv6 message whose checksum is to be filled in.
func clearChecksum(b []byte) []byte {
	b = bytes.Clone(b)
	b[2], b[3] = 0, 0
	return b
}

func TestRedirected(t *testing.T) {
	g := newGateway(t, testConfig())
	g.handle(packetOver(t, routerMAC, gatewayMAC, router4, gateway4, layers.IPProtocolICMPv4,
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(5, 1)}, make([]byte, 28)))
	if got, want := g.Redirected(), (Sighting{addr(router4), routerMAC, g.time}); got != want {
		t.Errorf("IPv4: got %+v, want %+v", got, want)
	}
	g.handle(icmp6(routerMAC, gatewayMAC, router6, gatewayLocal, ndHopLimit, append([]byte{ndRedirect}, make([]byte, 39)...)))
	if got, want := g.Redirected(), (Sighting{addr(router6), routerMAC, g.time}); got != want {
		t.Errorf("IPv6: got %+v, want %+v", got, want)
	}
	if n := g.Counters().Dropped[Redirect]; n != 2 {
		t.Errorf("%d dropped", n)
	}
}

// spoken reads what the gateway said about its own addresses: by address, whether it was an announcement.
func spoken(t *testing.T, frames [][]byte) map[netip.Addr]bool {
	t.Helper()
	out := make(map[netip.Addr]bool)
	for _, b := range frames {
		p := gopacket.NewPacket(b[virtioLen:], layers.LayerTypeEthernet, gopacket.Default)
		if p.ErrorLayer() != nil || [6]byte(b[virtioLen+6:]) != gatewayMAC {
			t.Fatalf("another implementation does not read % x: %v", b, p.ErrorLayer())
		}
		if a, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP); ok {
			target, sender := netip.AddrFrom4([4]byte(a.DstProtAddress)), netip.AddrFrom4([4]byte(a.SourceProtAddress))
			if a.Operation != layers.ARPRequest || mac(b[virtioLen:]) != anyoneMAC || !bytes.Equal(a.SourceHwAddress, gatewayMAC[:]) ||
				!sender.IsUnspecified() && sender != target {
				t.Errorf("ARP %+v", a)
			}
			out[target] = sender == target
			continue
		}
		ip := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
		var seen packet
		seen.parse(b)
		if ip.HopLimit != 255 || !seen.intact() || !bytes.Equal(b[virtioLen:][2:6], ip.DstIP[12:]) {
			t.Errorf("%v", p)
		}
		if ns, ok := p.Layer(layers.LayerTypeICMPv6NeighborSolicitation).(*layers.ICMPv6NeighborSolicitation); ok {
			target := netip.AddrFrom16([16]byte(ns.TargetAddress))
			if !seen.from.IsUnspecified() || seen.to != solicitedNode(target) || len(ns.Options) != 0 {
				t.Errorf("%v", p)
			}
			out[target] = false
			continue
		}
		na, ok := p.Layer(layers.LayerTypeICMPv6NeighborAdvertisement).(*layers.ICMPv6NeighborAdvertisement)
		if !ok {
			t.Fatalf("%v", p)
		}
		target := netip.AddrFrom16([16]byte(na.TargetAddress))
		if seen.from != target || seen.to != addr("ff02::1") || na.Flags != 0xa0 || len(na.Options) != 1 || !bytes.Equal(na.Options[0].Data, gatewayMAC[:]) {
			t.Errorf("%v", p)
		}
		out[target] = true
	}
	return out
}

// Every 30 seconds the gateway asks whether somebody else has one of its addresses. A claim is answered within a second, and
// not again for ten: two that answer each other must not fill the LAN.
func TestOwnAddressesAreWatched(t *testing.T) {
	g := newGateway(t, testConfig())
	var w guard
	own := []netip.Addr{addr(gateway4), addr(gateway6), addr(gatewayLocal)}
	second := func() map[netip.Addr]bool {
		g.time = g.time.Add(time.Second)
		g.watch(g.q, &w)
		return spoken(t, g.port.take())
	}
	second()
	for turn := range 90 {
		said := second()
		want := (turn+1)%30 == 0
		for _, a := range own {
			if announced, spoke := said[a]; spoke != want || announced {
				t.Errorf("second %d, %v: spoke %v, announced %v", turn+1, a, spoke, announced)
			}
		}
	}
	if c := g.Counters(); c.AddressProbes != 9 || c.AddressDefences != 0 {
		t.Errorf("%+v", c)
	}

	said := 0
	for range 20 {
		g.handle(arpFrame(arpRequest, stationMAC, anyoneMAC, gateway4, stationMAC, client4))
		if announced := second()[own[0]]; announced {
			said++
		}
	}
	if said != 2 || g.Counters().AddressDefences != 2 {
		t.Errorf("20 claims in 20 seconds were answered %d times", said)
	}
	g.time = g.time.Add(defendInterval)
	g.handle(advert(gateway6, "ff02::1", gateway6, stationMAC, stationMAC, allNodesMAC, 0x20))
	if said := second(); !said[own[1]] {
		t.Errorf("over IPv6: said %v", said)
	}
}

// TestRunWatches: the loop that asks for neighbours is the one that watches.
func TestRunWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, err := New(testConfig())
		if err != nil {
			t.Fatal(err)
		}
		port := &fakePort{frames: make(chan []byte)}
		done := make(chan error)
		go func() { done <- f.Run(t.Context(), &fakeHost{}, []Port{port}) }()
		time.Sleep(probeInterval + solicitInterval)
		if n := f.Counters().AddressProbes; n != 3 {
			t.Errorf("%d probes for three addresses", n)
		}
		close(port.frames)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Whoever has the address when the gateway comes keeps it: the host asks first, and nothing is announced meanwhile.
func TestNothingIsDefendedAtTheStart(t *testing.T) {
	g := newGateway(t, testConfig())
	var w guard
	for range 9 {
		g.handle(arpFrame(arpRequest, stationMAC, anyoneMAC, gateway4, stationMAC, client4))
		g.watch(g.q, &w)
		g.time = g.time.Add(time.Second)
	}
	if sent := g.port.take(); len(sent) != 0 {
		t.Errorf("said %v", spoken(t, sent))
	}
}

// A flood of claims costs no memory.
func TestClaimsDoNotAllocate(t *testing.T) {
	g := newGateway(t, testConfig())
	frame := arpFrame(arpRequest, stationMAC, anyoneMAC, gateway4, stationMAC, client4)
	g.host.mute = true
	if n := testing.AllocsPerRun(100, func() { g.handle(frame) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
