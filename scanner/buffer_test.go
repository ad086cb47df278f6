package scanner

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
)

// Law: what is written in any pieces reads back the same, before and after the spill, in whatever pieces it is read.
func FuzzBuffer(f *testing.F) {
	f.Add([]byte("hello"), int64(3), uint64(1))
	f.Add(bytes.Repeat([]byte("0123456789"), 100), int64(100), uint64(2))
	f.Add([]byte{}, int64(0), uint64(3))
	f.Add(bytes.Repeat([]byte("0123456789abcdef"), 3*gather/16), int64(100), uint64(4))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte, memory int64, seed uint64) {
		b := Spool{Dir: dir, Memory: memory % 2000, Max: 1 << 20}.NewBuffer()
		defer b.Close()
		random := rand.New(rand.NewPCG(seed, 0))
		for rest := content; len(rest) > 0; {
			n := random.IntN(min(len(rest), 300)) + 1
			if random.IntN(64) == 0 {
				n = random.IntN(len(rest)) + 1
			}
			if m, err := b.Write(rest[:n]); m != n || err != nil {
				t.Fatalf("Write: %d, %v", m, err)
			}
			rest = rest[n:]
		}
		if b.Size() != int64(len(content)) {
			t.Fatalf("size %d, want %d", b.Size(), len(content))
		}
		for range 2 {
			got, err := io.ReadAll(b.Reader())
			if err != nil || !bytes.Equal(got, content) {
				t.Fatalf("read %d octets, %v", len(got), err)
			}
		}
		got, err := regionBytes(NewPart("", "", "", b))
		if err != nil || !bytes.Equal(got, content) {
			t.Fatalf("region of %d octets, %v", len(got), err)
		}
		if mem, file := b.region(); file != nil && mem != nil {
			t.Fatal("content is in memory and in a file")
		}
		from := random.Int64N(int64(len(content)) + 1)
		end := from + random.Int64N(int64(len(content))+1-from)
		view, err := b.view(from, end)
		if err != nil {
			t.Fatal(err)
		}
		if view, err = view.view(0, view.Size()); err != nil { // as of a message in a message
			t.Fatal(err)
		}
		got, err = regionBytes(NewPart("", "", "", view))
		if again, rerr := io.ReadAll(view.Reader()); err != nil || rerr != nil || !bytes.Equal(got, content[from:end]) || !bytes.Equal(again, got) {
			t.Fatalf("view of %d to %d: %d octets, read %d, %v, %v", from, end, len(got), len(again), err, rerr)
		}
		if err := view.Close(); err != nil {
			t.Fatal(err)
		}
		off := random.Int64N(int64(len(content)) + 1)
		piece := make([]byte, random.IntN(50))
		n, err := b.ReadAt(piece, off)
		if !bytes.Equal(piece[:n], content[off:off+int64(n)]) || n < len(piece) && err != io.EOF {
			t.Fatalf("ReadAt(%d, %d): %d, %v", len(piece), off, n, err)
		}
	})
}

func TestBufferTooLarge(t *testing.T) {
	for _, memory := range []int64{5, 100} {
		b := Spool{Dir: t.TempDir(), Memory: memory, Max: 10}.NewBuffer()
		defer b.Close()
		if n, err := b.Write([]byte("12345678")); n != 8 || err != nil {
			t.Fatalf("Write: %d, %v", n, err)
		}
		if n, err := b.Write([]byte("abcdef")); n != 2 || !errors.Is(err, ErrTooLarge) {
			t.Errorf("Write beyond the limit: %d, %v", n, err)
		}
		if n, err := b.Write([]byte("g")); n != 0 || !errors.Is(err, ErrTooLarge) {
			t.Errorf("Write into a full buffer: %d, %v", n, err)
		}
		if got, _ := io.ReadAll(b.Reader()); string(got) != "12345678ab" {
			t.Errorf("content %q", got)
		}
	}
}

// Where what was gathered does not go into the file, as on a full disk, nothing is lost, and no engine is shown the rest.
func TestBufferGatheredWithoutRoom(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	b := &Buffer{spool: Spool{}.withDefaults(), file: full, mem: make([]byte, 0, gather)}
	defer b.Close()
	want := bytes.Repeat([]byte("line\r\n"), gather/6)
	if n, err := b.Write(want); n != len(want) || err != nil {
		t.Fatalf("Write: %d, %v", n, err)
	}
	if n, err := b.Write(want); n != 0 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Write beyond: %d, %v", n, err)
	}
	if got, err := io.ReadAll(b.Reader()); !bytes.Equal(got, want) || err != nil {
		t.Errorf("content of %d octets, %v", len(got), err)
	}
	if n, err := b.WriteTo(io.Discard); n != 0 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("WriteTo: %d, %v", n, err)
	}
	_, file := b.region()
	if _, err := file.File.Stat(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("an engine is shown a file: %v", err)
	}
}

// pieces is a writer that takes note of how much it is given at once.
type pieces []int

func (p *pieces) Write(b []byte) (int, error) { *p = append(*p, len(b)); return len(b), nil }

// A file is written in pieces each of which one frame holds.
func TestBufferWritesBlocks(t *testing.T) {
	b := Spool{Dir: t.TempDir()}.NewBuffer()
	defer b.Close()
	const size = 10 * block
	if _, err := b.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	const holds = 1<<16 - 1 - 60 - 100 // octets of data: less an IP header with all its options, and TCP's with what goes with it
	var got pieces
	if n, err := b.WriteTo(&got); n != size || err != nil || len(got) != size/block || slices.Max(got) > holds {
		t.Errorf("%d octets, %v, in pieces of %v", n, err, got)
	}
}

func TestBufferFileHasNoName(t *testing.T) {
	dir := t.TempDir()
	b := Spool{Dir: dir, Memory: 1}.NewBuffer()
	defer b.Close()
	if _, err := b.Write(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if _, file := b.region(); file == nil {
		t.Fatal("nothing was spilled")
	} else if info, err := file.File.Stat(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
	if err := errors.Join(b.Close(), b.Close()); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestBufferWithoutFolder(t *testing.T) {
	b := Spool{Dir: t.TempDir() + "/gone", Memory: 1}.NewBuffer()
	defer b.Close()
	if n, err := b.Write([]byte("ab")); n != 0 || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Write: %d, %v", n, err)
	}
}

func TestBufferReadInParallel(t *testing.T) {
	b := Spool{Dir: t.TempDir(), Memory: 1}.NewBuffer()
	defer b.Close()
	content := bytes.Repeat([]byte("abcdefg"), 10_000)
	if _, err := b.Write(content); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if got, err := io.ReadAll(b.Reader()); err != nil || !bytes.Equal(got, content) {
				t.Errorf("read %d octets, %v", len(got), err)
			}
		})
	}
	wg.Wait()
}
