package forwarder

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

// A second router and the gateway of a route, beside those of testConfig.
var (
	secondMAC = mac{0x02, 0, 0, 0, 0, 0x04}
	branchMAC = mac{0x02, 0, 0, 0, 0, 0x03}
)

const (
	second4, second6 = "192.168.1.4", "fe80::4"
	branch4, branch6 = "192.168.1.3", "fe80::3"
	inside4, inside6 = "10.1.2.3", "fd00:9::3"
)

func routesVia(to, via string) []Route {
	return []Route{{netip.MustParsePrefix(to), addr(via)}}
}

// routedConfig has two routers for each family and a network behind another.
func routedConfig() Config {
	c := testConfig()
	c.Routers = []netip.Addr{addr(router4), addr(router6), addr(second4), addr(second6)}
	c.Routes = slices.Concat(
		routesVia("10.0.0.0/8", branch4), routesVia("10.1.0.0/16", branch4), routesVia("10.9.0.0/16", router4),
		routesVia("fd00:9::/48", branch6),
	)
	return c
}

// answerAll answers the outstanding requests for the stations that are up.
func answerAll(g *gateway, up map[string]mac) {
	for a, m := range up {
		if addr(a).Is4() {
			g.handle(answerARP(a, m))
		} else {
			g.handle(answerND(a, m))
		}
	}
}

func newRouted(t testing.TB) (*gateway, map[string]mac) {
	t.Helper()
	g := newStranger(t, routedConfig())
	up := map[string]mac{
		router4: routerMAC, router6: routerMAC, second4: secondMAC, second6: secondMAC, branch4: branchMAC, branch6: branchMAC,
	}
	g.turn(true)
	answerAll(g, up)
	g.tellOfRouters()
	for _, r := range g.Routers() {
		if !r.Reachable {
			t.Fatalf("%v did not become reachable", r.Addr)
		}
	}
	*g.port, *g.host, g.totals = fakePort{}, fakeHost{}, totals{}
	return g, up
}

// hop returns the MAC a frame is sent on to.
func hop(t *testing.T, g *gateway, frame []byte) mac {
	t.Helper()
	g.port.sent = nil
	if f, r := g.outcome(frame); f != forward {
		t.Errorf("fate %d, reason %v", f, r)
		return mac{}
	}
	return mac(g.port.sent[0][virtioLen:])
}

// The longest route that holds a destination counts, before the routers and after the LAN; sources are held against the same.
func TestRoutes(t *testing.T) {
	g, _ := newRouted(t)
	learn(t, g, station4, stationMAC)
	for _, c := range []struct {
		to   string
		want mac
	}{
		{inside4, branchMAC},
		{"10.200.0.1", branchMAC},
		{"10.9.0.1", routerMAC},
		{server4, routerMAC},
		{"11.0.0.1", routerMAC},
	} {
		if got := hop(t, g, udp(t, clientMAC, client4, c.to)); got != c.want {
			t.Errorf("%s by %x, want %x", c.to, got, c.want)
		}
	}
	for to, want := range map[string]mac{inside6: branchMAC, server6: routerMAC, "fd00:a::1": routerMAC} {
		if got := hop(t, g, udp(t, clientMAC, client6, to)); got != want {
			t.Errorf("%s by %x, want %x", to, got, want)
		}
	}
	check(t, g, []row{
		ok("from behind a route to the internet", udp(t, branchMAC, inside4, server4), forward),
		ok("from behind a route to the internet, IPv6", udp(t, branchMAC, inside6, server6), forward),
		ok("from behind a route to the LAN", udp(t, branchMAC, inside4, station4), forward),
		ok("from the internet to behind a route", udp(t, routerMAC, server4, inside4), forward),
		ok("the gateway of a route itself", udp(t, branchMAC, branch4, server4), forward),
		bad("from behind a route to behind it", udp(t, branchMAC, inside4, "10.2.0.1"), PingPong),
		bad("its source by a router", udp(t, routerMAC, inside4, server4), Spoofed),
		bad("its source by a station", udp(t, clientMAC, inside4, server4), Spoofed),
		bad("its source by a station, IPv6", udp(t, clientMAC, inside6, server6), Spoofed),
		bad("another source by its gateway", udp(t, branchMAC, "198.51.100.1", server4), Spoofed),
		bad("a source of the first router's route by the second", udp(t, secondMAC, "10.9.0.1", station4), Spoofed),
		ok("mail to a server behind a route", syn(t, clientMAC, client4, inside4, 110), puntIntercept),
		ok("mail from behind a route is nobody's client", syn(t, branchMAC, inside4, server4, 110), forward),
	})
	for _, r := range g.Routers() {
		if r.To.IsValid() && (!r.InUse || r.MAC != branchMAC && r.MAC != routerMAC) {
			t.Errorf("route %+v", r)
		}
	}
	if m, ok := g.Lookup(addr(inside4)); !ok || m != branchMAC {
		t.Errorf("a client behind a route is at %x, %t", m, ok)
	}
	if _, ok := g.Lookup(addr(server4)); ok {
		t.Error("a server has a MAC")
	}
}

