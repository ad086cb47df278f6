package stack

import (
	"net/netip"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// Leg is one of the two connections of a flow.
type Leg uint8

// The legs.
const (
	ClientLeg Leg = iota // of the workstation with the gateway, which answers as the server
	ServerLeg            // of the gateway with the server
)

// TracedFrame is what a Trace has of one frame.
type TracedFrame struct {
	Time    time.Time
	Leg     Leg
	Length  int    // octets of the whole frame, from its Ethernet header on, as it passed the device
	Headers []byte // of Ethernet, IP and TCP, at most tracedOctets
}

// tracedOctets is the room for the headers of one frame: those of Ethernet and IPv6, and of TCP with all its options. Of a frame with
// IP options as well the end may be missing.
const tracedOctets = header.EthernetMinimumSize + header.IPv6MinimumSize + header.TCPHeaderMaximumSize

// Trace holds the last frames of a flow, those of both legs in the order in which they passed. They are cut behind their TCP header: what
// was said is not in it. A checksum that the device is yet to complete is in it as it is.
//
// It grows with the frames, by 2 KiB for each 16, up to Config.Trace of them, and takes nothing more from then on.
type Trace struct {
	table *traceTable
	began time.Time
	keys  []traceKey // guarded by table.mu

	mu     sync.Mutex
	noted  int           // frames so far; guarded by mu, like what follows
	blocks []*traceBlock // a ring of frames; nil once the flow has ended
	ended  bool
}

// A traceBlock is the unit in which a Trace grows.
type traceBlock [blockFrames]traceSlot

const blockFrames = 16

// traceSlot is the place of a frame.
type traceSlot struct {
	after   time.Duration // since the trace began
	length  uint32
	size    uint8 // octets of headers
	leg     Leg
	headers [tracedOctets]byte
}

// Frames returns a copy of the frames, the oldest first, and how many there were before them. A flow that has ended has none.
func (t *Trace) Frames() (frames []TracedFrame, before int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return nil, 0
	}
	before = max(t.noted-t.table.limit, 0)
	for i := before; i < t.noted; i++ {
		f := t.slotLocked(i)
		frames = append(frames, TracedFrame{
			Time: t.began.Add(f.after), Leg: f.leg, Length: int(f.length), Headers: append([]byte(nil), f.headers[:f.size]...),
		})
	}
	return frames, before
}

// note adds a frame of which the headers take the first octets. It borrows the frame.
func (t *Trace) note(leg Leg, frame []byte, headers int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	if t.noted < t.table.limit && t.noted%blockFrames == 0 {
		t.blocks = append(t.blocks, t.table.blocks.Get().(*traceBlock))
	}
	f := t.slotLocked(t.noted)
	t.noted++
	f.after = t.table.clock.Now().Sub(t.began) // taken here, so that it grows from frame to frame, whatever the clock is set to
	f.leg, f.length = leg, uint32(len(frame))
	f.size = uint8(copy(f.headers[:], frame[:headers]))
}

// slotLocked returns the place of the frame that was, or will be, noted after i others.
func (t *Trace) slotLocked(i int) *traceSlot {
	i %= t.table.limit
	return &t.blocks[i/blockFrames][i%blockFrames]
}

// traceTable finds the trace of a frame's flow. A nil one keeps none.
type traceTable struct {
	limit  int // frames of each trace
	clock  tcpip.Clock
	blocks sync.Pool // of *traceBlock

	mu     sync.RWMutex
	traces map[traceKey]*Trace // guarded by mu
}

// traceKey is a leg of a flow: the NIC's side, and who is at its other end.
type traceKey struct {
	leg        Leg
	ours, peer netip.AddrPort
}

// newTraceTable returns a table of traces of limit frames each; nil for 0.
func newTraceTable(limit int, clock tcpip.Clock) *traceTable {
	if limit == 0 {
		return nil
	}
	t := &traceTable{limit: limit, clock: clock, traces: make(map[traceKey]*Trace)}
	t.blocks.New = func() any { return new(traceBlock) }
	return t
}

// begin returns the trace of a new flow, with what passes on its client's leg from now on. end must follow.
func (t *traceTable) begin(flow flowKey) *Trace {
	if t == nil {
		return nil
	}
	trace := &Trace{table: t, began: t.clock.Now(), blocks: make([]*traceBlock, 0, (t.limit-1)/blockFrames+1)}
	trace.join(ClientLeg, flow.server, flow.client)
	return trace
}

// join adds what passes on a leg from now on. A nil trace has none.
func (t *Trace) join(leg Leg, ours, peer netip.AddrPort) {
	if t == nil {
		return
	}
	t.table.mu.Lock()
	defer t.table.mu.Unlock()
	key := traceKey{leg: leg, ours: ours, peer: peer}
	t.keys = append(t.keys, key)
	t.table.traces[key] = t
}

// end takes nothing more, and forgets what there is. A nil trace has nothing.
func (t *Trace) end() {
	if t == nil {
		return
	}
	t.table.mu.Lock()
	for _, key := range t.keys {
		if t.table.traces[key] == t { // not that of a later flow
			delete(t.table.traces, key)
		}
	}
	t.table.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, b := range t.blocks {
		t.table.blocks.Put(b)
	}
	t.blocks, t.ended = nil, true
}

// received notes a frame from a leg's peer if it belongs to a flow, virtio header included. It borrows the frame, and allocates
// nothing but the growth of a trace. So does sent.
func (t *traceTable) received(leg Leg, frame []byte) { t.note(leg, frame, false) }

// sent notes a frame to a leg's peer.
func (t *traceTable) sent(leg Leg, frame []byte) { t.note(leg, frame, true) }

func (t *traceTable) note(leg Leg, frame []byte, sent bool) {
	if t == nil {
		return
	}
	p, ok := parseFrame(frame)
	if !ok || p.fragment || p.protocol != uint8(header.TCPProtocolNumber) || len(p.payload) < header.TCPMinimumSize {
		return
	}
	tcp := header.TCP(p.payload)
	key := traceKey{leg: leg, ours: netip.AddrPortFrom(p.dst, tcp.DestinationPort()), peer: netip.AddrPortFrom(p.src, tcp.SourcePort())}
	if sent {
		key.ours, key.peer = key.peer, key.ours
	}
	t.mu.RLock()
	trace := t.traces[key]
	t.mu.RUnlock()
	if trace == nil {
		return
	}
	headers := len(frame) - len(tcp) + min(max(int(tcp.DataOffset()), header.TCPMinimumSize), len(tcp)) - VNetHeaderLen
	trace.note(leg, frame[VNetHeaderLen:], headers)
}
