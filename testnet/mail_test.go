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
