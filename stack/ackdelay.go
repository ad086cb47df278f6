package stack

import (
	"sync"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	netstack "gvisor.dev/gvisor/pkg/tcpip/stack"
)

// Delayed acknowledgements.
const (
	// ackSweep is how often held acknowledgements are looked at: one goes out at the second look, after 20 to 40 ms. RFC 1122 section
	// 4.2.3.2 allows 500, Linux takes 40. With less, most replies of a busy gateway come too late to carry one.
	ackSweep = 20 * time.Millisecond

	// ackAdvance is the most that a held acknowledgement may be ahead of the one before, in octets: the smallest initial window in use is
	// no smaller (RFC 3390), so that hardly a sender has to wait for it.
	ackAdvance = 4380

	// ackPause is how many acknowledgements of a flow go out at once after one was held for too long: once it was sent, the peer went on before
	// anything was said to it. So one that sends half a line and waits for its acknowledgement before the rest (RFC 9293 section
	// 3.7.4) is kept waiting seldom. Where a reply follows, it was only late, and nobody waited.
	ackPause = 16

	ackSlots    = 1024 // flows whose acknowledgements are held at a time, at most
	ackFrameLen = VNetHeaderLen + header.EthernetMinimumSize + header.IPv6MinimumSize + header.TCPMinimumSize + ackOptions
	ackOptions  = 12 // those of a timestamp, RFC 7323 section 3.2
)

// ackDelay holds acknowledgements that carry nothing else for a moment, since in a dialogue a segment follows that carries them as well.
// The netstack has none of this (RFC 1122 section 4.2.3.2): it acknowledges each command and each reply in a frame of its own, which
// was every second frame of a session.
//
// A flow has one place by its hash; two flows with one place hold nothing from each other's segment to the next.
type ackDelay struct {
	clock    tcpip.Clock
	send     func(frame []byte, hash uint32)
	sweeping atomic.Bool // a sweep is due
	slots    [ackSlots]ackSlot
}

// ackSlot is the place of a flow.
type ackSlot struct {
	held atomic.Bool // changed under mu

	mu    sync.Mutex
	flow  ackFlow
	ack   uint32 // of the flow's last segment, sent or held
	pause int    // acknowledgements that are not held
	late  bool   // one was held for nothing, and nothing has left since
	seen  bool   // by a sweep, while held
	size  int
	frame [ackFrameLen]byte
}

// ackFlow tells flows apart: their hash is random.
type ackFlow struct {
	hash  uint32
	ports uint32
}

// newACKDelay returns an ackDelay that sends what nothing has followed.
func newACKDelay(clock tcpip.Clock, send func(frame []byte, hash uint32)) *ackDelay {
	return &ackDelay{clock: clock, send: send}
}

// hold looks at a packet that is about to leave as frame, and says whether to leave it here; it copies it then.
func (d *ackDelay) hold(pkt *netstack.PacketBuffer, frame []byte) bool {
	tcp := header.TCP(pkt.TransportHeader().Slice())
	if pkt.TransportProtocolNumber != header.TCPProtocolNumber || pkt.Hash == 0 || len(tcp) < header.TCPMinimumSize {
		return false
	}
	s := &d.slots[pkt.Hash%ackSlots]
	flow := ackFlow{hash: pkt.Hash, ports: uint32(tcp.SourcePort())<<16 | uint32(tcp.DestinationPort())}
	ack := tcp.AckNumber()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.flow != flow && s.held.Load():
		return false // another flow's place
	case s.flow != flow:
		s.flow, s.ack, s.pause, s.late = flow, ack, 0, false
		return false
	}
	ahead := ack - s.ack
	alone, second := bare(pkt, tcp), s.held.Load()
	if s.late && alone && ahead > 0 {
		s.pause = ackPause
	}
	s.ack, s.late = ack, false
	s.held.Store(false) // this one says as much
	if !alone || second || ahead == 0 || ahead > ackAdvance || len(frame) > ackFrameLen {
		return false
	}
	if s.pause > 0 {
		s.pause--
		return false
	}
	s.size = copy(s.frame[:], frame)
	s.seen = false
	s.held.Store(true)
	if d.sweeping.CompareAndSwap(false, true) {
		d.clock.AfterFunc(ackSweep, d.sweep)
	}
	return true
}

// bare says whether a segment does nothing but acknowledge, and nothing is missing.
func bare(pkt *netstack.PacketBuffer, tcp header.TCP) bool {
	if tcp.Flags() != header.TCPFlagAck || pkt.Data().Size() > 0 {
		return false
	}
	options := tcp.Options()
	return len(options) == 0 || len(options) == ackOptions && options[2] == header.TCPOptionTS
}

// sweep sends what has been held since the sweep before.
func (d *ackDelay) sweep() {
	d.sweeping.Store(false)
	left := false
	for i := range d.slots {
		s := &d.slots[i]
		if s.held.Load() {
			left = d.sweepSlot(s) || left
		}
	}
	if left && d.sweeping.CompareAndSwap(false, true) {
		d.clock.AfterFunc(ackSweep, d.sweep)
	}
}

// sweepSlot says whether something is still held in s.
func (d *ackDelay) sweepSlot(s *ackSlot) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.held.Load():
		return false
	case !s.seen:
		s.seen = true
		return true
	}
	s.held.Store(false)
	s.late = true
	d.send(s.frame[:s.size], s.flow.hash)
	return false
}
