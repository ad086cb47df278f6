package stack

import (
	"errors"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// errNoSource is returned for a server of a family the gateway has no address in.
var errNoSource = errors.New("the gateway has no address of the server's family")

// source returns the address from which servers of a's family are dialled.
func (s *Stack) source(a netip.Addr) (netip.Addr, error) {
	for _, p := range s.cfg.Addresses {
		if own := p.Addr(); own.Is4() == a.Is4() && !own.IsLinkLocalUnicast() {
			return own, nil
		}
	}
	return netip.Addr{}, errNoSource
}

// segment is a TCP segment inside a frame, as far as the flow table needs it.
type segment struct {
	key flowKey
	tcp header.TCP // the header with options and payload; aliases the frame
}

// isSYN reports whether the segment opens a flow.
func (s segment) isSYN() bool {
	return s.tcp.Flags()&(header.TCPFlagSyn|header.TCPFlagAck|header.TCPFlagRst) == header.TCPFlagSyn
}

// parseSegment finds the TCP header in a frame with its virtio header. It reports false for any frame that has none, or
// not all of it.
func parseSegment(frame []byte) (segment, bool) {
	p, ok := parseFrame(frame)
	if !ok || p.protocol != uint8(header.TCPProtocolNumber) || len(p.payload) < header.TCPMinimumSize {
		return segment{}, false
	}
	return segment{key: keyOf(p), tcp: header.TCP(p.payload)}, true
}

// keyOf returns the 4-tuple of a packet with a TCP header, its sender as the client. The ports are there.
func keyOf(p packet) flowKey {
	tcp := header.TCP(p.payload)
	return flowKey{client: netip.AddrPortFrom(p.src, tcp.SourcePort()), server: netip.AddrPortFrom(p.dst, tcp.DestinationPort())}
}

// refuse answers a parked SYN as its server would have, had it been asked directly: with a RST (RFC 9293 section 3.5.2).
func (s *Stack) refuse(syn []byte) {
	seg, ok := parseSegment(syn)
	if !ok {
		return
	}
	const start = frameStart
	client, server := seg.key.client, seg.key.server
	ipLen := header.IPv4MinimumSize
	if client.Addr().Is6() {
		ipLen = header.IPv6MinimumSize
	}
	frame := make([]byte, start+ipLen+header.TCPMinimumSize)
	header.Ethernet(frame[VNetHeaderLen:]).Encode(&header.EthernetFields{
		SrcAddr: s.intercept.mac,
		DstAddr: header.Ethernet(syn[VNetHeaderLen:]).SourceAddress(),
		Type:    header.Ethernet(syn[VNetHeaderLen:]).Type(),
	})
	tcp := header.TCP(frame[start+ipLen:])
	tcp.Encode(&header.TCPFields{
		SrcPort:    server.Port(),
		DstPort:    client.Port(),
		AckNum:     seg.tcp.SequenceNumber() + 1,
		DataOffset: header.TCPMinimumSize,
		Flags:      header.TCPFlagRst | header.TCPFlagAck,
	})
	src, dst := address(server.Addr()), address(client.Addr())
	if client.Addr().Is6() {
		header.IPv6(frame[start:]).Encode(&header.IPv6Fields{
			PayloadLength: header.TCPMinimumSize, TransportProtocol: header.TCPProtocolNumber, HopLimit: resetTTL, SrcAddr: src, DstAddr: dst,
		})
	} else {
		ip := header.IPv4(frame[start:])
		ip.Encode(&header.IPv4Fields{
			TotalLength: header.IPv4MinimumSize + header.TCPMinimumSize, TTL: resetTTL, Flags: header.IPv4FlagDontFragment,
			Protocol: uint8(header.TCPProtocolNumber), SrcAddr: src, DstAddr: dst,
		})
		ip.SetChecksum(^ip.CalculateChecksum())
	}
	sum := header.PseudoHeaderChecksum(header.TCPProtocolNumber, src, dst, header.TCPMinimumSize)
	tcp.SetChecksum(^checksum.Checksum(tcp, sum))
	if _, err := s.cfg.Writers[0].WriteFrames([][]byte{frame}); err != nil {
		s.counters.linkDrops.Add(1)
	}
}

// resetTTL is the hop limit of our RSTs, which a client sees as the server's.
const resetTTL = 64
