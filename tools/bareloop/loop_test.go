package main

import (
	"bytes"
	"net"
	"os"
	"strings"
	"testing"
)

// fakeQueue gives the same frames once, then is closed.
type fakeQueue struct {
	frames [][]byte
	wrote  [][]byte
}

func (q *fakeQueue) ReadFrames(bufs [][]byte, sizes []int) (int, error) {
	if q.frames == nil {
		return 0, os.ErrClosed
	}
	for i, f := range q.frames {
		sizes[i] = copy(bufs[i], f)
	}
	n := len(q.frames)
	q.frames = nil
	return n, nil
}

func (q *fakeQueue) WriteFrames(frames [][]byte) (int, error) {
	for _, f := range frames {
		q.wrote = append(q.wrote, bytes.Clone(f))
	}
	return len(frames), nil
}

func TestLoop(t *testing.T) {
	const header = "0123456789" // the virtio header, whatever it is
	frame := func(to, from, rest string) []byte { return []byte(header + to + from + rest) }
	q := &fakeQueue{frames: [][]byte{
		frame("MIRROR", "client", "\x08\x00packet"),
		frame("\xff\xff\xff\xff\xff\xff", "client", "\x08\x06who has"),
		frame("MIRROR", "clie", ""),
		{},
		frame("MIRROR", "other!", ""),
	}}
	if err := newLoop(net.HardwareAddr("MIRROR"), net.HardwareAddr("router"), 8).run(q); err != nil {
		t.Fatal(err)
	}
	want := [][]byte{frame("router", "MIRROR", "\x08\x00packet"), frame("router", "MIRROR", "")}
	if len(q.wrote) != len(want) || !bytes.Equal(q.wrote[0], want[0]) || !bytes.Equal(q.wrote[1], want[1]) {
		t.Errorf("wrote %q, want %q", q.wrote, want)
	}
}

func TestTurnAllocatesNothing(t *testing.T) {
	l := newLoop(net.HardwareAddr("MIRROR"), net.HardwareAddr("router"), 8)
	got := testing.AllocsPerRun(100, func() {
		for i := range l.bufs {
			l.sizes[i] = copy(l.bufs[i], "0123456789MIRRORclient packet")
		}
		l.turn(len(l.bufs))
	})
	if got != 0 || len(l.out) != 8 {
		t.Errorf("%v allocations for %d frames", got, len(l.out))
	}
}

func TestUsage(t *testing.T) {
	for _, args := range []string{"", "x", "-to 02:00:00:00:00:01 x", "-to 1", "-to 02:00:00:00:00:00:00:01", "-to 02:00:00:00:00:01 -batch 0", "-nosuch"} {
		var stderr bytes.Buffer
		if status := run(t.Context(), strings.Fields(args), nil, &stderr); status != 2 || stderr.Len() == 0 {
			t.Errorf("%q: status %d, %q", args, status, &stderr)
		}
	}
	var help bytes.Buffer
	if status := run(t.Context(), []string{"-help"}, nil, &help); status != 0 || !strings.Contains(help.String(), "-to MAC") {
		t.Errorf("help: status %d, %q", status, &help)
	}
}
