package forwarder

import (
	"encoding/binary"
	"net/netip"
)

// A frame is a virtio_net_hdr without num_buffers, little endian (virtio 1.2 section 5.1.6: flags u8, gso_type u8, hdr_len u16,
// gso_size u16, csum_start u16, csum_offset u16), followed by the Ethernet frame.
const (
	virtioLen = 10
	etherLen  = 14
	l3        = virtioLen + etherLen // where the IP header or the ARP message begins
	ipv4Len   = 20
	ipv6Len   = 40
	tcpLen    = 20
	udpLen    = 8

	// frameRoom holds the longest frame: IPv6 with a payload of 65,535 octets.
	frameRoom = l3 + ipv6Len + 65535

	maxHeaders = 8 // extension headers walked before a chain counts as hiding something
)

// Flags and types of the virtio header.
const (
	needsChecksum = 1 // the transport checksum is left to whoever puts the frame on a wire
	dataValid     = 2 // the transport checksum was verified
	gsoNone       = 0
	gsoTCPv4      = 1
	gsoTCPv6      = 4
	gsoUDPL4      = 5 // UDP segmentation
	gsoECN        = 0x80
)

const (
	etherIPv4  = 0x0800
	etherARP   = 0x0806
	etherVLAN  = 0x8100
	etherIPv6  = 0x86dd
	etherQinQ  = 0x88a8
	protoHop   = 0
	protoICMP  = 1
	protoTCP   = 6
	protoUDP   = 17
	protoRoute = 43
	protoFrag  = 44
	protoICMP6 = 58
	protoDest  = 60
	protoMobil = 135
	protoHIP   = 139
	protoShim6 = 140
)

// mac is an Ethernet address.
type mac = [6]byte

// packet is what parse saw in one frame. It is used again for the next frame; raw is borrowed.
type packet struct {
	raw   []byte // the frame, virtio header included; cut to the IP packet's length where there is one
	fault Reason // Undecided when nothing was found wrong

	// Valid unless the frame is shorter than an Ethernet header.
	dst, src  mac
	etherType uint16

	// Valid for IPv4 and IPv6 without fault.
	from, to netip.Addr
	ttl      uint8 // hop limit in IPv6
	protocol uint8 // of the upper layer, extension headers passed over
	l4       int   // where the upper layer begins in raw; len(raw) when this fragment does not hold its beginning
	fragment bool  // one of several, or an atomic fragment (RFC 6946)
	later    bool  // a fragment other than the first
	part     part  // of a fragment: where it lies
}

// parse looks at a frame. It cannot fail: whatever is wrong is p.fault, and the unknown is a value.
func (p *packet) parse(frame []byte) {
	*p = packet{raw: frame}
	if len(frame) < l3 {
		p.fault = Malformed
		return
	}
	p.dst = mac(frame[virtioLen:])
	p.src = mac(frame[virtioLen+6:])
	p.etherType = binary.BigEndian.Uint16(frame[virtioLen+12:])
	switch p.etherType {
	case etherIPv4:
		p.fault = p.parseIPv4()
	case etherIPv6:
		p.fault = p.parseIPv6()
	case etherARP:
		if len(frame) < l3+arpLen {
			p.fault = Malformed
		}
	case etherVLAN, etherQinQ:
		p.fault = VLANTagged
	default:
		p.fault = Unsupported
	}
	if p.fault == Undecided && !p.virtioHolds() {
		p.fault = Malformed
	}
}

// parseIPv4 makes the checks of RFC 1812 section 5.2.2 in its order.
func (p *packet) parseIPv4() Reason {
	b := p.raw[l3:]
	if len(b) < ipv4Len || b[0]>>4 != 4 {
		return Malformed
	}
	header := int(b[0]&0x0f) * 4
	total := int(binary.BigEndian.Uint16(b[2:]))
	if header < ipv4Len || header > total || total > len(b) {
		return Malformed
	}
	if !sumsToNothing(sum(0, b[:header])) {
		return BadChecksum
	}
	p.raw = p.raw[:l3+total] // what follows is Ethernet padding
	p.from = netip.AddrFrom4([4]byte(b[12:]))
	p.to = netip.AddrFrom4([4]byte(b[16:]))
	p.ttl, p.protocol = b[8], b[9]
	p.l4 = l3 + header
	if binary.BigEndian.Uint16(b[6:])&(moreFragments|offsetMask) != 0 {
		p.fragment, p.part = true, part4(b, total-header)
		if p.later = p.part.at != 0; p.later {
			p.l4 = len(p.raw)
		}
	}
	return optionsFault(b[ipv4Len:header])
}

// optionsFault walks IPv4 options (RFC 791 section 3.1). Source routes are refused (RFC 7126 section 4.3); what is not known passes.
func optionsFault(options []byte) Reason {
	const (
		endOfList   = 0
		noOperation = 1
		looseRoute  = 131
		strictRoute = 137
	)
	for len(options) > 0 {
		switch options[0] {
		case endOfList:
			return Undecided
		case noOperation:
			options = options[1:]
			continue
		case looseRoute, strictRoute:
			return SourceRoute
		}
		if len(options) < 2 || options[1] < 2 || int(options[1]) > len(options) {
			return Malformed
		}
		options = options[options[1]:]
	}
	return Undecided
}

