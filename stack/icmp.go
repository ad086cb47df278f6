package stack

import (
	"encoding/binary"
	"hash/maphash"
	"sync/atomic"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// What netstack believes of an ICMP error: everything. One forged with an MTU of 68 would have it send a TCP segment for
// every octet or so, and one about a handshake end it. So an error reaches it only when the segment it quotes may be in flight
// (RFC 5927 sections 4.1 and 7.2).

// The smallest MTU an error may tell of: what Linux takes for the least an IPv4 path has, and RFC 8200 section 5.
const (
	minPathMTU4 = 552
	minPathMTU6 = 1280
)

// icmpKind is what a frame is, as far as ICMP errors go.
type icmpKind uint8

const (
	notICMPError icmpKind = iota
	forgedICMPError
	goodICMPError
)

// judgeICMP tells whether frame is an ICMP error about TCP, and one to believe.
func (s *Stack) judgeICMP(frame []byte) icmpKind {
	p, ok := parseFrame(frame)
	if !ok || len(p.payload) == 0 {
		return notICMPError
	}
	var tooBig bool
	minMTU := uint32(minPathMTU4)
	switch {
	case p.fragment:
		return notICMPError
	case p.src.Is4() && p.protocol == uint8(header.ICMPv4ProtocolNumber):
		switch header.ICMPv4Type(p.payload[0]) {
		case header.ICMPv4DstUnreachable:
			tooBig = len(p.payload) > 1 && header.ICMPv4Code(p.payload[1]) == header.ICMPv4FragmentationNeeded
		case header.ICMPv4TimeExceeded, header.ICMPv4ParamProblem, header.ICMPv4SrcQuench, header.ICMPv4Redirect:
		default:
			return notICMPError
		}
	case p.src.Is6() && p.protocol == uint8(header.ICMPv6ProtocolNumber):
		const firstInformational = 128 // RFC 4443 section 2.1
		if p.payload[0] >= firstInformational {
			return notICMPError
		}
		tooBig, minMTU = header.ICMPv6Type(p.payload[0]) == header.ICMPv6PacketTooBig, minPathMTU6
	default:
		return notICMPError
	}
	const quoteAt = 8 // the header of every ICMP error
	if len(p.payload) < quoteAt {
		return forgedICMPError
	}
	quoted, ok := parsePacket(p.payload[quoteAt:])
	switch {
	case !ok, quoted.src != p.dst, quoted.fragment, len(quoted.payload) < 8:
		return forgedICMPError // errors go to who sent what they quote
	case quoted.protocol != uint8(header.TCPProtocolNumber):
		return notICMPError
	}
	// IPv4 has 16 bits of MTU at the end (RFC 1191 section 4), IPv6 all 32 (RFC 4443 section 3.2).
	mtu := binary.BigEndian.Uint32(p.payload[4:])
	if p.src.Is4() {
		mtu &= 0xffff
	}
	if tooBig && mtu < minMTU {
		return forgedICMPError
	}
	tcp := header.TCP(quoted.payload) // its first eight octets: ports and sequence number
	if !s.sent.holds(keyOf(quoted), tcp.SequenceNumber()) {
		return forgedICMPError
	}
	return goodICMPError
}

// sentSegments remembers how far each of the flows that lately sent something has got. It is as large as it is from the start: a
// flow may push another out, and is back with its next segment.
type sentSegments struct {
	seed  maphash.Seed
	slots []atomic.Uint64 // the flow's hash, and the sequence number after its last octet sent
}

const (
	sentSlots = 1 << 13

	// sentWindow is how far behind that number a segment in flight can be: the largest send buffer.
	sentWindow = 4 << 20
)

func newSentSegments() *sentSegments {
	return &sentSegments{seed: maphash.MakeSeed(), slots: make([]atomic.Uint64, sentSlots)}
}

// slot returns the place of a flow and the mark that tells it from others there.
func (m *sentSegments) slot(flow flowKey) (*atomic.Uint64, uint64) {
	var b [36]byte // not maphash.Comparable, which allocates for addresses
	from, to := flow.client.Addr().As16(), flow.server.Addr().As16()
	copy(b[:], from[:])
	copy(b[16:], to[:])
	binary.BigEndian.PutUint16(b[32:], flow.client.Port())
	binary.BigEndian.PutUint16(b[34:], flow.server.Port())
	sum := maphash.Bytes(m.seed, b[:])
	return &m.slots[sum%sentSlots], sum &^ 0xffffffff
}

// note takes in a frame that is being sent. It allocates nothing.
func (m *sentSegments) note(frame []byte) {
	seg, ok := parseSegment(frame)
	if !ok {
		return
	}
	payload := len(seg.tcp) - int(seg.tcp.DataOffset())
	next := seg.tcp.SequenceNumber() + uint32(max(payload, 0))
	if seg.tcp.Flags()&(header.TCPFlagSyn|header.TCPFlagFin) != 0 {
		next++
	}
	slot, mark := m.slot(seg.key)
	old := slot.Load()
	if old&^0xffffffff == mark && int32(next-uint32(old)) < 0 && uint32(old)-next < sentWindow {
		return // sent again
	}
	slot.Store(mark | uint64(next))
}

// holds says whether a segment of flow that begins with seq may be in flight.
func (m *sentSegments) holds(flow flowKey, seq uint32) bool {
	slot, mark := m.slot(flow)
	last := slot.Load()
	return last != 0 && last&^0xffffffff == mark && uint32(last)-seq <= sentWindow
}
