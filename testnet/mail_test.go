package testnet_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"testing"

	"mirrorgw/testnet"
)

// stuffed is a mail as POP3 sends it, without the final line (RFC 1939 section 3).
func stuffed(data []byte) []byte {
	var out []byte
	for line := range bytes.Lines(data) {
		if line[0] == '.' {
			out = append(out, '.')
		}
		out = append(out, line...)
	}
	return out
}

func sha256Hex(r io.Reader) string {
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

func TestCleanMails(t *testing.T) {
	mails, again, others := testnet.CleanMails(1), testnet.CleanMails(1), testnet.CleanMails(2)
	if len(mails) != 40 {
		t.Errorf("%d mails, want 40", len(mails))
	}
	kinds := make(map[string]bool)
	largest := 0
	for i, m := range mails {
		if kinds[m.Kind] {
			t.Errorf("%s: twice", m.Kind)
		}
		kinds[m.Kind] = true
		largest = max(largest, len(m.Data))
		if !bytes.Equal(m.Data, again[i].Data) {
			t.Errorf("%s: differs from the same seed's", m.Kind)
		}
		if bytes.Equal(m.Data, others[i].Data) {
			t.Errorf("%s: the same as another seed's", m.Kind)
		}
		if bytes.Count(m.Data, []byte("\n")) != bytes.Count(m.Data, []byte("\r\n")) || bytes.Count(m.Data, []byte("\r")) != bytes.Count(m.Data, []byte("\r\n")) {
			t.Errorf("%s: has a bare CR or LF", m.Kind)
		}
		if _, err := mail.ReadMessage(bytes.NewReader(m.Data)); err != nil {
			t.Errorf("%s: %v", m.Kind, err)
		}
	}
	if largest < 3<<20 {
		t.Errorf("the largest has %d octets, want 3 MB", largest)
	}
}

func TestInfectedMails(t *testing.T) {
	if m := testnet.EICAR(); !bytes.Contains(m.Data, []byte("WDVPIVAlQEFQWzRcUFpYNTQoUF4pN0NDKTd9JEVJQ0FSLVNUQU5EQVJELUFOVElWSVJVUy1URVNU")[:76]) {
		t.Errorf("no EICAR test file in\n%s", m.Data)
	}
	m, err := testnet.ClamTestFile()
	if errors.Is(err, testnet.ErrNoTestFile) {
		t.Skip(err)
	}
	if err != nil || !bytes.Contains(m.Data, []byte("filename=\"clam.exe\"")) || len(m.Data) < 544*4/3 {
		t.Errorf("%v\n%s", err, m.Data)
	}
}

func TestVariedMails(t *testing.T) {
	mails, again := testnet.VariedMails(1, 200), testnet.VariedMails(1, 200)
	if len(mails) != 200 || len(testnet.VariedMails(1, 7)) != 7 {
		t.Fatalf("%d mails", len(mails))
	}
	seen := make(map[string]int)
	for i, m := range mails {
		if !bytes.Equal(m.Data, again[i].Data) {
			t.Errorf("%s: differs from the same seed's", m.Kind)
		}
		if _, err := mail.ReadMessage(bytes.NewReader(m.Data)); err != nil {
			t.Errorf("%s: %v", m.Kind, err)
		}
		for what, has := range map[string]bool{
			"NUL":        bytes.IndexByte(m.Data, 0) >= 0,
			"a bare LF":  bytes.Count(m.Data, []byte("\n")) > bytes.Count(m.Data, []byte("\r\n")),
			"a bare CR":  bytes.Count(m.Data, []byte("\r")) > bytes.Count(m.Data, []byte("\r\n")),
			"a dot":      bytes.Contains(m.Data, []byte("\n.")),
			"no body":    bytes.HasSuffix(m.Data, []byte("\r\n\r\n")),
			"no end":     !bytes.HasSuffix(m.Data, []byte("\n")),
			"10 kB":      len(m.Data) > 10_000,
			"many parts": bytes.Count(m.Data, []byte("multipart/")) > 2,
		} {
			if has {
				seen[what]++
			}
		}
	}
	for _, what := range []string{"NUL", "a bare LF", "a bare CR", "a dot", "no body", "no end", "10 kB", "many parts"} {
		if seen[what] < 5 {
			t.Errorf("%s: in %d mails", what, seen[what])
		}
	}
}