// parseIPv6 checks the fixed header (RFC 8200 section 3) and walks the extension headers. Jumbograms (RFC 2675) are not supported:
// a payload length of zero means no payload.
func (p *packet) parseIPv6() Reason {
	b := p.raw[l3:]
	if len(b) < ipv6Len || b[0]>>4 != 6 {
		return Malformed
	}
	total := ipv6Len + int(binary.BigEndian.Uint16(b[4:]))
	if total > len(b) {
		return Malformed
	}
	p.raw = p.raw[:l3+total]
	p.from = netip.AddrFrom16([16]byte(b[8:]))
	p.to = netip.AddrFrom16([16]byte(b[24:]))
	p.protocol, p.ttl = b[6], b[7]
	return p.walk()
}

// walk passes over IPv6 extension headers up to the upper layer. A chain that runs out of the packet, goes on in another
// fragment (RFC 7112) or is longer than maxHeaders could hide a TCP port, and is a fault.
func (p *packet) walk() Reason {
	at := l3 + ipv6Len
	for range maxHeaders + 1 {
		var size int
		switch p.protocol {
		default:
			p.l4 = at
			if p.later {
				p.l4 = len(p.raw)
			}
			return Undecided
		case protoHop, protoRoute, protoDest, protoMobil, protoHIP, protoShim6:
			if p.later || len(p.raw) < at+8 {
				return HeaderChain
			}
			if p.protocol == protoRoute && p.raw[at+2] == 0 {
				return SourceRoute // RFC 5095
			}
			size = 8 + 8*int(p.raw[at+1])
		case protoFrag:
			if p.fragment || len(p.raw) < at+8 {
				return HeaderChain
			}
			size = 8
			p.fragment, p.part = true, part6(p.raw[at:], len(p.raw)-at-size)
			p.later = p.part.at != 0
		}
		if at+size > len(p.raw) {
			return HeaderChain
		}
		p.protocol = p.raw[at]
		at += size
	}
	return HeaderChain
}

// virtioHolds says whether the virtio header fits the frame behind it; the kernel refuses to take one that does not.
func (p *packet) virtioHolds() bool {
	if p.raw[0]&needsChecksum != 0 {
		start := int(binary.LittleEndian.Uint16(p.raw[6:]))
		offset := int(binary.LittleEndian.Uint16(p.raw[8:]))
		if start+offset+2 > len(p.raw)-virtioLen {
			return false
		}
	}
	return p.raw[1] == gsoNone || binary.LittleEndian.Uint16(p.raw[4:]) != 0
}

// payload is the upper layer, empty where this fragment does not hold its beginning.
func (p *packet) payload() []byte { return p.raw[p.l4:] }

// port is the destination port of TCP. Valid when payload holds four octets.
func (p *packet) port() uint16 { return binary.BigEndian.Uint16(p.raw[p.l4+2:]) }

// fromPort is the source port of TCP. Valid when payload holds four octets.
func (p *packet) fromPort() uint16 { return binary.BigEndian.Uint16(p.raw[p.l4:]) }

// wireSize is the length of the longest IP packet this frame becomes on a wire: its own, or for a frame with segmentation
// offload that of one segment.
func (p *packet) wireSize() int {
	whole := len(p.raw) - l3
	kind := p.raw[1] &^ gsoECN
	if kind == gsoNone {
		return whole
	}
	headers := p.l4 - l3
	switch kind {
	case gsoTCPv4, gsoTCPv6:
		if b := p.payload(); len(b) >= tcpLen {
			headers += int(b[12]>>4) * 4
		}
	case gsoUDPL4:
		headers += udpLen
	default: // UDP fragmentation, whose pieces have no header but IP's
	}
	return min(whole, headers+int(binary.LittleEndian.Uint16(p.raw[4:])))
}

// intact says whether the checksum of the upper layer is right, as far as it can be known: offload may have left it to
// others, a fragment does not hold what it covers, and an unknown protocol has none.
func (p *packet) intact() bool {
	if p.raw[0]&(needsChecksum|dataValid) != 0 || p.fragment {
		return true
	}
	b := p.payload()
	switch p.protocol {
	case protoTCP, protoICMP6:
		if p.protocol == protoICMP6 && p.from.Is4() {
			return true
		}
		return sumsToNothing(sum(pseudoHeader(p.from, p.to, p.protocol, len(b)), b))
	case protoUDP:
		if len(b) < udpLen {
			return false
		}
		length := int(binary.BigEndian.Uint16(b[4:]))
		if length < udpLen || length > len(b) {
			return false
		}
		if binary.BigEndian.Uint16(b[6:]) == 0 {
			return p.from.Is4() // none was made (RFC 768); IPv6 must have one (RFC 8200 section 8.1)
		}
		return sumsToNothing(sum(pseudoHeader(p.from, p.to, protoUDP, length), b[:length]))
	case protoICMP:
		return p.from.Is6() || sumsToNothing(sum(0, b))
	}
	return true
}

// tcpHolds says whether the TCP header lies within the packet (RFC 9293 section 3.1).
func (p *packet) tcpHolds() bool {
	b := p.payload()
	if len(b) < tcpLen {
		return false
	}
	header := int(b[12]>>4) * 4
	return header >= tcpLen && header <= len(b)
}
