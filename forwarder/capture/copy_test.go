package capture

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"testing/synctest"
)

// capture is a whole one, of three frames.
func wholeCapture(t *testing.T) (file []byte) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		tap := New(nil)
		end := capturing(t, tap, "")
		tap.Frames([][]byte{tcp4(t, 0), tcp4(t, 61)}, nil, nil, [][]byte{tcp4(t, 65_000)})
		var err error
		if file, err = end(); err != nil {
			t.Fatal(err)
		}
	})
	return file
}

// Wherever a capture breaks off, what is copied can be read, and the error says that it broke off.
func TestCopyKeepsWholeBlocks(t *testing.T) {
	file := wholeCapture(t)
	for _, n := range cuts(file) {
		var out bytes.Buffer
		s, err := Copy(&out, bytes.NewReader(file[:n]))
		if n == len(file) {
			if err != nil || !bytes.Equal(out.Bytes(), file) || s != (Summary{Frames: 3, Whole: true}) {
				t.Fatalf("the whole: %+v, %v", s, err)
			}
			continue
		}
		if !bytes.HasPrefix(file, out.Bytes()) {
			t.Fatalf("cut at %d: not what was sent", n)
		}
		if !s.Whole && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut at %d: %+v, %v", n, s, err)
		}
		if out.Len() < 400 {
			continue // before the interfaces are described
		}
		if frames, _, _ := read(t, out.Bytes()); uint64(len(frames)) != s.Frames {
			t.Fatalf("cut at %d: %d frames, %d said", n, len(frames), s.Frames)
		}
	}
}

// cuts are places to cut a file at: all of those near its ends, some between.
func cuts(file []byte) (at []int) {
	for n := range len(file) + 1 {
		if n < 2000 || n > len(file)-1000 || n%4099 == 0 {
			at = append(at, n)
		}
	}
	return at
}

func TestCopyOneOctetAtATime(t *testing.T) {
	file := wholeCapture(t)
	var out bytes.Buffer
	s, err := Copy(&out, iotest.OneByteReader(bytes.NewReader(file)))
	if err != nil || !bytes.Equal(out.Bytes(), file) || s.Frames != 3 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestCopyRefuses(t *testing.T) {
	whole := wholeCapture(t)
	tests := map[string][]byte{
		"text":            []byte("HTTP/1.1 200 OK\r\n"),
		"another section": append(bytes.Clone(whole), whole...),
		"a huge block":    append(bytes.Clone(whole), 6, 0, 0, 0, 0, 0, 0, 0x7f),
		"a tiny block":    append(bytes.Clone(whole), 6, 0, 0, 0, 8, 0, 0, 0),
	}
	for name, b := range tests {
		var out bytes.Buffer
		if _, err := Copy(&out, bytes.NewReader(b)); !errors.Is(err, ErrNotCapture) || !bytes.HasPrefix(whole, out.Bytes()) {
			t.Errorf("%s: %v, %d octets", name, err, out.Len())
		}
	}
	full := errors.New("full")
	if _, err := Copy(refuses{full}, bytes.NewReader(whole)); !errors.Is(err, full) {
		t.Errorf("a full disk: %v", err)
	}
}

type refuses struct{ err error }

func (r refuses) Write([]byte) (int, error) { return 0, r.err }

// What is copied is a beginning of what was sent, in whole blocks, and copies to itself.
func FuzzCopy(f *testing.F) {
	f.Add([]byte("\x0a\x0d\x0d\x0a\x1c\x00\x00\x00\x4d\x3c\x2b\x1a\x01\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x1c\x00\x00\x00" +
		"\x06\x00\x00\x00\x10\x00\x00\x00abcd\x10\x00\x00\x00\x05\x00\x00\x00\x28\x00\x00\x00abcdefghijkl\x05\x00\x08\x00\x09\x00\x00\x00\x00\x00\x00\x00\x28\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var once, twice bytes.Buffer
		s, _ := Copy(&once, bytes.NewReader(b))
		if !bytes.HasPrefix(b, once.Bytes()) {
			t.Fatal("not what was sent")
		}
		again, err := Copy(&twice, bytes.NewReader(once.Bytes()))
		if again != s || !bytes.Equal(twice.Bytes(), once.Bytes()) || (err == nil) != s.Whole {
			t.Errorf("%+v, then %+v, %v", s, again, err)
		}
	})
}
