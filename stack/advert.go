package stack

import (
	"encoding/binary"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// markRouter sets the R flag of a neighbour advertisement that is being sent (RFC 4861 section 4.4). Netstack does not
// forward and so calls itself no router, upon which a client that learnt us from a router advertisement would drop the route
// (section 7.2.5). Other frames are left alone.
func markRouter(frame []byte) {
	const (
		icmpAt      = frameStart + header.IPv6MinimumSize
		checksumAt  = icmpAt + 2
		flagsAt     = icmpAt + 4
		routerFlag  = 0x8000
		minimumSize = icmpAt + header.ICMPv6HeaderSize + header.NDPNAMinimumSize
	)
	if len(frame) < minimumSize || frame[frameStart]>>4 != 6 || frame[frameStart+6] != uint8(header.ICMPv6ProtocolNumber) ||
		header.ICMPv6Type(frame[icmpAt]) != header.ICMPv6NeighborAdvert {
		return
	}
	old := binary.BigEndian.Uint16(frame[flagsAt:])
	marked := old | routerFlag
	binary.BigEndian.PutUint16(frame[flagsAt:], marked)
	// RFC 1624 equation 3: ~(~sum + ~old + new).
	sum := uint32(^binary.BigEndian.Uint16(frame[checksumAt:])) + uint32(^old) + uint32(marked)
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(frame[checksumAt:], ^uint16(sum))
}
