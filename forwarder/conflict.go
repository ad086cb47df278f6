package forwarder

import (
	"encoding/binary"
	"net/netip"
	"time"
)

const (
	probeInterval  = 30 * time.Second // each own address is probed for
	defendInterval = 10 * time.Second // DEFEND_INTERVAL of RFC 5227 section 1.1
)

// guard watches over the gateway's own addresses once the host has them. It belongs to the goroutine that asks for neighbours.
type guard struct {
	probed   time.Time // when others were last asked whether they have an own address
	defended time.Time // when a claim was last answered
	frame    [requestRoom]byte
}

// watch is called once every solicitInterval. Every probeInterval it asks whether anybody else has one of our addresses: a station
// that keeps quiet until it is asked is found so. A claim it answers by announcing who has the address, at most once every
// defendInterval (RFC 5227 section 2.4 (c): a router cannot give its address up).
func (f *Forwarder) watch(q *queue, g *guard) {
	now := f.now()
	if g.probed.IsZero() {
		g.probed, g.defended = now, now // the host itself asks, and only then takes its addresses
	}
	if now.Sub(g.probed) >= probeInterval {
		g.probed = now
		for _, a := range f.network.own {
			f.sendOwn(q, g, a, false)
		}
	}
	claim := f.AddressClaimed()
	if claim.Last.After(g.defended) && now.Sub(g.defended) >= defendInterval {
		g.defended = now
		f.sendOwn(q, g, claim.Addr, true)
	}
}

// sendOwn sends a probe for an own address, or an announcement of it.
func (f *Forwarder) sendOwn(q *queue, g *guard, a netip.Addr, announce bool) {
	n := f.putOwn(g.frame[:], a, announce)
	if q.writeOwn([][]byte{g.frame[:n]}) != 1 {
		return
	}
	if announce {
		f.totals.defences.Add(1)
	} else {
		f.totals.probes.Add(1)
	}
}

// putOwn writes a probe for a (RFC 5227 section 2.1.1, RFC 4862 section 5.4.2) or an announcement of it (RFC 5227 section 2.3,
// RFC 4861 section 7.2.6) into b, and returns the frame's length.
func (f *Forwarder) putOwn(b []byte, a netip.Addr, announce bool) int {
	clear(b[:requestRoom])
	ether := b[virtioLen:]
	copy(ether[6:], f.network.mac[:])
	if a.Is4() {
		for i := range 6 {
			ether[i] = 0xff
		}
		binary.BigEndian.PutUint16(ether[12:], etherARP)
		from := netip.IPv4Unspecified()
		if announce {
			from = a
		}
		putARPRequest(b[l3:], f.network.mac, from, a)
		return l3 + arpLen
	}
	from, to := netip.IPv6Unspecified(), solicitedNode(a)
	if announce {
		from, to = a, netip.IPv6LinkLocalAllNodes()
	}
	group := to.As16()
	ether[0], ether[1] = 0x33, 0x33 // RFC 2464 section 7
	copy(ether[2:6], group[12:])
	binary.BigEndian.PutUint16(ether[12:], etherIPv6)
	return l3 + f.putOwnDiscovery(b[l3:], from, to, a, announce)
}

// putOwnDiscovery writes the IPv6 packet of a probe, which has no option (RFC 4861 section 4.3), or of an advertisement into cleared
// b, and returns its length.
func (f *Forwarder) putOwnDiscovery(b []byte, from, to, a netip.Addr, announce bool) int {
	length := 24
	if announce {
		length = 32
	}
	binary.BigEndian.PutUint32(b, 6<<28)
	binary.BigEndian.PutUint16(b[4:], uint16(length))
	b[6], b[7] = protoICMP6, ndHopLimit
	source, destination, who := from.As16(), to.As16(), a.As16()
	copy(b[8:], source[:])
	copy(b[24:], destination[:])
	icmp := b[ipv6Len : ipv6Len+length]
	icmp[0] = ndNeighbourSolicitation
	copy(icmp[8:], who[:])
	if announce {
		const routerAndOverride = 0x80 | 0x20
		icmp[0], icmp[4] = ndNeighbourAdvert, routerAndOverride
		icmp[24], icmp[25] = ndTargetAddress, 1
		copy(icmp[26:], f.network.mac[:])
	}
	binary.BigEndian.PutUint16(icmp[2:], ^fold(sum(pseudoHeader(from, to, protoICMP6, length), icmp)))
	return ipv6Len + length
}
