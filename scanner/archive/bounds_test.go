package archive_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"mirrorgw/scanner"
	"mirrorgw/scanner/archive"
)

// TestSignaturesThatLieHideNothing: what only looks like the start of a 7z archive does not use up the places that are looked at, and
// where those are used up that is said.
func TestSignaturesThatLieHideNothing(t *testing.T) {
	real := archived(t, map[string]string{"b.exe": payload}, "x.7z", "7zz", "a", "-m0=copy")
	false7z := "7z\xbc\xaf\x27\x1c" + strings.Repeat("\x00", 30)
	for _, n := range []int{100, 5_000} { // in memory, and on disk
		v, _ := scan(t, scanner.Limits{}, slices.Concat([]byte(strings.Repeat("x"+false7z, n)), real))
		if v.Class != scanner.Infected {
			t.Errorf("behind %d: verdict %+v", n, v)
		}
	}
	causes(t, slices.Concat([]byte("x"), bytes.Repeat(real, 65)), scanner.CauseBudget, "")
	causes(t, []byte("x"+strings.Repeat("MSCF\x00\x00\x00\x00", 65)), scanner.CauseBudget, "more than 64 places")
}

// Test7zDecodersShareTheirMemory: coders that feed each other have no more of it together than one may have.
func Test7zDecodersShareTheirMemory(t *testing.T) {
	const each = "\x21\x21\x01\x1b" // LZMA2, 48 MiB
	header := "\x01\x04" +
		"\x06\x00\x01\x09\x04\x00" + // one packed stream, 4 octets
		"\x07\x0b\x01\x00\x03" + strings.Repeat(each, 3) + "\x00\x01\x01\x02" + "\x0c" + strings.Repeat("\xe4\x00\x00\x00", 3) + "\x00" +
		"\x00\x00"
	start := make([]byte, 32)
	copy(start, "7z\xbc\xaf\x27\x1c\x00\x04")
	start[12], start[20] = 4, byte(len(header))
	causes(t, append(start, "\x00\x00\x00\x00"+header...), scanner.CauseBudget, "beside others")
}

// ended is a scanner.Contents that ends its context at the nth content.
type ended struct {
	n     int
	count int
	end   context.CancelFunc
}

func (e *ended) Member(_, _ string, content io.Reader) error {
	if e.count++; e.count == e.n {
		e.end()
	}
	_, err := io.Copy(io.Discard, content)
	return err
}
func (*ended) Excerpt(int64, int64) error { return nil }
func (*ended) Text(io.Reader) error       { return nil }
func (*ended) Expect(int64) error         { return nil }
func (*ended) Note(scanner.Cause, string) {}

// TestTheClockIsLookedAt: a document of many streams or objects is left when its time is over.
func TestTheClockIsLookedAt(t *testing.T) {
	for _, test := range []struct {
		content string
		n, most int
	}{
		{"%PDF-1.4\n" + strings.Repeat("stream\nendstream\n", 1_000), 3, 3},
		{"%PDF-1.4\n" + strings.Repeat("stream\nendstream\n"+strings.Repeat(" ", 300), 3_000), 2_001, 2_001},
		{`{\rtf1` + strings.Repeat(`{\objdata 00}`, 1_000), 3, 4},
	} {
		b := scanner.Spool{}.NewBuffer()
		defer b.Close()
		if _, err := io.WriteString(b, test.content); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		out := &ended{n: test.n, end: cancel}
		err := (archive.Opener{}).Open(ctx, scanner.NewPart("1", "", "", b), out)
		cancel()
		if !errors.Is(err, context.Canceled) || out.count > test.most {
			t.Errorf("%.10q: %v after %d contents", test.content, err, out.count)
		}
	}
}
