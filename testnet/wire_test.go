package testnet_test

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/faketime"

	"mirrorgw/testnet"
)

// Addresses of test frames. A frame is destination, source, type and one octet that tells it from others.
const (
	macA      = "\x02\x00\x00\x00\x00\x0a"
	macB      = "\x02\x00\x00\x00\x00\x0b"
	macC      = "\x02\x00\x00\x00\x00\x0c"
	broadcast = "\xff\xff\xff\xff\xff\xff"
)

// virtioFrame is a frame behind an empty virtio-net header.
func virtioFrame(destination, source string, payload ...byte) []byte {
	b := make([]byte, testnet.VirtioHeaderSize, testnet.VirtioHeaderSize+14+len(payload))
	b = append(b, destination+source+"\x88\xb5"...)
	return append(b, payload...)
}

func newTap(t *testing.T, w *testnet.Wire, name string) *testnet.Tap {
	t.Helper()
	tap, err := w.NewTap(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tap.Close() })
	return tap
}

func write(t *testing.T, tap *testnet.Tap, frames ...[]byte) {
	t.Helper()
	if n, err := tap.WriteFrames(frames); err != nil || n != len(frames) {
		t.Fatalf("WriteFrames = %d, %v; want %d, nil", n, err, len(frames))
	}
}

// read returns the first payload octet of each frame that waits at the tap, which must be at least one.
func read(t *testing.T, tap *testnet.Tap) []byte {
	t.Helper()
	bufs, sizes := make([][]byte, 64), make([]int, 64)
	for i := range bufs {
		bufs[i] = make([]byte, 2048)
	}
	n, err := tap.ReadFrames(bufs, sizes)
	if err != nil {
		t.Fatalf("ReadFrames: %v", err)
	}
	var marks []byte
	for i := range n {
		marks = append(marks, bufs[i][testnet.VirtioHeaderSize+14])
	}
	return marks
}

func TestSwitchLearns(t *testing.T) {
	for _, hub := range []bool{false, true} {
		w := testnet.NewWire(testnet.WireConfig{Hub: hub})
		a, b, c := newTap(t, w, "a"), newTap(t, w, "b"), newTap(t, w, "c")
		write(t, a, virtioFrame(macB, macA, 1)) // unknown: flooded, and a is learnt
		write(t, b, virtioFrame(macA, macB, 2)) // known: to a only, b is learnt
		write(t, a, virtioFrame(macB, macA, 3)) // known: to b only
		write(t, b, virtioFrame(broadcast, macB, 4))
		want := []byte{1, 4}
		if hub {
			want = []byte{1, 2, 3, 4}
		}
		if got := read(t, c); !slices.Equal(got, want) {
			t.Errorf("hub %t: the third end saw %v, want %v", hub, got, want)
		}
		if got := read(t, a); !slices.Equal(got, []byte{2, 4}) {
			t.Errorf("hub %t: a saw %v", hub, got)
		}
		if got := read(t, b); !slices.Equal(got, []byte{1, 3}) {
			t.Errorf("hub %t: b saw %v", hub, got)
		}
		// An end that left is forgotten: frames for it are flooded again.
		b.Close()
		write(t, a, virtioFrame(macB, macA, 5))
		if got := read(t, c); !slices.Equal(got, []byte{5}) {
			t.Errorf("hub %t: after b left the third end saw %v", hub, got)
		}
	}
}

func TestLossIsDecidedByTheSeed(t *testing.T) {
	survivors := func(seed uint64) []byte {
		w := testnet.NewWire(testnet.WireConfig{Loss: 0.5, Seed: seed})
		a, b := newTap(t, w, "a"), newTap(t, w, "b")
		for i := range byte(64) {
			write(t, a, virtioFrame(macB, macA, i))
		}
		marks := read(t, b)
		if c := w.Counters(); c.Sent != 64 || c.Delivered != uint64(len(marks)) || c.Lost != 64-c.Delivered {
			t.Errorf("counters %+v, arrived %d", c, len(marks))
		}
		return marks
	}
	first := survivors(1)
	if len(first) < 16 || len(first) > 48 {
		t.Errorf("%d of 64 frames survived a loss of one half", len(first))
	}
	if again := survivors(1); !slices.Equal(first, again) {
		t.Errorf("the same seed lost other frames:\n%v\n%v", first, again)
	}
	if other := survivors(2); slices.Equal(first, other) {
		t.Error("another seed lost the same frames")
	}
}

func TestDelayKeepsOrder(t *testing.T) {
	clock := faketime.NewManualClock()
	w := testnet.NewWire(testnet.WireConfig{Delay: 10 * time.Millisecond, Clock: clock})
	a, b := newTap(t, w, "a"), newTap(t, w, "b")
	write(t, a, virtioFrame(macB, macA, 1), virtioFrame(macB, macA, 2))
	clock.Advance(4 * time.Millisecond)
	write(t, a, virtioFrame(macB, macA, 3))
	clock.Advance(5 * time.Millisecond)
	if c := w.Counters(); c.Delivered != 0 {
		t.Fatalf("after 9 of 10 ms: %+v", c)
	}
	clock.Advance(time.Millisecond)
	if got := read(t, b); !slices.Equal(got, []byte{1, 2}) {
		t.Errorf("after 10 ms: %v", got)
	}
	clock.Advance(4 * time.Millisecond)
	if got := read(t, b); !slices.Equal(got, []byte{3}) {
		t.Errorf("after 14 ms: %v", got)
	}
}

func TestWireCountsWhatItLoses(t *testing.T) {
	w := testnet.NewWire(testnet.WireConfig{MTU: 100, Queue: 2, Filter: func(from string, frame []byte) bool {
		return from != "a" || frame[14] != 99
	}})
	a, b := newTap(t, w, "a"), newTap(t, w, "b")
	write(t, a, virtioFrame(macB, macA, make([]byte, 101)...)) // too long by one
	write(t, a, virtioFrame(macB, macA, make([]byte, 100)...)) // fits
	write(t, a, virtioFrame(macB, macA, 99))
	write(t, a, virtioFrame(macB, macA, 1), virtioFrame(macB, macA, 2)) // the second meets a full queue
	want := testnet.WireCounters{Sent: 5, Delivered: 2, Filtered: 1, Oversized: 1, Overflowed: 1}
	if got := w.Counters(); got != want {
		t.Errorf("counters %+v, want %+v", got, want)
	}
	if got := read(t, b); !slices.Equal(got, []byte{0, 1}) {
		t.Errorf("b saw %v", got)
	}
}

func TestClosedWire(t *testing.T) {
	w := testnet.NewWire(testnet.WireConfig{})
	a := newTap(t, w, "a")
	w.Close()
	w.Close()
	if _, err := a.WriteFrames([][]byte{virtioFrame(macB, macA, 1)}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("write on a closed wire: %v", err)
	}
	if _, err := w.NewTap("late"); !errors.Is(err, os.ErrClosed) {
		t.Errorf("tap on a closed wire: %v", err)
	}
	if _, err := w.NewNode(testnet.NodeConfig{Name: "late"}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("node on a closed wire: %v", err)
	}
}
