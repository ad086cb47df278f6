package forwarder

import (
	"net/netip"
	"slices"
)

// network is what the gateway knows of the LAN from its own addresses. It does not change.
type network struct {
	mac        mac
	own        []netip.Addr   // the gateway's addresses
	solicited  []netip.Addr   // their solicited-node groups (RFC 4291 section 2.7.1)
	onLink     []netip.Prefix // networks on the LAN, link-local included
	routing    bool           // we advertise ourselves, and listen to who looks for routers
	broadcasts []netip.Addr   // directed broadcast addresses and, as RFC 1812 section 4.2.3.1 has it, their all-zeroes form
}

// newNetwork takes checked addresses.
func newNetwork(m mac, addresses []netip.Prefix) *network {
	n := &network{mac: m}
	for _, p := range addresses {
		n.own = append(n.own, p.Addr())
		n.onLink = append(n.onLink, p.Masked())
		if p.Addr().Is6() {
			n.solicited = append(n.solicited, solicitedNode(p.Addr()))
		} else if p.Bits() <= 30 { // RFC 3021: a /31 has no broadcast address
			n.broadcasts = append(n.broadcasts, p.Masked().Addr(), lastAddress(p))
		}
	}
	return n
}

// lastAddress returns the directed broadcast address of an IPv4 prefix.
func lastAddress(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(b)
}

// solicitedNode returns the solicited-node multicast address of an IPv6 address.
func solicitedNode(a netip.Addr) netip.Addr {
	b := a.As16()
	return netip.AddrFrom16([16]byte{0xff, 0x02, 11: 1, 12: 0xff, 13: b[13], 14: b[14], 15: b[15]})
}

// isOwn says whether a is one of the gateway's addresses.
func (n *network) isOwn(a netip.Addr) bool { return slices.Contains(n.own, a) }

// isOnLink says whether a is on the LAN.
func (n *network) isOnLink(a netip.Addr) bool {
	for _, p := range n.onLink {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// hears says whether we listen to the IPv6 group: as any host at our addresses to all nodes and its solicited-node groups, and to
// all routers where we advertise ourselves as one.
func (n *network) hears(group netip.Addr) bool {
	return group == allNodes || n.routing && group == allRouters || slices.Contains(n.solicited, group)
}

var allNodes = netip.AddrFrom16([16]byte{0xff, 0x02, 15: 1})

// martianSource says whether no packet may come from a (RFC 1812 section 5.3.7, RFC 3927 section 7, RFC 4291 section 2.5).
func (n *network) martianSource(a netip.Addr) bool {
	return neverForwarded(a) || a.IsMulticast() || n.isOwn(a) || slices.Contains(n.broadcasts, a)
}

// martianDestination says whether no packet for a is forwarded. Groups are for the caller to tell apart.
func (n *network) martianDestination(a netip.Addr) bool {
	return neverForwarded(a) || slices.Contains(n.broadcasts, a)
}

// neverForwarded says whether a belongs on no wire, or on one link only.
func neverForwarded(a netip.Addr) bool {
	if a.Is4() {
		b := a.As4()
		switch {
		case b[0] == 0, b[0] == 127, b[0] >= 240: // this network, loopback, reserved and limited broadcast
			return true
		case b[0] == 169 && b[1] == 254: // link-local
			return true
		}
		return false
	}
	return a.IsUnspecified() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.Is4In6()
}
