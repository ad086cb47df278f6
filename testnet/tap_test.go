package testnet_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"

	"mirrorgw/testnet"
)

func TestTapReadsWhatIsReady(t *testing.T) {
	w := testnet.NewWire(testnet.WireConfig{})
	a, b := newTap(t, w, "a"), newTap(t, w, "b")
	write(t, a, virtioFrame(macB, macA, 1), virtioFrame(macB, macA, 2), virtioFrame(macB, macA, 3))

	dirty := bytes.Repeat([]byte{0xee}, 64)
	bufs, sizes := [][]byte{bytes.Clone(dirty), bytes.Clone(dirty)}, make([]int, 2)
	n, err := b.ReadFrames(bufs, sizes)
	if n != 2 || err != nil {
		t.Fatalf("ReadFrames = %d, %v; want 2, nil", n, err)
	}
	for i, want := range [][]byte{virtioFrame(macB, macA, 1), virtioFrame(macB, macA, 2)} {
		if got := bufs[i][:sizes[i]]; !bytes.Equal(got, want) {
			t.Errorf("frame %d: %x, want %x", i, got, want)
		}
	}
	if _, err := b.ReadFrames([][]byte{make([]byte, 24)}, sizes); !errors.Is(err, io.ErrShortBuffer) {
		t.Errorf("a frame of 25 octets into 24: %v", err)
	}
	if _, err := b.ReadFrames(nil, sizes); !errors.Is(err, io.ErrShortBuffer) {
		t.Errorf("no buffers: %v", err)
	}
}

// The three-byte frame of a broken sender reaches the other ends as it is.
func TestTapCarriesRunts(t *testing.T) {
	w := testnet.NewWire(testnet.WireConfig{})
	a, b := newTap(t, w, "a"), newTap(t, w, "b")
	write(t, a, append(make([]byte, testnet.VirtioHeaderSize), 1, 2, 3))
	bufs, sizes := [][]byte{make([]byte, 64)}, make([]int, 1)
	if n, err := b.ReadFrames(bufs, sizes); n != 1 || err != nil || sizes[0] != 13 {
		t.Errorf("ReadFrames = %d, %v, size %d", n, err, sizes[0])
	}
}

func TestTapClose(t *testing.T) {
	testnet.CheckLeaks(t)
	w := testnet.NewWire(testnet.WireConfig{})
	a := newTap(t, w, "a")
	ended := make(chan error)
	go func() { // ends with the read, which Close ends
		_, err := a.ReadFrames([][]byte{make([]byte, 64)}, make([]int, 1))
		ended <- err
	}()
	a.Close()
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("a waiting read: %v", err)
	}
	a.Close()
	if _, err := a.ReadFrames([][]byte{make([]byte, 64)}, make([]int, 1)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
	if _, err := a.WriteFrames([][]byte{virtioFrame(macB, macA)}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
}

func TestTapCompletesChecksums(t *testing.T) {
	w := testnet.NewWire(testnet.WireConfig{})
	a, b := newTap(t, w, "a"), newTap(t, w, "b")

	// A checksum over five octets from the frame's 14th on, its field the first two, which hold a pseudo-header's sum.
	asked := virtioFrame(macB, macA, 0x12, 0x34, 0xab, 0xcd, 0xef)
	asked[0] = 1
	binary.LittleEndian.PutUint16(asked[6:], 14)
	write(t, a, asked)
	bufs, sizes := [][]byte{make([]byte, 64)}, make([]int, 1)
	if _, err := b.ReadFrames(bufs, sizes); err != nil {
		t.Fatal(err)
	}
	got := bufs[0][testnet.VirtioHeaderSize:sizes[0]]
	want := ^checksum.Checksum([]byte{0x12, 0x34, 0xab, 0xcd, 0xef}, 0)
	if field := binary.BigEndian.Uint16(got[14:]); field != want {
		t.Errorf("checksum %#04x, want %#04x", field, want)
	}
	if asked[testnet.VirtioHeaderSize+14] != 0x12 {
		t.Error("the caller's frame was changed")
	}

	segmentation := virtioFrame(macB, macA, 1)
	segmentation[1] = 1
	beyond := bytes.Clone(asked)
	binary.LittleEndian.PutUint16(beyond[8:], 4)
	for name, frame := range map[string][]byte{"short": make([]byte, 9), "segmentation": segmentation, "checksum beyond the end": beyond} {
		if n, err := a.WriteFrames([][]byte{frame}); n != 0 || !errors.Is(err, testnet.ErrVirtioHeader) {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}

// Law: whatever the header says, the frame arrives with its length and at most two octets changed, or not at all.
func FuzzTapWrite(f *testing.F) {
	for _, seed := range [][]byte{
		nil,
		make([]byte, 10),
		virtioFrame(macB, macA, 1, 2, 3),
		append([]byte{1, 0, 0, 0, 0, 0, 14, 0, 2, 0}, virtioFrame(macB, macA, 1, 2, 3, 4, 5)[10:]...),
		append([]byte{1, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, virtioFrame(macB, macA)[10:]...),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		w := testnet.NewWire(testnet.WireConfig{MTU: 1 << 16})
		a, other := newTap(t, w, "a"), newTap(t, w, "b")
		if _, err := a.WriteFrames([][]byte{b}); err != nil {
			return
		}
		if w.Counters().Oversized > 0 {
			return
		}
		bufs, sizes := [][]byte{make([]byte, 1<<17)}, make([]int, 1)
		if _, err := other.ReadFrames(bufs, sizes); err != nil || sizes[0] != len(b) {
			t.Fatalf("sent %d octets, got %d, %v", len(b), sizes[0], err)
		}
		changed := 0
		for i := testnet.VirtioHeaderSize; i < len(b); i++ {
			if b[i] != bufs[0][i] {
				changed++
			}
		}
		if changed > 2 {
			t.Errorf("%d octets changed", changed)
		}
	})
}
