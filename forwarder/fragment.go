package forwarder

import "encoding/binary"

// IPv4 fragmentation (RFC 791 section 3.2, RFC 1812 section 5.2.6): what is too big for the LAN and may be split, is.

const (
	moreFragments = 0x2000
	dontFragment  = 0x4000
	offsetMask    = 0x1fff
	offsetUnit    = 8

	pieceRoom = 1 << 16 // octets of fragments collected before they are written
)

// maySplit says whether a packet that is too big may be sent on in fragments. IPv6 is never fragmented by a router (RFC 8200 section
// 5). A super-frame is neither: its segments were meant to be packets.
func (p *packet) maySplit() bool {
	if p.etherType != etherIPv4 || p.raw[1] != gsoNone || p.raw[l3+6]&(dontFragment>>8) != 0 {
		return false
	}
	if p.raw[0]&needsChecksum == 0 {
		return true
	}
	header := int(p.raw[l3]&0x0f) * 4
	return int(binary.LittleEndian.Uint16(p.raw[6:])) >= etherLen+header
}

// asksForError says whether the sender of a packet that is too big waits to hear so.
func (p *packet) asksForError() bool {
	return p.etherType == etherIPv6 || p.raw[l3+6]&(dontFragment>>8) != 0
}

// complete puts the transport checksum that was left to offload into the packet.
func (p *packet) complete() {
	if p.raw[0]&needsChecksum == 0 {
		return
	}
	start := virtioLen + int(binary.LittleEndian.Uint16(p.raw[6:]))
	at := start + int(binary.LittleEndian.Uint16(p.raw[8:]))
	c := checksum(p.raw[start:])
	if c == 0 {
		c = 0xffff // zero means none in UDP (RFC 768) and is the same number elsewhere
	}
	binary.BigEndian.PutUint16(p.raw[at:], c)
}

// fragmenter cuts one packet, which rewrite has made ready to go on, into fragments.
type fragmenter struct {
	packet []byte // the frame, virtio header included
	header int    // octets of its IP header
	next   int    // what of its payload comes next
	size   int    // octets of payload in each fragment but the last
}

// newFragmenter returns the fragmenter of a packet that maySplit, for an MTU of 68 or more.
func newFragmenter(p *packet, mtu int) fragmenter {
	header := int(p.raw[l3]&0x0f) * 4
	return fragmenter{packet: p.raw, header: header, size: (mtu - header) &^ (offsetUnit - 1)}
}

// put writes the next fragment into b, which holds l3 octets and the MTU, and returns its length; 0 when there is none left.
func (c *fragmenter) put(b []byte) int {
	payload := c.packet[l3+c.header:]
	if c.next >= len(payload) {
		return 0
	}
	clear(b[:virtioLen])
	copy(b[virtioLen:l3], c.packet[virtioLen:])
	ip := b[l3:]
	header := c.header
	if c.next == 0 {
		copy(ip, c.packet[l3:l3+header])
	} else {
		header = putLaterHeader(ip, c.packet[l3:l3+header])
	}
	piece := payload[c.next:]
	piece = piece[:min(len(piece), c.size)]

	word := binary.BigEndian.Uint16(c.packet[l3+6:])
	offset := word&offsetMask + uint16(c.next/offsetUnit)
	c.next += len(piece)
	if c.next < len(payload) {
		word |= moreFragments
	}
	binary.BigEndian.PutUint16(ip[2:], uint16(header+len(piece)))
	binary.BigEndian.PutUint16(ip[6:], word&^offsetMask|offset)
	clear(ip[10:12])
	binary.BigEndian.PutUint16(ip[10:], checksum(ip[:header]))
	return l3 + header + copy(ip[header:], piece)
}

// putLaterHeader writes the header of a fragment other than the first, which has the options marked to be copied and no others,
// and returns its length.
func putLaterHeader(b, first []byte) int {
	const copied, noOperation = 0x80, 1
	n := copy(b, first[:ipv4Len])
	for options := first[ipv4Len:]; len(options) > 0 && options[0] != 0; { // walked by parse: every length holds
		size := 1
		if options[0] != noOperation {
			size = int(options[1])
		}
		if options[0]&copied != 0 {
			n += copy(b[n:], options[:size])
		}
		options = options[size:]
	}
	for ; n%4 != 0; n++ {
		b[n] = 0
	}
	b[0] = 0x40 | byte(n/4)
	return n
}

// split sends the packet at hand on in fragments. What of the batch goes before it has to leave first.
func (q *queue) split(d decision) {
	q.showForwarded(q.forwarded)
	q.sendForwarded()
	p := &q.packet
	p.complete()
	p.rewrite(d.mac, q.f.network.mac)
	c := newFragmenter(p, q.f.mtu)
	for c.next < len(p.raw)-l3-c.header {
		q.pieces = q.pieces[:0]
		for room := q.pieceBuf; len(q.pieces) < batch && len(room) >= l3+q.f.mtu; {
			n := c.put(room)
			if n == 0 {
				break
			}
			q.pieces = append(q.pieces, room[:n:n])
			room = room[n:]
		}
		q.showForwarded(q.pieces)
		taken := q.write(q.pieces)
		q.tally.fragments += uint64(taken)
		for _, b := range q.pieces[:taken] {
			q.tally.forwardedBytes += uint64(len(b) - virtioLen)
		}
		if taken < len(q.pieces) { // without one fragment the others are of no use
			q.tally.dropped[WriteError]++
			return
		}
	}
	q.tally.forwarded++
	q.tally.split++
}

// pieceMemory returns the memory fragments for an MTU are built in.
func pieceMemory(mtu int) []byte { return make([]byte, pieceRoom+l3+mtu) }
