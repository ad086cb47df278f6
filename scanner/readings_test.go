package scanner_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"mirrorgw/scanner"
	"mirrorgw/scanner/archive"
	"mirrorgw/scanner/recode"
)

// seen is an engine that finds a text.
type seen struct{ text string }

func (seen) Name() string { return "seen" }

func (s seen) Scan(_ context.Context, part *scanner.Part) (scanner.Findings, error) {
	content, err := io.ReadAll(part.Reader())
	if err == nil && bytes.Contains(content, []byte(s.text)) {
		return scanner.Findings{{Engine: "seen", Rule: "text", Part: part.Path}}, nil
	}
	return nil, err
}

// packed returns a zip archive of one member.
func packed(t *testing.T, content string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create("member")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestTextIsNoArchive: octets that happen to look like UTF-7 make no archive malformed, since nobody opens what it would read as; and what
// it reads as hides no archive.
func TestTextIsNoArchive(t *testing.T) {
	const text = "what nobody wants"
	s, err := scanner.New(scanner.Config{Engines: []scanner.Engine{seen{text: text}}, Openers: []scanner.Opener{recode.Opener{}, archive.Opener{}}})
	if err != nil {
		t.Fatal(err)
	}
	parts := func(parts ...string) string {
		var b strings.Builder
		b.WriteString("Content-Type: multipart/mixed; boundary=b\r\n\r\n")
		for _, p := range parts {
			b.WriteString("--b\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte(p)) + "\r\n")
		}
		return b.String() + "--b--\r\n"
	}
	archived := packed(t, strings.Repeat(text, 100))
	raw := make([]byte, 64<<10)                  // with some plus signs in it
	_, _ = rand.NewChaCha8([32]byte{}).Read(raw) // never fails
	for name, test := range map[string]struct {
		mail  string
		class scanner.Class
	}{
		"a zip archive with UTF-7 in it":   {parts(packed(t, string(raw)) + "+AGE-"), scanner.Clean},
		"an archive":                       {parts(archived), scanner.Infected},
		"the archive and what reads as it": {parts(strings.ReplaceAll(archived, "+", "+-")+"+AGE-", archived+"a"), scanner.Infected},
	} {
		b := scanner.Spool{}.NewBuffer()
		if _, err := b.Write([]byte(test.mail)); err != nil {
			t.Fatal(err)
		}
		if v := s.Scan(t.Context(), b, true); v.Class != test.class {
			t.Errorf("%s: %s, %s %s", name, v.Class, v.Cause, v.Detail)
		}
		b.Close()
	}
}
