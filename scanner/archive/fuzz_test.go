package archive_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"mirrorgw/scanner"
	"mirrorgw/scanner/archive"
)

// bounded is a scanner.Contents that takes so many octets and contents, and then stops.
type bounded struct {
	t      testing.TB
	part   *scanner.Part
	octets int64
	parts  int
	notes  int
	ended  bool
}

const (
	maxFuzzed = 4 << 20
	maxTaken  = 200
)

func (b *bounded) Member(_, _ string, content io.Reader) error {
	if b.ended {
		b.t.Error("a content was handed out behind the end")
	}
	if b.parts++; b.parts > maxTaken {
		b.ended = true
		return scanner.ErrStopped
	}
	n, err := io.Copy(io.Discard, io.LimitReader(content, maxFuzzed-b.octets))
	if b.octets += n; b.octets >= maxFuzzed {
		b.ended = true
		return scanner.ErrStopped
	}
	return err
}

func (b *bounded) Excerpt(at, n int64) error {
	return b.Member("", "", io.NewSectionReader(b.part.Reader(), at, n))
}

func (b *bounded) Text(io.Reader) error { return errors.New("not wanted") }

func (b *bounded) Expect(n int64) error {
	if n > maxFuzzed {
		b.ended = true
		return scanner.ErrStopped
	}
	return nil
}

func (b *bounded) Note(cause scanner.Cause, detail string) {
	b.notes++
	if cause == scanner.CauseError { // of which none is expected but for a library that panics
		b.t.Logf("%s: %s", cause, detail)
	}
	if len(detail) > 4<<10 {
		b.t.Errorf("a detail of %d octets", len(detail))
	}
}

// FuzzOpen: whatever a content is, it is opened without an error of its own, contents are handed out up to the first ErrStopped and no
// further, and doing it again gives as much.
func FuzzOpen(f *testing.F) {
	files, _ := filepath.Glob("/usr/share/clamav-testfiles/clam.*")
	for _, path := range files {
		if content, err := os.ReadFile(path); err == nil && len(content) < 64<<10 {
			f.Add(content)
		}
	}
	for _, seed := range [][]byte{
		gz(f, payload), quine(), zipOf(f, zip.Deflate, "a", payload, "b", payload), zipOf(f, zip.Store, "a", payload),
		tarOf(f, tar.FormatPAX, "a", payload), tarOf(f, tar.FormatGNU, "a", payload), compoundFile("a", payload, "b", "text"),
		compoundFile("\x01Ole10Native", "\x00\x00\x00\x00"+packageOf(payload), "Workbook", "\x09\x08\x04\x00\x00\x06\x05\x00\x2f\x00\x02\x00\x00\x00"),
		rar4("a", payload, false, false), rar5("a", payload, false, false), rar5("a", payload, true, false),
		[]byte(`{\rtf1{\object{\*\objdata 0105000002000000080000005061636b61676500}}}`),
		[]byte("%PDF-1.7\n1 0 obj<</Filter[/A85/AHx/Fl]>>stream\nabc~>endstream\ntrailer<</Encrypt 1 0 R>>"),
		rawZip(flated(f, 1<<20), 1<<20, 20),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > 256<<10 {
			return
		}
		held := scanner.Spool{}.NewBuffer()
		defer held.Close()
		if _, err := held.Write(bytes.Clone(content)); err != nil {
			t.Fatal(err)
		}
		part := scanner.NewPart("1", "", "", held)
		var first *bounded
		for range 2 {
			out := &bounded{t: t, part: part}
			err := archive.Opener{}.Open(t.Context(), part, out)
			if err != nil && !out.ended {
				t.Errorf("error %v, and nothing had been stopped", err)
			}
			if first == nil {
				first = out
			} else if first.octets != out.octets || first.parts != out.parts || first.notes != out.notes {
				t.Errorf("%+v and then %+v", first, out)
			}
		}
	})
}
