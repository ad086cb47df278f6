package config

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// maxRoutes bounds routes: each frame for the outside is held against all of them.
const maxRoutes = 64

// routes reads v as networks and the routers they are behind.
func (v value) routes(to *[]Route) {
	items, ok := v.list()
	if !ok {
		return
	}
	if len(items) > maxRoutes {
		v.fail("%s has %d entries, and there may be %d", v.name(), len(items), maxRoutes)
		return
	}
	for _, item := range items {
		var route Route
		item.fields(map[string]func(value){
			"to": func(v value) {
				if s, ok := v.text(); ok {
					route.To, _ = v.network(s)
				}
			},
			"via": func(v value) {
				if s, ok := v.text(); ok {
					route.Via, _ = v.neighbour(s)
				}
			},
		})
		for _, part := range []string{"to", "via"} {
			if _, written := v.r.file.places[item.keyOf(part)]; !written && item.node.Kind == yaml.MappingNode {
				item.fail("%s: %s is missing: write {to: 10.0.0.0/8, via: 192.168.1.3}", item.name(), part)
			}
		}
		*to = append(*to, route)
	}
}

// checkRoute holds a route against the gateway's addresses and the routes before it.
func (r *reader) checkRoute(c *Config, i int, route Route) {
	key := fmt.Sprintf("routes[%d]", i)
	at := r.file.place(key + ".to")
	to := route.To
	switch {
	case to.Bits() == 0:
		r.failAt(at, "%s.to: %s is everything: that is what routers are for", key, to)
	case !isHost(to.Addr()), to.Addr().IsLinkLocalUnicast(), to.Addr().Is4() && to.Addr().As4()[0] >= 240:
		r.failAt(at, "%s.to: %s: no router forwards there", key, to)
	case to.Addr().Is4() != route.Via.Is4():
		r.failAt(at, "%s: %s is %s and %s is %s: a route is in one family", key, to, family(to.Addr()), route.Via, family(route.Via))
	default:
		r.checkGateway(c, key+".via", route.Via)
	}
	for _, own := range c.Addresses {
		if onLink := own.Masked(); onLink.Bits() <= to.Bits() && onLink.Contains(to.Addr()) {
			r.failAt(at, "%s.to: %s is on the LAN, in %s: it is reached without a router", key, to, onLink)
		}
	}
	for _, other := range c.Routes[:i] {
		if other.To == to {
			r.failAt(at, "%s.to: there is a route to %s already", key, to)
		}
	}
}
