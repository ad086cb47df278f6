package stack

import (
	"cmp"
	"net/netip"
	"slices"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// Route is a way to a network behind another router on the link.
type Route struct {
	To  netip.Prefix
	Via netip.Addr
}

// SetRouters takes other default routers into use; of each family the first counts. What is dialled from now on goes by them. A
// connection that stands keeps its way: its translation is in the router it was opened through.
func (s *Stack) SetRouters(routers []netip.Addr) { s.ns.SetRouteTable(s.routes(routers)) }

// routes returns the route table: the link, the networks behind other routers, the routers, and on the NIC intercept everything.
// Netstack takes the first entry that holds.
func (s *Stack) routes(routers []netip.Addr) []tcpip.Route {
	var table []tcpip.Route
	for _, p := range s.cfg.Addresses {
		table = append(table, tcpip.Route{Destination: subnet(p.Masked()), NIC: ownNIC})
	}
	behind := slices.Clone(s.cfg.Routes)
	slices.SortStableFunc(behind, func(a, b Route) int { return cmp.Compare(b.To.Bits(), a.To.Bits()) })
	for _, r := range behind {
		table = append(table, tcpip.Route{Destination: subnet(r.To.Masked()), Gateway: address(r.Via), NIC: ownNIC})
	}
	for _, r := range routers {
		everywhere := header.IPv4EmptySubnet
		if r.Is6() {
			everywhere = header.IPv6EmptySubnet
		}
		table = append(table, tcpip.Route{Destination: everywhere, Gateway: address(r), NIC: ownNIC})
	}
	return append(table,
		tcpip.Route{Destination: header.IPv4EmptySubnet, NIC: interceptNIC},
		tcpip.Route{Destination: header.IPv6EmptySubnet, NIC: interceptNIC},
	)
}
