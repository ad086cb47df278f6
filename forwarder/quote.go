package forwarder

import (
	"encoding/binary"
	"net/netip"
)

// ICMP errors about packets that the host sent: those of intercepted flows in a server's name, which only the host can make use
// of, and its own.

// The least MTU that is believed of a path (RFC 5927 section 7.2, RFC 8201 section 4): IPv4's is the one that Linux goes by.
const (
	leastMTU4 = 552
	leastMTU6 = 1280
)

// isError says whether a packet is an ICMP error that a transport acts on. A fragment of one is not.
func (p *packet) isError() bool {
	b := p.payload()
	if p.fragment || len(b) < icmpLen {
		return false
	}
	if p.from.Is4() {
		const parameterProblem = 12
		return p.protocol == protoICMP && (b[0] == unreachable4 || b[0] == timeExceeded4 || b[0] == parameterProblem)
	}
	return p.protocol == protoICMP6 && b[0] > 0 && b[0] < 128
}

// shrinksTooFar says whether an ICMP error asks for packets below the least MTU that is believed. Whoever sends one wants the flow to crawl.
func (p *packet) shrinksTooFar() bool {
	b := p.payload()
	if p.from.Is4() {
		return b[0] == unreachable4 && b[1] == fragNeeded && binary.BigEndian.Uint16(b[6:]) < leastMTU4
	}
	return b[0] == tooBig6 && binary.BigEndian.Uint32(b[4:]) < leastMTU6
}

// quoted is the flow of a TCP segment that an ICMP error quotes.
type quoted struct {
	from, to         netip.Addr
	fromPort, toPort uint16
}

// readQuote reads the head of the packet an ICMP error is about. The host sends TCP without extension headers and
// unfragmented, so that nothing else can be its.
func (p *packet) readQuote() (q quoted, ok bool) {
	const ports = 4
	b := p.payload()[icmpLen:]
	if p.from.Is4() {
		if len(b) < ipv4Len || b[0]>>4 != 4 || b[9] != protoTCP || binary.BigEndian.Uint16(b[6:])&offsetMask != 0 {
			return quoted{}, false
		}
		header := int(b[0]&0x0f) * 4
		if header < ipv4Len || len(b) < header+ports {
			return quoted{}, false
		}
		return quoted{
			from: netip.AddrFrom4([4]byte(b[12:])), to: netip.AddrFrom4([4]byte(b[16:])),
			fromPort: binary.BigEndian.Uint16(b[header:]), toPort: binary.BigEndian.Uint16(b[header+2:]),
		}, true
	}
	if len(b) < ipv6Len+ports || b[0]>>4 != 6 || b[6] != protoTCP {
		return quoted{}, false
	}
	return quoted{
		from: netip.AddrFrom16([16]byte(b[8:])), to: netip.AddrFrom16([16]byte(b[24:])),
		fromPort: binary.BigEndian.Uint16(b[ipv6Len:]), toPort: binary.BigEndian.Uint16(b[ipv6Len+2:]),
	}, true
}

// isAboutIntercepted says whether a packet from the LAN is an ICMP error about one that the host sent to a client in a server's
// name. It is on its way to that server, which knows nothing of the flow.
func (f *Forwarder) isAboutIntercepted(p *packet) bool {
	if !p.isError() {
		return false
	}
	q, ok := p.readQuote()
	return ok && q.from == p.to && f.rules.intercepts(q.to, q.from, q.fromPort) &&
		(!f.bypass.Load() || f.holds(netip.AddrPortFrom(q.to, q.toPort), netip.AddrPortFrom(q.from, q.fromPort)))
}

// decideError decides about an ICMP error about a packet the host sent.
func decideError(p *packet) decision {
	switch {
	case !p.intact():
		return dropped(BadChecksum)
	case p.shrinksTooFar():
		return dropped(TinyMTU)
	}
	return decision{fate: puntIntercept}
}
