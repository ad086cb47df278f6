package capture

import (
	"encoding/binary"
	"net/netip"
)

// A frame is a virtio_net_hdr of 10 octets and an Ethernet frame.
const (
	virtioLen = 10
	etherLen  = 14
	l3        = virtioLen + etherLen

	arpLen     = 28 // for IPv4 over Ethernet, RFC 826
	maxHeaders = 8  // IPv6 extension headers passed over
)

const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherIPv6 = 0x86dd

	protoHop   = 0
	protoICMP  = 1
	protoTCP   = 6
	protoUDP   = 17
	protoDCCP  = 33
	protoRoute = 43
	protoFrag  = 44
	protoICMP6 = 58
	protoDest  = 60
	protoSCTP  = 132
)

// ends are where a packet comes from and goes to. A port is 0 where there is none, as in the later fragments of a packet.
type ends struct {
	from, to netip.AddrPort
}

// look finds the ends of the packet in a frame, and those of the packet that it quotes when it is an ICMP error. What is not found
// stays invalid.
func look(frame []byte) (packet, quoted ends) {
	if len(frame) < l3 {
		return ends{}, ends{}
	}
	b := frame[l3:]
	switch binary.BigEndian.Uint16(frame[virtioLen+12:]) {
	case etherARP:
		if len(b) >= arpLen && [6]byte(b) == [6]byte{0, 1, 8, 0, 6, 4} {
			packet.from = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[14:])), 0)
			packet.to = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[24:])), 0)
		}
		return packet, ends{}
	case etherIPv4, etherIPv6:
	default:
		return ends{}, ends{}
	}
	packet, protocol, payload := lookIP(b)
	if isError(protocol, payload) && len(payload) > 8 {
		quoted, _, _ = lookIP(payload[8:])
	}
	return packet, quoted
}

// lookIP finds the ends of an IP packet, which may be cut short. The payload is empty where b does not hold its beginning.
func lookIP(b []byte) (e ends, protocol uint8, payload []byte) {
	var from, to netip.Addr
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		from, to = netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
		protocol = b[9]
		header := int(b[0]&0x0f) * 4
		if header >= 20 && header <= len(b) && binary.BigEndian.Uint16(b[6:])&0x1fff == 0 {
			payload = b[header:]
		}
	case len(b) >= 40 && b[0]>>4 == 6:
		from, to = netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
		protocol, payload = walk(b[6], b[40:])
	default:
		return ends{}, 0, nil
	}
	var ports [2]uint16
	switch protocol {
	case protoTCP, protoUDP, protoDCCP, protoSCTP:
		if len(payload) >= 4 {
			ports[0], ports[1] = binary.BigEndian.Uint16(payload), binary.BigEndian.Uint16(payload[2:])
		}
	}
	return ends{netip.AddrPortFrom(from, ports[0]), netip.AddrPortFrom(to, ports[1])}, protocol, payload
}

// walk passes over IPv6 extension headers.
func walk(protocol uint8, b []byte) (uint8, []byte) {
	for range maxHeaders {
		size := 8
		switch protocol {
		case protoHop, protoRoute, protoDest:
			if len(b) < 8 {
				return protocol, nil
			}
			size += 8 * int(b[1])
		case protoFrag:
			if len(b) < 8 || binary.BigEndian.Uint16(b[2:])&0xfff8 != 0 {
				return protocol, nil
			}
		default:
			return protocol, b
		}
		if size > len(b) {
			return protocol, nil
		}
		protocol, b = b[0], b[size:]
	}
	return protocol, nil
}

// isError says whether a payload is an ICMP message that quotes a packet (RFC 792, RFC 4443 section 2.1).
func isError(protocol uint8, payload []byte) bool {
	if len(payload) == 0 {
		return false
	}
	switch kind := payload[0]; protocol {
	case protoICMP:
		return kind == 3 || kind == 4 || kind == 5 || kind == 11 || kind == 12
	case protoICMP6:
		return kind >= 1 && kind <= 4
	}
	return false
}