// Both routers are outside: what one sends never goes to the other.
func TestTwoRoutersAreOneOutside(t *testing.T) {
	g, _ := newRouted(t)
	learn(t, g, station4, stationMAC)
	check(t, g, []row{
		ok("by the first", udp(t, routerMAC, server4, station4), forward),
		ok("by the second", udp(t, secondMAC, server4, station4), forward),
		bad("by the second, to the outside", udp(t, secondMAC, "198.51.100.1", server4), PingPong),
		bad("by the first, to the outside", udp(t, routerMAC, "198.51.100.1", server4), PingPong),
		bad("LAN source by the second", udp(t, secondMAC, client4, station4), Spoofed),
		ok("mail by the second is not intercepted", syn(t, secondMAC, "198.51.100.1", station4, 110), forward),
	})
	for _, f := range [][]byte{answerARP(second4, stationMAC), answerARP(branch4, stationMAC), answerND(branch6, stationMAC)} {
		if f, r := g.outcome(f); f != drop || r != ForgedNeighbour {
			t.Errorf("forged gateway: fate %d, reason %v", f, r)
		}
	}
}

// When the router in use stops answering, the next is used after three requests, and the first again as soon as it answers.
func TestFailOver(t *testing.T) {
	for _, c := range []struct{ first, second, client, server string }{
		{router4, second4, client4, server4}, {router6, second6, client6, server6},
	} {
		g, up := newRouted(t)
		var told []netip.Addr
		g.changed = func(list []netip.Addr) { told = list }
		frame := udp(t, clientMAC, c.client, c.server)
		step := func() {
			g.after(time.Second)
			answerAll(g, up)
			g.tellOfRouters()
		}
		for range 60 {
			step()
			if got := hop(t, g, frame); got != routerMAC {
				t.Fatalf("while both answer: by %x", got)
			}
		}
		g.port.take()
		delete(up, c.first)
		seconds := 0
		for ; hop(t, g, frame) == routerMAC; seconds++ {
			if seconds > 10 {
				t.Fatal("no fail-over")
			}
			g.port.take()
			step()
			for a, m := range asked(t, g.port.take()) {
				if a == c.first && seconds < maxTries && m != routerMAC {
					t.Errorf("request %d goes to %x", seconds, m)
				}
			}
		}
		if seconds != maxTries+1 {
			t.Errorf("fail-over after %d s", seconds)
		}
		if got := hop(t, g, frame); got != secondMAC {
			t.Errorf("by %x", got)
		}
		if !slices.Contains(told, addr(c.second)) || slices.Contains(told, addr(c.first)) || len(told) != 2 {
			t.Errorf("told of %v", told)
		}
		for _, r := range g.Routers() {
			if r.Addr == addr(c.first) && (r.Reachable || r.InUse && !r.To.IsValid()) || r.Addr == addr(c.second) && !r.InUse {
				t.Errorf("router %+v", r)
			}
		}
		// What the first still sends is outside still.
		if f, r := g.outcome(udp(t, routerMAC, c.client, c.server)); f != drop || r != Spoofed {
			t.Errorf("a LAN source by the silent router: fate %d, reason %v", f, r)
		}

		// Both silent: the one in use stays.
		second := up[c.second]
		delete(up, c.second)
		for range 10 {
			step()
		}
		if got := hop(t, g, frame); got != secondMAC {
			t.Errorf("all silent: by %x", got)
		}
		up[c.second] = second
		step()

		up[c.first] = routerMAC
		step()
		if got := hop(t, g, frame); got != routerMAC {
			t.Errorf("after its return: by %x", got)
		}
		if !slices.Contains(told, addr(c.first)) || g.Counters().RouterChanges != 2 {
			t.Errorf("told of %v, %d changes", told, g.Counters().RouterChanges)
		}
	}
}

// Until the first router answers, another that does is used.
func TestFirstRouterIsDownAtStart(t *testing.T) {
	g := newStranger(t, routedConfig())
	g.turn(true)
	frame := udp(t, clientMAC, client4, server4)
	if f, r := g.outcome(frame); f != drop || r != Unresolved {
		t.Errorf("nobody answered: fate %d, reason %v", f, r)
	}
	g.handle(answerARP(second4, secondMAC))
	if got := hop(t, g, frame); got != secondMAC {
		t.Errorf("by %x", got)
	}
	g.handle(answerARP(router4, routerMAC))
	if got := hop(t, g, frame); got != routerMAC {
		t.Errorf("by %x", got)
	}
}

// A router that stands alone is not asked more often than before.
func TestLoneRouterIsAskedSeldom(t *testing.T) {
	c := routedConfig()
	c.Routers = c.Routers[:2]
	g := newStranger(t, c)
	g.turn(true)
	answerAll(g, map[string]mac{router4: routerMAC, router6: routerMAC, branch4: branchMAC, branch6: branchMAC})
	g.port.take()
	g.after(29 * time.Second)
	if sent := g.port.take(); len(sent) != 0 {
		t.Errorf("asked %v", asked(t, sent))
	}
}
