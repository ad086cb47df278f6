package forwarder

import (
	"encoding/binary"
	"net/netip"
)

// ARP over Ethernet for IPv4 (RFC 826).
const (
	arpLen     = 28
	arpRequest = 1
	arpReply   = 2
)

// ICMPv6 types of neighbour discovery (RFC 4861 section 4) and its link-layer address options.
const (
	ndRouterSolicitation    = 133
	ndRouterAdvertisement   = 134
	ndNeighbourSolicitation = 135
	ndNeighbourAdvert       = 136
	ndRedirect              = 137
	ndSourceAddress         = 1
	ndTargetAddress         = 2
	ndHopLimit              = 255
)

// claim is what an ARP or neighbour discovery message says about a station.
type claim struct {
	addr   netip.Addr
	mac    mac
	made   bool // it says where addr is
	answer bool // it is addressed as an answer to a request of ours
	router bool // it is about routers, which is not for the host
}

// decideARP decides about an ARP message. The host sees those about our addresses: requests to answer, answers to its own requests, and
// conflicts (RFC 5227).
func (f *Forwarder) decideARP(p *packet) decision {
	b := p.raw[l3:]
	op := binary.BigEndian.Uint16(b[6:])
	sender, station := netip.AddrFrom4([4]byte(b[14:])), mac(b[8:])
	target := netip.AddrFrom4([4]byte(b[24:]))
	if binary.BigEndian.Uint64(b)>>16 != 0x0001_0800_0604 || op != arpRequest && op != arpReply || !isStation(station) {
		return dropped(Malformed)
	}
	if station == f.network.mac {
		return dropped(SourceOwn) // nobody else is where we are
	}
	if f.neighbours.contradicts(sender, station) {
		return decision{reason: ForgedNeighbour, station: sender}
	}
	toUs := f.network.isOwn(target)
	if !toUs && !f.network.isOwn(sender) {
		return dropped(NotForUs)
	}
	return decision{
		fate:    puntOwn,
		station: sender,
		mac:     station,
		answer:  op == arpReply && toUs && p.dst == f.network.mac,
	}
}

// isStation says whether a MAC can be one station's.
func isStation(m mac) bool { return m[0]&1 == 0 && m != mac{} }

// readDiscovery reads the neighbour discovery message of an ICMPv6 packet whose checksum is right (RFC 4861 sections 6.1 and 7.1).
//
// Faults: Malformed; Redirect.
func (f *Forwarder) readDiscovery(p *packet) (claim, Reason) {
	b := p.payload()
	if len(b) < 8 {
		return claim{}, Malformed
	}
	var c claim
	var options int
	wanted := byte(ndSourceAddress)
	switch b[0] {
	default:
		return claim{}, Undecided // not neighbour discovery
	case ndRedirect:
		return claim{}, Redirect
	case ndRouterSolicitation:
		c.addr, options, c.router = p.from, 8, true
	case ndRouterAdvertisement:
		c.addr, options, c.router = p.from, 16, true
		if !p.from.IsLinkLocalUnicast() {
			return claim{}, Malformed // RFC 4861 section 6.1.2
		}
	case ndNeighbourSolicitation:
		c.addr, options = p.from, 24
	case ndNeighbourAdvert:
		options, wanted = 24, ndTargetAddress
	}
	// RFC 6980: discovery in fragments is not accepted.
	if p.ttl != ndHopLimit || b[1] != 0 || p.fragment || len(b) < options {
		return claim{}, Malformed
	}
	if b[0] == ndNeighbourAdvert {
		const solicited = 0x40
		c.addr = netip.AddrFrom16([16]byte(b[8:]))
		c.answer = b[4]&solicited != 0 && p.dst == f.network.mac && f.network.isOwn(p.to)
		// A station asked by unicast may leave the option out: then it is where its frame came from.
		c.mac, c.made = p.src, c.answer
	}
	for b = b[options:]; len(b) > 0; {
		if len(b) < 8 || b[1] == 0 || int(b[1])*8 > len(b) {
			return claim{}, Malformed
		}
		if b[0] == wanted && b[1] == 1 {
			c.mac, c.made = mac(b[2:]), true
			if !isStation(c.mac) {
				return claim{}, Malformed
			}
		}
		b = b[int(b[1])*8:]
	}
	return c, Undecided
}

// requestRoom holds the longest request, a neighbour solicitation.
const requestRoom = l3 + ipv6Len + 32

// putRequest writes the frame that asks for r into b and returns its length, or 0 where no address of ours can ask.
func (f *Forwarder) putRequest(b []byte, r request) int {
	from, ok := f.network.asker(r.addr)
	if !ok {
		return 0
	}
	clear(b[:requestRoom])
	ether := b[virtioLen:]
	copy(ether[6:], f.network.mac[:])
	if r.addr.Is4() {
		for i := range 6 {
			ether[i] = 0xff
		}
		if r.unicast {
			copy(ether, r.mac[:])
		}
		binary.BigEndian.PutUint16(ether[12:], etherARP)
		putARPRequest(b[l3:], f.network.mac, from, r.addr)
		return l3 + arpLen
	}
	to := r.addr
	if r.unicast {
		copy(ether, r.mac[:])
	} else {
		to = solicitedNode(r.addr)
		group := to.As16()
		ether[0], ether[1] = 0x33, 0x33 // RFC 2464 section 7
		copy(ether[2:6], group[12:])
	}
	binary.BigEndian.PutUint16(ether[12:], etherIPv6)
	putSolicitation(b[l3:], f.network.mac, from, to, r.addr)
	return requestRoom
}

// asker returns the own address that asks for target: the one of its network, else for IPv6 any.
func (n *network) asker(target netip.Addr) (netip.Addr, bool) {
	var other netip.Addr
	for i, p := range n.onLink {
		if p.Contains(target) {
			return n.own[i], true
		}
		if n.own[i].Is6() && target.Is6() {
			other = n.own[i]
		}
	}
	return other, other.IsValid()
}

// putARPRequest writes "who has target, tell from" into cleared b.
func putARPRequest(b []byte, m mac, from, target netip.Addr) {
	binary.BigEndian.PutUint64(b, 0x0001_0800_0604_0000|arpRequest)
	sender, who := from.As4(), target.As4()
	copy(b[8:], m[:])
	copy(b[14:], sender[:])
	copy(b[24:], who[:])
}

// putSolicitation writes the IPv6 packet of a neighbour solicitation (RFC 4861 section 4.3) into cleared b.
func putSolicitation(b []byte, m mac, from, to, target netip.Addr) {
	const length = 32
	binary.BigEndian.PutUint32(b, 6<<28)
	binary.BigEndian.PutUint16(b[4:], length)
	b[6], b[7] = protoICMP6, ndHopLimit
	source, destination, who := from.As16(), to.As16(), target.As16()
	copy(b[8:], source[:])
	copy(b[24:], destination[:])
	icmp := b[ipv6Len : ipv6Len+length]
	icmp[0] = ndNeighbourSolicitation
	copy(icmp[8:], who[:])
	icmp[24], icmp[25] = ndSourceAddress, 1
	copy(icmp[26:], m[:])
	binary.BigEndian.PutUint16(icmp[2:], ^fold(sum(pseudoHeader(from, to, protoICMP6, length), icmp)))
}
