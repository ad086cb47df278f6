package stack

import (
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// packet is an IP packet inside a frame or inside an ICMP error, as far as it is looked at here.
type packet struct {
	src, dst netip.Addr
	protocol uint8  // of the transport
	payload  []byte // from the transport header on; aliases the frame, may be cut short and may end in padding
	fragment bool   // one that has no transport header
}

// maxExtensionHeaders bounds the IPv6 extension headers parsePacket walks, as the forwarder does.
const maxExtensionHeaders = 8

// parsePacket reads the IP header of b, options and extension headers included. It reports false where that is not whole.
func parsePacket(b []byte) (packet, bool) {
	if len(b) < header.IPv4MinimumSize {
		return packet{}, false
	}
	switch b[0] >> 4 {
	case 4:
		ip := header.IPv4(b)
		headerLen := int(ip.HeaderLength())
		if headerLen < header.IPv4MinimumSize || headerLen > len(b) {
			return packet{}, false
		}
		return packet{
			src: netip.AddrFrom4([4]byte(b[12:16])), dst: netip.AddrFrom4([4]byte(b[16:20])),
			protocol: ip.Protocol(), payload: b[headerLen:], fragment: ip.FragmentOffset() != 0,
		}, true
	case 6:
		if len(b) < header.IPv6MinimumSize {
			return packet{}, false
		}
		p := packet{src: netip.AddrFrom16([16]byte(b[8:24])), dst: netip.AddrFrom16([16]byte(b[24:40])), protocol: b[6], payload: b[header.IPv6MinimumSize:]}
		for range maxExtensionHeaders {
			switch header.IPv6ExtensionHeaderIdentifier(p.protocol) {
			case header.IPv6HopByHopOptionsExtHdrIdentifier, header.IPv6RoutingExtHdrIdentifier, header.IPv6DestinationOptionsExtHdrIdentifier:
			default:
				return p, true
			}
			if len(p.payload) < 2 || len(p.payload) < (int(p.payload[1])+1)*8 {
				return packet{}, false
			}
			p.protocol, p.payload = p.payload[0], p.payload[(int(p.payload[1])+1)*8:]
		}
		return p, true
	}
	return packet{}, false
}

// frameStart is where the packet begins in a frame with its virtio header.
const frameStart = VNetHeaderLen + header.EthernetMinimumSize

// parseFrame is parsePacket for the packet in a frame.
func parseFrame(frame []byte) (packet, bool) {
	if len(frame) < frameStart {
		return packet{}, false
	}
	return parsePacket(frame[frameStart:])
}
