package stack

import (
	"encoding/binary"
	"testing"
)

// TestSentSegments: a segment sent again, and sequence numbers that wrap, leave the flow where it is.
func TestSentSegments(t *testing.T) {
	frame := make([]byte, frameStart+20+20+1000)
	copy(frame[frameStart:], []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 198, 51, 100, 10, 192, 168, 1, 10, 0, 110, 4, 0})
	frame[frameStart+20+12] = 5 << 4
	seg, ok := parseSegment(frame)
	if !ok {
		t.Fatal("no segment")
	}
	m := newSentSegments()
	if m.holds(seg.key, 0) {
		t.Error("a flow is known before it has sent anything")
	}
	send := func(seq uint32) {
		binary.BigEndian.PutUint32(frame[frameStart+20+4:], seq)
		m.note(frame)
	}
	const start = 1<<32 - 500
	send(start)
	send(start - 10_000) // again
	for seq, want := range map[uint32]bool{start: true, start - 10_000: true, 499: true, 500: true, 501: false, start - sentWindow - 1: false} {
		if got := m.holds(seg.key, seq); got != want {
			t.Errorf("%d may be in flight: %v", seq, got)
		}
	}
	if got := testing.AllocsPerRun(100, func() { m.note(frame) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkNote(b *testing.B) {
	frame := make([]byte, frameStart+20+20+1000)
	copy(frame[frameStart:], []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 198, 51, 100, 10, 192, 168, 1, 10, 0, 110, 4, 0})
	m := newSentSegments()
	b.ReportAllocs()
	for b.Loop() {
		m.note(frame)
	}
}
