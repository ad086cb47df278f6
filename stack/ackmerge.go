package stack

import (
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

const (
	// ackLookAhead is how many of the frames that follow one are looked at for its flow's next.
	ackLookAhead = 8

	// maxBareFrame bounds the frames that may be a bare acknowledgement, in octets; Ethernet pads to 60.
	maxBareFrame = frameStart + header.IPv6MinimumSize + header.TCPMinimumSize + ackOptions
)

// superseded says whether the first of some frames of one moment does nothing but acknowledge what the next one of its flow acknowledges as
// well: a client that has taken a reply says so in a segment of its own, right before its next command. For TCP it is as if that
// segment had been lost, which it must be able to do without (RFC 9293 section 3.8); that costs two dozen microseconds less than to
// take it in.
//
// A second acknowledgement of the same octets, which may tell of a loss (RFC 5681 section 3.2), is left alone, but for one before data.
func superseded(frames [][]byte) bool {
	if len(frames) < 2 || len(frames[0]) > maxBareFrame {
		return false
	}
	a, ok := parseAcknowledgement(frames[0])
	if !ok || !a.bare {
		return false
	}
	for _, frame := range frames[1:min(len(frames), 1+ackLookAhead)] {
		b, ok := parseAcknowledgement(frame)
		if !ok || b.key != a.key {
			continue
		}
		ahead := int32(b.number - a.number)
		return !b.ends && (ahead > 0 || ahead == 0 && !b.bare)
	}
	return false
}

// acknowledgement is what a TCP segment acknowledges.
type acknowledgement struct {
	key    flowKey
	number uint32
	bare   bool // it does nothing else, and nothing is missing
	ends   bool // SYN or RST: TCP may not heed what it acknowledges
}

// parseAcknowledgement reports false for what acknowledges nothing.
func parseAcknowledgement(frame []byte) (acknowledgement, bool) {
	seg, ok := parseSegment(frame)
	if !ok {
		return acknowledgement{}, false
	}
	flags := seg.tcp.Flags()
	if flags&header.TCPFlagAck == 0 {
		return acknowledgement{}, false
	}
	return acknowledgement{
		key:    seg.key,
		number: seg.tcp.AckNumber(),
		bare:   flags == header.TCPFlagAck && segmentLen(frame) == int(seg.tcp.DataOffset()) && plainOptions(seg.tcp),
		ends:   flags&(header.TCPFlagSyn|header.TCPFlagRst) != 0,
	}, true
}

// segmentLen returns the length of the TCP segment in a frame that parseSegment has taken, without what pads the frame; -1 where it is
// none of a whole packet.
func segmentLen(frame []byte) int {
	b := frame[frameStart:]
	if b[0]>>4 == 6 {
		if ip := header.IPv6(b); ip.NextHeader() == uint8(header.TCPProtocolNumber) { // no header in between
			return int(ip.PayloadLength())
		}
		return -1
	}
	if ip := header.IPv4(b); !ip.More() && ip.FragmentOffset() == 0 {
		return int(ip.TotalLength()) - int(ip.HeaderLength())
	}
	return -1
}

// plainOptions says whether a segment's options are none, or a timestamp (RFC 7323 section 3.2).
func plainOptions(tcp header.TCP) bool {
	n := int(tcp.DataOffset()) - header.TCPMinimumSize
	if n == 0 {
		return true
	}
	return n == ackOptions && len(tcp) >= header.TCPMinimumSize+n && tcp[header.TCPMinimumSize+2] == header.TCPOptionTS
}
