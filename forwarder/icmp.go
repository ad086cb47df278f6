package forwarder

import (
	"encoding/binary"
	"net/netip"
)

// ICMP errors: RFC 792, RFC 1812 section 4.3, RFC 4443.
const (
	unreachable4  = 3
	timeExceeded4 = 11
	tooBig6       = 2
	timeExceeded6 = 3
	fragNeeded    = 4 // code of unreachable4
	icmpLen       = 8
	errorMax4     = 576  // RFC 1812 section 4.3.2.3
	errorMax6     = 1280 // RFC 4443 section 2.4(c)
	errorTTL      = 64
	errorRoom     = l3 + errorMax6
)

// earnsError says whether an ICMP error may be sent about a packet (RFC 1812 section 4.3.2.7, RFC 4443 section 2.4(e)). Group
// frames, group destinations and sources that are no host's never get here: decide drops them first.
func (p *packet) earnsError() bool {
	if p.later {
		return false
	}
	b := p.payload()
	switch {
	case p.protocol == protoICMP && p.from.Is4():
		if len(b) == 0 {
			return false
		}
		switch b[0] {
		case 3, 4, 5, 11, 12: // unreachable, source quench, redirect, time exceeded, parameter problem
			return false
		}
	case p.protocol == protoICMP6 && p.from.Is6():
		return len(b) > 0 && b[0] >= 128 && b[0] != ndRedirect
	}
	return true
}

// errorSource returns the address that errors to target come from: ours on its network, else the first of its family that is not
// link-local (RFC 1812 section 4.3.2.4, RFC 4443 section 2.2).
func (n *network) errorSource(target netip.Addr) (netip.Addr, bool) {
	var other netip.Addr
	for i, a := range n.own {
		if a.Is4() != target.Is4() || a.IsLinkLocalUnicast() {
			continue
		}
		if n.onLink[i].Contains(target) {
			return a, true
		}
		if !other.IsValid() {
			other = a
		}
	}
	return other, other.IsValid()
}

// icmpError is the first eight octets of an ICMP error but for the checksum.
type icmpError struct {
	kind, code uint8
	value      uint32
}

// timeExceeded is the error about a packet whose TTL is spent (RFC 1812 section 5.3.1, RFC 4443 section 3.3).
func (p *packet) timeExceeded() icmpError {
	if p.from.Is4() {
		return icmpError{kind: timeExceeded4}
	}
	return icmpError{kind: timeExceeded6}
}

// tooBig is the error about a packet that does not fit the next hop's MTU (RFC 1191 section 4, RFC 4443 section 3.2).
func (p *packet) tooBig(mtu int) icmpError {
	if p.from.Is4() {
		return icmpError{unreachable4, fragNeeded, uint32(mtu)}
	}
	return icmpError{tooBig6, 0, uint32(mtu)}
}

// putError writes an ICMP error about p into b, which has errorRoom, and returns the frame's length, or 0 where we
// have no address to send it from. It goes to the station the packet came from, which decide found to be on the way to its source.
//
// The quote holds as much of the packet as fits. A transport checksum left to offload is completed in it, so that the sender finds what
// he knows; not in a frame with segmentation offload, which never was on a wire in this form.
func (f *Forwarder) putError(b []byte, p *packet, e icmpError) int {
	from, ok := f.network.errorSource(p.from)
	if !ok {
		return 0
	}
	header, limit := ipv4Len, errorMax4
	if from.Is6() {
		header, limit = ipv6Len, errorMax6
	}
	quote := p.raw[l3:]
	quote = quote[:min(len(quote), limit-header-icmpLen)]
	total := header + icmpLen + len(quote)
	b = b[:l3+total]
	clear(b[:l3+header+icmpLen])

	copy(b[virtioLen:], p.src[:])
	copy(b[virtioLen+6:], f.network.mac[:])
	binary.BigEndian.PutUint16(b[virtioLen+12:], p.etherType)

	ip, icmp := b[l3:], b[l3+header:]
	copy(icmp[icmpLen:], quote)
	p.completeQuote(icmp[icmpLen:])
	icmp[0], icmp[1] = e.kind, e.code
	binary.BigEndian.PutUint32(icmp[4:], e.value)
	if from.Is4() {
		binary.BigEndian.PutUint16(icmp[2:], checksum(icmp))
		source, target := from.As4(), p.from.As4()
		ip[0], ip[1] = 0x45, 0xc0 // precedence 6 (RFC 1812 section 4.3.2.5)
		binary.BigEndian.PutUint16(ip[2:], uint16(total))
		ip[6] = 0x40 // do not fragment: no identification is needed (RFC 6864 section 4.1)
		ip[8], ip[9] = errorTTL, protoICMP
		copy(ip[12:], source[:])
		copy(ip[16:], target[:])
		binary.BigEndian.PutUint16(ip[10:], checksum(ip[:ipv4Len]))
		return len(b)
	}
	binary.BigEndian.PutUint16(icmp[2:], ^fold(sum(pseudoHeader(from, p.from, protoICMP6, len(icmp)), icmp)))
	source, target := from.As16(), p.from.As16()
	binary.BigEndian.PutUint32(ip, 6<<28)
	binary.BigEndian.PutUint16(ip[4:], uint16(len(icmp)))
	ip[6], ip[7] = protoICMP6, errorTTL
	copy(ip[8:], source[:])
	copy(ip[24:], target[:])
	return len(b)
}

// completeQuote puts the transport checksum into the quote of a packet that left it to offload: the field holds the sum of the
// pseudo-header, and is itself part of what is summed.
func (p *packet) completeQuote(quote []byte) {
	if p.raw[0]&needsChecksum == 0 || p.raw[1] != gsoNone {
		return
	}
	start := virtioLen + int(binary.LittleEndian.Uint16(p.raw[6:]))
	at := start + int(binary.LittleEndian.Uint16(p.raw[8:])) - l3
	if start < l3 || at+2 > len(quote) {
		return
	}
	c := checksum(p.raw[start:])
	if c == 0 {
		c = 0xffff // zero means none in UDP (RFC 768) and is the same number elsewhere
	}
	binary.BigEndian.PutUint16(quote[at:], c)
}
