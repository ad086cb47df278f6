package archive_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"mirrorgw/scanner"
	"mirrorgw/scanner/archive"
)

// FuzzOpen: whatever a content is, it is opened without an error of its own, contents are handed out up to the first ErrStopped and no
// further, and doing it again gives the same.
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
		var first []byte
		for again := range 2 {
			out := &archive.Taker{T: t, Part: part}
			err := archive.Opener{}.Open(t.Context(), part, out)
			if err != nil && !out.Ended {
				t.Errorf("error %v, and nothing had been stopped", err)
			}
			if again == 0 {
				first = out.Told.Bytes()
			} else if !bytes.Equal(first, out.Told.Bytes()) {
				t.Errorf("%.1000q and then %.1000q", first, out.Told.Bytes())
			}
		}
	})
}
