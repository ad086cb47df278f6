package stack

import (
	"slices"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/faketime"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	netstack "gvisor.dev/gvisor/pkg/tcpip/stack"
)

// outSegment is a segment that leaves.
type outSegment struct {
	hash    uint32 // of its flow; 0: 1
	ack     uint32
	flags   header.TCPFlags // 0: ACK
	payload int
	options []byte
	port    uint16 // the client's; 0: 40000
}

// packet returns the packet as the netstack has it on its way out.
func (s outSegment) packet() *netstack.PacketBuffer {
	pkt := netstack.NewPacketBuffer(netstack.PacketBufferOptions{ReserveHeaderBytes: 100, Payload: buffer.MakeWithData(make([]byte, s.payload))})
	tcp := header.TCP(pkt.TransportHeader().Push(header.TCPMinimumSize + len(s.options)))
	if s.flags == 0 {
		s.flags = header.TCPFlagAck
	}
	tcp.Encode(&header.TCPFields{
		SrcPort: 110, DstPort: max(s.port, 40000), AckNum: s.ack, Flags: s.flags, DataOffset: uint8(header.TCPMinimumSize + len(s.options)),
	})
	copy(tcp[header.TCPMinimumSize:], s.options)
	pkt.TransportProtocolNumber = header.TCPProtocolNumber
	pkt.Hash = max(s.hash, 1)
	return pkt
}

// delayBench has segments leave and notes those acknowledgements that were held and then sent.
type delayBench struct {
	t     *testing.T
	clock *faketime.ManualClock
	delay *ackDelay
	late  []byte // the first octet of each frame that was held and sent
}

func newDelayBench(t *testing.T) *delayBench {
	b := &delayBench{t: t, clock: faketime.NewManualClock()}
	b.delay = newACKDelay(b.clock, func(frame []byte, _ uint32) { b.late = append(b.late, frame[0]) })
	return b
}

// leave says whether a segment is held. Its frame begins with an octet that tells it.
func (b *delayBench) leave(s outSegment, name byte) bool {
	pkt := s.packet()
	defer pkt.DecRef()
	return b.delay.hold(pkt, []byte{name, 0, 0})
}

// expect says which of the held ones have been sent since the last time.
func (b *delayBench) expect(want string) {
	b.t.Helper()
	if got := string(b.late); got != want {
		b.t.Errorf("%s after the beginning: sent late %q, want %q", b.clock.Now().Sub(time.Unix(0, 0)), got, want)
	}
	b.late = nil
}

// TestACKDelayCarried: what follows within the flow carries a held acknowledgement, and that is never sent.
func TestACKDelayCarried(t *testing.T) {
	for name, next := range map[string]outSegment{
		"data":                {ack: 1100, flags: header.TCPFlagAck | header.TCPFlagPsh, payload: 10},
		"data, and more":      {ack: 1200, payload: 10},
		"FIN":                 {ack: 1100, flags: header.TCPFlagAck | header.TCPFlagFin},
		"RST":                 {ack: 1100, flags: header.TCPFlagAck | header.TCPFlagRst},
		"another":             {ack: 1200},
		"another, the same":   {ack: 1100},
		"one with a hole":     {ack: 1200, options: []byte{1, 1, header.TCPOptionSACK, 10, 0, 0, 0, 1, 0, 0, 0, 2}},
		"one far ahead of it": {ack: 900000},
	} {
		t.Run(name, func(t *testing.T) {
			b := newDelayBench(t)
			if b.leave(outSegment{ack: 1000, payload: 5}, 'a') {
				t.Error("data are held")
			}
			if !b.leave(outSegment{ack: 1100}, 'b') {
				t.Error("an acknowledgement is not held")
			}
			b.clock.Advance(ackSweep)
			if b.leave(next, 'c') {
				t.Error("what follows is held")
			}
			b.clock.Advance(time.Second)
			b.expect("")
		})
	}
}

// TestACKDelayAlone: an acknowledgement that nothing follows is sent soon, and then none of its flow is held for a while.
func TestACKDelayAlone(t *testing.T) {
	b := newDelayBench(t)
	ack := uint32(0xffffffff - 50) // it wraps
	b.leave(outSegment{ack: ack, payload: 5}, 'a')
	for range 3 {
		ack += 100
		if !b.leave(outSegment{ack: ack}, 'b') {
			t.Fatal("not held")
		}
		b.clock.Advance(ackSweep)
		b.expect("")
		b.clock.Advance(ackSweep)
		b.expect("b")
		for range ackPause {
			ack += 100
			if b.leave(outSegment{ack: ack}, 'c') {
				t.Fatal("held, though one was held in vain before")
			}
		}
		b.clock.Advance(time.Second)
		b.expect("")
	}
}

