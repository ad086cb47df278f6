package forwarder

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
)

// Bounds of what is configured. Every frame for the outside is held against all routes.
const (
	maxRouters = 4 // of a family
	maxRoutes  = 64
)

// Route is a way to a network behind another router on the LAN.
type Route struct {
	To  netip.Prefix
	Via netip.Addr // on-link
}

// gateways are the next hops for what is off-link: the routers, of which the first that answers is used, and those of routes. All
// are neighbours, and stay in that table. The lists do not change.
type gateways struct {
	ipv4, ipv6 family
	routes     []route      // the longest prefix first
	all        []*neighbour // each once
}

// family holds the routers of one IP version.
type family struct {
	routers []*neighbour              // in the order of preference
	inUse   atomic.Pointer[neighbour] // nil where there is none
}

type route struct {
	to  netip.Prefix
	via *neighbour
}

// newGateways takes checked routers and routes.
func newGateways(routers []netip.Addr, routes []Route) *gateways {
	g := &gateways{}
	for _, a := range routers {
		n := g.add(a)
		fam := g.family(a)
		fam.routers = append(fam.routers, n)
	}
	for _, fam := range []*family{&g.ipv4, &g.ipv6} {
		if len(fam.routers) > 0 {
			fam.inUse.Store(fam.routers[0])
		}
		for _, n := range fam.routers {
			n.watched = len(fam.routers) > 1
		}
	}
	for _, r := range routes {
		g.routes = append(g.routes, route{r.To, g.add(r.Via)})
	}
	slices.SortStableFunc(g.routes, func(a, b route) int { return cmp.Compare(b.to.Bits(), a.to.Bits()) })
	return g
}

// add returns the gateway of an address.
func (g *gateways) add(a netip.Addr) *neighbour {
	if n := g.find(a); n != nil {
		return n
	}
	n := &neighbour{addr: a, router: true}
	g.all = append(g.all, n)
	return n
}

// find returns the gateway of an address, or nil.
func (g *gateways) find(a netip.Addr) *neighbour {
	for _, n := range g.all {
		if n.addr == a {
			return n
		}
	}
	return nil
}

// family returns the routers for a's IP version.
func (g *gateways) family(a netip.Addr) *family {
	if a.Is4() {
		return &g.ipv4
	}
	return &g.ipv6
}

// routeTo returns the gateway of the longest route that holds a, or nil.
func (g *gateways) routeTo(a netip.Addr) *neighbour {
	for i := range g.routes {
		if g.routes[i].to.Contains(a) {
			return g.routes[i].via
		}
	}
	return nil
}

// sent says whether a MAC is that of one of the family's routers: used or not, what it sends comes from outside.
func (fam *family) sent(m mac) bool {
	for _, n := range fam.routers {
		if known, ok := n.address(); ok && known == m {
			return true
		}
	}
	return false
}

// chooseLocked takes the first router that answers into use; where none does, the one in use stays if it ever answered. It reports
// whether that is another than before. The neighbour table's lock is held.
func (fam *family) chooseLocked() bool {
	old := fam.inUse.Load()
	for _, n := range fam.routers {
		if _, known := n.address(); known && !n.silent {
			fam.inUse.Store(n)
			return n != old
		}
	}
	return false
}

// checkRouters says what keeps routers from being next hops.
func checkRouters(n *network, routers []netip.Addr) error {
	count := make(map[bool]int)
	for i, a := range routers {
		if err := checkGateway(n, a); err != nil {
			return fmt.Errorf("router %v %w", a, err)
		}
		if slices.Contains(routers[:i], a) {
			return fmt.Errorf("router %v is there twice", a)
		}
		if count[a.Is4()]++; count[a.Is4()] > maxRouters {
			return fmt.Errorf("router %v is one too many: %d of a family are enough", a, maxRouters)
		}
	}
	return nil
}

// checkRoutes says what keeps routes from being followed.
func checkRoutes(n *network, routes []Route) error {
	if len(routes) > maxRoutes {
		return fmt.Errorf("%d routes are more than %d", len(routes), maxRoutes)
	}
	for i, r := range routes {
		switch {
		case !r.To.IsValid(), r.To != r.To.Masked(), r.To.Addr().Is4In6():
			return fmt.Errorf("route to %v: that is no network", r.To)
		case r.To.Bits() == 0:
			return fmt.Errorf("route to %v: that is what routers are for", r.To)
		case r.To.Addr().IsMulticast(), neverForwarded(r.To.Addr()):
			return fmt.Errorf("route to %v: nothing is forwarded there", r.To)
		case r.To.Addr().Is4() != r.Via.Is4():
			return fmt.Errorf("route to %v via %v: these are two families", r.To, r.Via)
		case slices.ContainsFunc(routes[:i], func(o Route) bool { return o.To == r.To }):
			return fmt.Errorf("route to %v is there twice", r.To)
		}
		for _, own := range n.onLink {
			if own.Bits() <= r.To.Bits() && own.Contains(r.To.Addr()) {
				return fmt.Errorf("route to %v: it is on the LAN, in %v", r.To, own)
			}
		}
		if err := checkGateway(n, r.Via); err != nil {
			return fmt.Errorf("route to %v: via %v %w", r.To, r.Via, err)
		}
	}
	return nil
}

// checkGateway says what keeps a from being a next hop.
func checkGateway(n *network, a netip.Addr) error {
	switch {
	case !a.IsValid(), a.Is4In6(), a.IsUnspecified(), a.IsLoopback(), a.IsMulticast():
		return errors.New("is no host's address")
	case a.Zone() != "":
		return fmt.Errorf("has a zone: the LAN is the only link, leave %%%s out", a.Zone())
	case n.isOwn(a):
		return errors.New("is the gateway's own address")
	case !n.isOnLink(a):
		return errors.New("is on none of the gateway's networks")
	case slices.Contains(n.broadcasts, a):
		return errors.New("is a broadcast or network address")
	}
	return nil
}
