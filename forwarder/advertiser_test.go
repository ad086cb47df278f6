package forwarder

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"
)

var (
	allNodesMAC   = mac{0x33, 0x33, 0, 0, 0, 1}
	allRoutersMAC = mac{0x33, 0x33, 0, 0, 0, 2}
)

// routerAdvert returns an advertisement with options.
func routerAdvert(by mac, from string, flags byte, lifetime uint16, options ...byte) []byte {
	head := make([]byte, 16)
	head[0], head[5] = ndRouterAdvertisement, flags
	binary.BigEndian.PutUint16(head[6:], lifetime)
	return icmp6(by, allNodesMAC, from, "ff02::1", ndHopLimit, append(head, options...))
}

// Requirement A18: another's router advertisement is noticed at once, and neither obeyed nor handed to the host.
func TestForeignAdvertisement(t *testing.T) {
	g := newGateway(t, testConfig())
	if list := g.Advertisers(); len(list) != 0 {
		t.Fatalf("before any: %v", list)
	}
	stranger := slices.Concat([]byte{ndSourceAddress, 1}, stationMAC[:])
	routeOption := []byte{24, 1, 0, 0x18, 0, 0, 0, 60} // ::/0 for 60 s, low preference
	check(t, g, []row{
		bad("the router's", routerAdvert(routerMAC, router6, 0, 1800), RouterDiscovery),
		bad("a stranger's", routerAdvert(stationMAC, "fe80::bad", 0x08, 30, stranger...), RouterDiscovery),
		bad("the router's, forged", routerAdvert(stationMAC, router6, 0x18, 600, stranger...), RouterDiscovery),
		bad("a route alone", routerAdvert(clientMAC, "fe80::10", 0, 0, routeOption...), RouterDiscovery),
		bad("no default router", routerAdvert(clientMAC, "fe80::11", 0, 0), RouterDiscovery),
		bad("not link-local", routerAdvert(stationMAC, station6, 0, 1800), Malformed),
		bad("from further away", ttl(routerAdvert(stationMAC, "fe80::bad2", 0, 1800), 254), Malformed),
		bad("an option of length zero", routerAdvert(stationMAC, "fe80::bad3", 0, 1800, 24, 0, 0, 0, 0, 0, 0, 0), Malformed),
		bad("cut short", icmp6(stationMAC, allNodesMAC, "fe80::bad4", "ff02::1", ndHopLimit, []byte{ndRouterAdvertisement, 0, 0, 0, 0, 0, 7, 8}), Malformed),
	})
	if len(g.host.own) != 0 {
		t.Error("the host saw an advertisement")
	}
	if got := g.Counters().ForeignAdvertisements; got != 5 {
		t.Errorf("%d counted", got)
	}
	list := g.Advertisers()
	want := []Advertiser{
		{addr("fe80::10"), clientMAC, Low, g.time, g.time.Add(time.Minute)},
		{addr("fe80::bad"), stationMAC, High, g.time, g.time.Add(30 * time.Second)},
		{addr(router6), stationMAC, Low, g.time, g.time.Add(10 * time.Minute)},
	}
	slices.SortFunc(want, func(a, b Advertiser) int { return a.Addr.Compare(b.Addr) })
	if !slices.Equal(list, want) {
		t.Errorf("advertisers %+v\nwant %+v", list, want)
	}
	// Nothing was learnt from them: a frame still leaves by the router.
	if got := hop(t, g, udp(t, clientMAC, client6, server6)); got != routerMAC {
		t.Errorf("by %x", got)
	}
	g.time = g.time.Add(31 * time.Second)
	if list := g.Advertisers(); len(list) != 2 {
		t.Errorf("after 31 s: %+v", list)
	}
	g.handle(routerAdvert(routerMAC, router6, 0, 0)) // withdrawn
	if list := g.Advertisers(); len(list) != 1 || list[0].Addr != addr("fe80::10") {
		t.Errorf("after the withdrawal: %+v", list)
	}
}

// Our own advertisement that comes back is no other's.
func TestOwnAdvertisementIsNotForeign(t *testing.T) {
	g := newGateway(t, testConfig())
	check(t, g, []row{
		bad("own MAC", routerAdvert(gatewayMAC, gatewayLocal, 0, 1800), SourceOwn),
		bad("own address", routerAdvert(stationMAC, gatewayLocal, 0, 1800), Martian),
	})
	if list := g.Advertisers(); len(list) != 0 {
		t.Errorf("advertisers %+v", list)
	}
}

// Requirement A18: 100,000 forged senders of each kind cost no more than 16 MiB.
func TestForgedSendersCostLittle(t *testing.T) {
	g := newGateway(t, testConfig())
	g.port.mute, g.host.mute = true, true
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	advert := routerAdvert(stationMAC, "fe80::1:0:0:0", 0, 1800)
	advert[0] = dataValid
	open6, expired6 := syn(t, clientMAC, client6, server6, 110), ttl(udp(t, clientMAC, client6, server6), 1)
	open6[0] = dataValid
	toLAN := udp(t, routerMAC, server6, station6)
	arp := arpFrame(arpRequest, clientMAC, anyoneMAC, client4, clientMAC, gateway4)
	solicited := answerND(station6, stationMAC)
	solicited[0] = dataValid
	before := heap()
	for i := range uint32(100_000) {
		g.time = g.time.Add(50 * time.Microsecond)
		for _, b := range [][]byte{advert, open6, expired6} {
			binary.BigEndian.PutUint32(b[l3+20:], i+1)
		}
		binary.BigEndian.PutUint32(toLAN[l3+36:], i+1000)
		binary.BigEndian.PutUint32(arp[l3+14:], 0xc0a80000|i)
		binary.BigEndian.PutUint32(solicited[l3+20:], i)
		binary.BigEndian.PutUint32(solicited[l3+ipv6Len+20:], i)
		g.handle(advert, open6, expired6, toLAN, arp, solicited)
		if i%10_000 == 0 {
			g.turn(true)
		}
	}
	after := heap()
	if after > before && after-before > 16<<20 {
		t.Errorf("the heap grew by %d octets", after-before)
	}
	t.Logf("heap %d, then %d", before, after)
	if n := len(g.Advertisers()); n == 0 || n > maxAdvertisers {
		t.Errorf("%d advertisers", n)
	}
	if n := g.Counters(); min(n.ForeignAdvertisements, n.PuntedIntercept, n.Dropped[TTLExpired]) < 99_990 {
		t.Errorf("the flood did not arrive: %+v", n)
	}
	runtime.KeepAlive(g)
}

// A table full of strangers whom nobody believes any more makes room for new ones.
func TestAdvertisersAreForgotten(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l := advertisers{list: make(map[netip.Addr]Advertiser)}
	for i := range byte(maxAdvertisers) {
		l.note(Advertiser{Addr: netip.AddrFrom16([16]byte{0xfe, 0x80, 15: i}), Seen: now, Until: now.Add(time.Second)})
	}
	l.note(Advertiser{Addr: addr("fe80::ffff"), Seen: now.Add(2 * time.Second), Until: now.Add(time.Hour)})
	if len(l.list) != 1 {
		t.Errorf("%d in the list", len(l.list))
	}
}