// TestACKDelayLateReply: where a reply follows after all, and carries what has come since, nobody waited, and what comes next is held again.
func TestACKDelayLateReply(t *testing.T) {
	b := newDelayBench(t)
	b.leave(outSegment{ack: 1000, payload: 5}, 'a')
	for ack := uint32(1100); ack < 1500; ack += 100 {
		if !b.leave(outSegment{ack: ack}, 'b') {
			t.Fatalf("%d is not held", ack)
		}
		b.clock.Advance(2 * ackSweep)
		b.expect("b")
		if b.leave(outSegment{ack: ack, payload: 5}, 'c') {
			t.Fatal("a reply is held")
		}
	}
	// Nor does anything of another flow's count.
	b.leave(outSegment{ack: 1500}, 'd')
	b.clock.Advance(2 * ackSweep)
	b.expect("d")
	b.leave(outSegment{ack: 700, payload: 5, hash: 1 + ackSlots}, 'e')
	if !b.leave(outSegment{ack: 800, hash: 1 + ackSlots}, 'f') {
		t.Error("not held for what another flow did")
	}
}

// TestACKDelayAtOnce: what a sender may wait for is not held.
func TestACKDelayAtOnce(t *testing.T) {
	timestamp := []byte{1, 1, header.TCPOptionTS, 10, 0, 0, 0, 1, 0, 0, 0, 2}
	for name, s := range map[string]outSegment{
		"a duplicate":              {ack: 1000},
		"one from before":          {ack: 900},
		"one for a full window":    {ack: 1000 + ackAdvance + 1},
		"one with a hole":          {ack: 1100, options: []byte{1, 1, header.TCPOptionSACK, 10, 0, 0, 0, 1, 0, 0, 0, 2}},
		"a timestamp and a hole":   {ack: 1100, options: slices.Concat(timestamp, []byte{1, 1, header.TCPOptionSACK, 10, 0, 0, 0, 1, 0, 0, 0, 2})},
		"FIN":                      {ack: 1100, flags: header.TCPFlagAck | header.TCPFlagFin},
		"congestion":               {ack: 1100, flags: header.TCPFlagAck | 0x40},
		"another flow's first":     {ack: 1100, hash: 2},
		"another one in its place": {ack: 1100, hash: 1 + ackSlots},
		"other ports":              {ack: 1100, port: 40001},
	} {
		t.Run(name, func(t *testing.T) {
			b := newDelayBench(t)
			b.leave(outSegment{ack: 1000, payload: 5}, 'a')
			if b.leave(s, 'b') {
				t.Error("held")
			}
		})
	}
	b := newDelayBench(t)
	b.leave(outSegment{ack: 1000, payload: 5}, 'a')
	if !b.leave(outSegment{ack: 1100, options: timestamp}, 'b') {
		t.Error("one with a timestamp is not held")
	}
	// While the place is taken, another flow's segments neither go in nor carry what is held.
	if b.leave(outSegment{ack: 5000, payload: 10, hash: 1 + ackSlots}, 'c') || b.leave(outSegment{ack: 5100, hash: 1 + ackSlots}, 'd') {
		t.Error("held in another flow's place")
	}
	b.clock.Advance(2 * ackSweep)
	b.expect("b")
}

// TestACKDelayMany: what is held for many flows is all sent.
func TestACKDelayMany(t *testing.T) {
	b := newDelayBench(t)
	for hash := range uint32(ackSlots) {
		b.leave(outSegment{ack: 1000, payload: 1, hash: hash + 1}, 'a')
		if !b.leave(outSegment{ack: 1001, hash: hash + 1}, 'b') {
			t.Fatalf("flow %d is not held", hash)
		}
		if hash == ackSlots/2 {
			b.clock.Advance(ackSweep)
		}
	}
	b.clock.Advance(2 * ackSweep)
	if len(b.late) != ackSlots {
		t.Errorf("%d sent, want %d", len(b.late), ackSlots)
	}
}

func TestACKDelayAllocations(t *testing.T) {
	b := newDelayBench(t)
	data, bare := outSegment{ack: 1000, payload: 5}.packet(), outSegment{}.packet()
	frame := make([]byte, ackFrameLen)
	ack := uint32(1000)
	if n := testing.AllocsPerRun(1000, func() {
		ack += 10
		header.TCP(bare.TransportHeader().Slice()).SetAckNumber(ack)
		header.TCP(data.TransportHeader().Slice()).SetAckNumber(ack)
		if !b.delay.hold(bare, frame) && ack > 1010 || b.delay.hold(data, frame) {
			t.Fatal("not as it should be")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
