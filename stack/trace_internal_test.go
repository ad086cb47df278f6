package stack

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip"
)

// tracedFlow is a flow with frames of it: one from the client, one from the gateway to the server.
type tracedFlow struct {
	table      *traceTable
	trace      *Trace
	from, sent []byte
}

func newTracedFlow(limit int) tracedFlow {
	client, server, own := netip.MustParseAddrPort("192.168.1.10:1024"), netip.MustParseAddrPort("198.51.100.10:110"), netip.MustParseAddrPort("192.168.1.2:40000")
	f := tracedFlow{table: newTraceTable(limit, tcpip.NewStdClock()), from: segmentOf(client, server), sent: segmentOf(own, server)}
	f.trace = f.table.begin(flowKey{client: client, server: server})
	f.trace.join(ServerLeg, own, server)
	return f
}

// segmentOf returns a frame with 1,000 octets of payload.
func segmentOf(from, to netip.AddrPort) []byte {
	frame := append(make([]byte, frameStart+20+20), bytes.Repeat([]byte("secret! "), 125)...)
	ip := frame[frameStart:]
	copy(ip, []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0})
	copy(ip[12:], from.Addr().AsSlice())
	copy(ip[16:], to.Addr().AsSlice())
	binary.BigEndian.PutUint16(ip[20:], from.Port())
	binary.BigEndian.PutUint16(ip[22:], to.Port())
	ip[20+12] = 5 << 4
	return frame
}

// TestTraceCuts: whatever the lengths in a frame's headers say, a trace has no more of it than the headers.
func TestTraceCuts(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(frame []byte) []byte
		want   int // octets; -1: not noted
	}{
		{"plain", func(f []byte) []byte { return f }, 14 + 20 + 20},
		{"options of TCP", func(f []byte) []byte { f[frameStart+32] = 15 << 4; return f }, 14 + 20 + 60},
		{"no offset", func(f []byte) []byte { f[frameStart+32] = 0; return f }, 14 + 20 + 20},
		{"offset beyond the frame", func(f []byte) []byte { f[frameStart+32] = 15 << 4; return f[:frameStart+44] }, 14 + 44},
		{"fragment", func(f []byte) []byte { f[frameStart+7] = 1; return f }, -1},
		{"UDP", func(f []byte) []byte { f[frameStart+9] = 17; return f }, -1},
		{"cut within TCP", func(f []byte) []byte { return f[:frameStart+39] }, -1},
		{"nothing", func([]byte) []byte { return nil }, -1},
		{"another flow", func(f []byte) []byte { f[frameStart+21]++; return f }, -1},
	} {
		flow := newTracedFlow(8)
		frame := c.change(flow.from)
		flow.table.received(ClientLeg, frame)
		flow.table.sent(ClientLeg, frame)     // is no frame of this flow,
		flow.table.received(ServerLeg, frame) // and neither is this
		frames, before := flow.trace.Frames()
		switch {
		case before != 0:
			t.Errorf("%s: %d frames before", c.name, before)
		case len(frames) == 0 && c.want == -1:
		case len(frames) != 1 || len(frames[0].Headers) != c.want || frames[0].Length != len(frame)-VNetHeaderLen ||
			!bytes.Equal(frames[0].Headers, frame[VNetHeaderLen:VNetHeaderLen+c.want]):
			t.Errorf("%s: %+v", c.name, frames)
		}
		flow.trace.end()
	}
}

// TestTraceOfLongHeaders: IP options and all of TCP's leave no room for the end.
func TestTraceOfLongHeaders(t *testing.T) {
	flow := newTracedFlow(8)
	frame := append([]byte(nil), flow.from[:frameStart+20]...)
	frame[frameStart] = 0x4f
	frame = append(frame, make([]byte, 40)...)
	frame = append(frame, flow.from[frameStart+20:]...)
	frame[frameStart+60+12] = 15 << 4
	flow.table.received(ClientLeg, frame)
	if frames, _ := flow.trace.Frames(); len(frames) != 1 || !bytes.Equal(frames[0].Headers, frame[VNetHeaderLen:VNetHeaderLen+tracedOctets]) {
		t.Errorf("%+v", frames)
	}
}

// TestTraceEnds: a flow that ends leaves nothing in the table, and nothing of a later one with the same addresses goes.
func TestTraceEnds(t *testing.T) {
	flow := newTracedFlow(8)
	next := flow.table.begin(flowKey{client: netip.MustParseAddrPort("192.168.1.10:1024"), server: netip.MustParseAddrPort("198.51.100.10:110")})
	flow.trace.end()
	flow.table.received(ClientLeg, flow.from)
	flow.table.sent(ServerLeg, flow.sent)
	if frames, _ := flow.trace.Frames(); frames != nil {
		t.Errorf("%+v", frames)
	}
	if frames, _ := next.Frames(); len(frames) != 1 || frames[0].Leg != ClientLeg {
		t.Errorf("%+v", frames)
	}
	next.end()
	if len(flow.table.traces) != 0 {
		t.Errorf("%d are left", len(flow.table.traces))
	}
}

func TestNoTrace(t *testing.T) {
	var table *traceTable
	trace := table.begin(flowKey{})
	trace.join(ServerLeg, netip.AddrPort{}, netip.AddrPort{})
	table.received(ClientLeg, segmentOf(netip.MustParseAddrPort("192.168.1.10:1024"), netip.MustParseAddrPort("198.51.100.10:110")))
	trace.end()
	if trace != nil || newTraceTable(0, tcpip.NewStdClock()) != nil {
		t.Error("there is a trace")
	}
}

// TestTraceAllocatesNothing once it has grown, and nothing for a flow that comes after another has gone but itself.
func TestTraceAllocatesNothing(t *testing.T) {
	flow := newTracedFlow(100)
	note := func() {
		flow.table.received(ClientLeg, flow.from)
		flow.table.sent(ServerLeg, flow.sent)
	}
	for range 50 {
		note()
	}
	if got := testing.AllocsPerRun(1000, note); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkTrace(b *testing.B) {
	flow := newTracedFlow(256)
	b.ReportAllocs()
	for b.Loop() {
		flow.table.received(ClientLeg, flow.from)
		flow.table.sent(ServerLeg, flow.sent)
	}
}
