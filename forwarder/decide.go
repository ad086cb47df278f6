package forwarder

import "net/netip"

// decision is a frame's fate and what carrying it out takes. The zero value drops.
type decision struct {
	fate   fate
	reason Reason // of a drop

	mac     mac        // forward: of the next hop; punt: of station
	station netip.Addr // the neighbour that a drop or punt is about
	answer  bool       // punt: the frame tells where station is, as an answer to a request of ours
	past    Past       // forward: it opens a flow that passes the host
}

func dropped(r Reason) decision { return decision{reason: r} }

// decide answers what becomes of a packet. It changes nothing.
//
// The order is that of a router (RFC 1812 section 5.2.1): the link, the IP header, whether it is for us, then whether and where
// it may go on.
func (f *Forwarder) decide(p *packet) decision {
	if len(p.raw) < l3 {
		return dropped(Malformed)
	}
	group := p.dst[0]&1 != 0
	switch {
	case !isStation(p.src):
		return dropped(Malformed)
	case p.src == f.network.mac:
		return dropped(SourceOwn)
	case !group && p.dst != f.network.mac:
		return dropped(NotForUs)
	case p.fault != Undecided:
		return dropped(p.fault)
	case p.etherType == etherARP:
		return f.decideARP(p)
	case p.to.IsMulticast():
		// IPv6 discovery and MLD queries are all that a host with our addresses needs of groups.
		if p.protocol == protoICMP6 && p.to.Is6() && f.network.hears(p.to) {
			return f.decideOwn(p)
		}
		return dropped(Multicast)
	case group:
		return dropped(Multicast) // RFC 1122 section 3.3.6: a unicast or broadcast address in a group frame
	case f.network.isOwn(p.to):
		return f.decideOwn(p)
	}
	return f.decideForward(p)
}

// decideOwn decides about a packet for the gateway itself. The host is told that checksums are right, so they are.
func (f *Forwarder) decideOwn(p *packet) decision {
	if p.from.Is4() {
		if f.network.martianSource(p.from) {
			return dropped(Martian)
		}
	} else if !f.mayReachUs(p) {
		return dropped(Martian)
	}
	switch {
	case p.protocol == protoTCP && p.fragment:
		return dropped(TCPFragment)
	case p.protocol == protoTCP && !p.tcpHolds():
		return dropped(Malformed)
	case !p.intact():
		return dropped(BadChecksum)
	case p.isError() && p.shrinksTooFar():
		return dropped(TinyMTU)
	case p.later: // what it belongs to was looked at in its first fragment
	case p.protocol == protoICMP && p.from.Is4():
		const redirect = 5
		if b := p.payload(); len(b) == 0 {
			return dropped(Malformed)
		} else if b[0] == redirect {
			return dropped(Redirect)
		}
	case p.protocol == protoICMP6 && p.from.Is6():
		c, fault := f.readDiscovery(p)
		if fault != Undecided {
			return dropped(fault)
		}
		if c.router { // a forged one misleads workstations all the same
			return dropped(RouterDiscovery)
		}
		if c.made && c.mac == f.network.mac {
			return dropped(SourceOwn) // nobody else is where we are
		}
		if c.made && f.neighbours.contradicts(c.addr, c.mac) {
			return decision{reason: ForgedNeighbour, station: c.addr}
		}
		return decision{fate: puntOwn, station: c.addr, mac: c.mac, answer: c.answer}
	}
	return decision{fate: puntOwn}
}

// mayReachUs says whether an IPv6 packet for us may have the source it has. Unlike one that is forwarded it may be
// link-local, unspecified (a probe of RFC 4862 section 5.4.2, a solicitation) or, where somebody else defends our address, our own.
func (f *Forwarder) mayReachUs(p *packet) bool {
	switch {
	case p.from.IsLoopback(), p.from.IsMulticast(), p.from.Is4In6():
		return false
	case p.from.IsUnspecified():
		return p.protocol == protoICMP6
	case f.network.isOwn(p.from):
		b := p.payload()
		return p.protocol == protoICMP6 && len(b) > 0 && b[0] == ndNeighbourAdvert
	}
	return true
}

// decideForward decides about a packet that was sent to our MAC for somebody else.
func (f *Forwarder) decideForward(p *packet) decision {
	if f.network.martianSource(p.from) || f.network.martianDestination(p.to) || p.from == p.to {
		return dropped(Martian)
	}

	routers := f.neighbours.family(p.to)
	fromRouter := routers.sent(p.src)
	if !f.mayCome(p, fromRouter) {
		return dropped(Spoofed)
	}

	onLink := f.network.isOnLink(p.to)
	var next *neighbour // where to, off-link
	if !onLink {
		next = f.neighbours.routeTo(p.to)
		if next == nil {
			if next = routers.inUse.Load(); next != nil && fromRouter {
				return dropped(PingPong) // two routers are one outside
			}
		}
	}
	switch {
	case !onLink && next == nil:
		return dropped(NoRoute)
	case p.ttl <= 1:
		return dropped(TTLExpired)
	}

	if !fromRouter && f.isAboutIntercepted(p) {
		return decideError(p)
	}
	hop := decision{fate: forward}
	if p.protocol == protoTCP && !p.later { // a later fragment goes on only behind its first
		if hop = f.decideTCP(p, fromRouter); hop.fate != forward {
			return hop
		}
	}

	if p.wireSize() > f.mtu {
		if !p.maySplit() {
			return dropped(TooBig)
		}
		hop.fate = forwardSplit
	}
	known := false
	if onLink {
		hop.mac, known = f.neighbours.lookup(p.to)
	} else {
		hop.mac, known = next.address()
	}
	switch {
	case !known && onLink:
		return decision{reason: Unresolved, station: p.to}
	case !known:
		return dropped(Unresolved) // a gateway is asked for anyway
	case hop.mac == p.src:
		return dropped(PingPong)
	}
	return hop
}

// decideTCP decides whether TCP that may go on does, or is mail.
func (f *Forwarder) decideTCP(p *packet, fromRouter bool) decision {
	switch {
	case p.fragment && !p.tcpHolds():
		return dropped(TCPFragment) // RFC 1858 section 4.2
	case len(p.payload()) < 4:
		return dropped(Malformed) // it hides its port
	case fromRouter:
		return decision{fate: forward}
	}
	index, skipped := f.rules.match(p.from, p.to, p.port())
	switch {
	case index < 0:
		return decision{fate: forward}
	case skipped:
		return decision{fate: forward, past: Skipped}
	case f.bypassed(p):
		return decision{fate: forward, past: Bypassed}
	case p.fragment:
		return dropped(TCPFragment)
	}
	return decideIntercept(p)
}

// mayCome says whether who sent a frame may send its source (RFC 2827). One leg: the way in is the way out, so that a reverse
// path check says nothing. The MAC does: the LAN's sources come from the LAN, those of a route from its gateway, all others from a
// router.
func (f *Forwarder) mayCome(p *packet, fromRouter bool) bool {
	if f.network.isOnLink(p.from) {
		return !fromRouter
	}
	if via := f.neighbours.routeTo(p.from); via != nil {
		m, known := via.address()
		return known && m == p.src
	}
	return fromRouter
}

// decideIntercept decides about a segment of an intercepted flow, for which the same holds as for one to our own address.
func decideIntercept(p *packet) decision {
	if !p.tcpHolds() {
		return dropped(Malformed)
	}
	if !p.intact() {
		return dropped(BadChecksum)
	}
	return decision{fate: puntIntercept}
}
