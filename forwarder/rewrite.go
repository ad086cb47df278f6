package forwarder

import "encoding/binary"

// rewrite makes the frame of p the one that goes on to a next hop: two MACs, the TTL, and in IPv4 the header checksum. Nothing
// else is touched; the virtio header stays as it came, and with it whatever offload has still to do.
//
// The TTL is above 1, which decide has seen to.
func (p *packet) rewrite(to, from mac) {
	copy(p.raw[virtioLen:], to[:])
	copy(p.raw[virtioLen+6:], from[:])
	ip := p.raw[l3:]
	if p.etherType == etherIPv6 {
		ip[7]--
		return
	}
	binary.BigEndian.PutUint16(ip[10:], lowerTTLChecksum(binary.BigEndian.Uint16(ip[10:]), ip[8], ip[9]))
	ip[8]--
}
