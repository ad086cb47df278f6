package notice

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"mirrorgw/scanner"
)

const testID = "0123456789ab"

// newItem describes the mail whose header is given, found infected.
func newItem(header string) scanner.Item {
	return scanner.Item{
		Time:    time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC),
		Origin:  scanner.Origin{Protocol: "pop3", Client: netip.MustParseAddrPort("192.168.1.20:50000"), Server: netip.MustParseAddrPort("198.51.100.7:110"), User: "joe"},
		Cause:   scanner.CauseInfected,
		Verdict: scanner.Verdict{Class: scanner.Infected, Cause: scanner.CauseInfected, Size: 4711, Findings: []scanner.Finding{{Engine: "yara", Rule: "EICAR_Test_File"}, {Engine: "yara", Rule: "EICAR_Test_File", Part: "2"}}},
		Summary: scanner.Summarize(strings.NewReader(header)),
	}
}

func composeText(t testing.TB, item scanner.Item) string {
	t.Helper()
	return composeTextWith(t, newComposer(t, Config{}), item)
}

func composeTextWith(t testing.TB, c *Composer, item scanner.Item) string {
	t.Helper()
	text, err := c.Compose(item, testID)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// read parses a notice as a client would and returns its header and decoded body.
func read(t testing.TB, text string) (mail.Header, string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return m.Header, string(body)
}

func TestNotice(t *testing.T) {
	item := newItem("From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r\nTo: Ann <ann@example.net>, bob@example.net\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDate: Sat, 21 Nov 2026 09:00:00 +0100\r\nMessage-ID: <one@example.org>\r\nX-Mirrorgw-Verdict: clean\r\n" +
		"DKIM-Signature: v=1\r\nARC-Seal: i=1\r\nAuthentication-Results: x; dkim=pass\r\nContent-Type: text/html\r\nContent-Language: de\r\nBcc: secret@example.org\r\n\r\n")
	text := composeText(t, item)
	h, body := read(t, text)
	decoder := mime.WordDecoder{}
	for name, want := range map[string]string{
		"Subject":                   "[mirrorgw] Grüße",
		"Date":                      "Sat, 21 Nov 2026 09:00:00 +0100",
		"References":                "<one@example.org>",
		"Mime-Version":              "1.0",
		"Content-Type":              "text/plain; charset=utf-8",
		"Content-Transfer-Encoding": "quoted-printable",
		"Auto-Submitted":            "auto-generated",
		"X-Mirrorgw-Verdict":        "infected; finding=yara:EICAR_Test_File; id=0123456789ab",
	} {
		got, err := decoder.DecodeHeader(h.Get(name))
		if err != nil || got != want || len(h[name]) != 1 {
			t.Errorf("%s: %q (%d times), want %q", name, got, len(h[name]), want)
		}
	}
	if id := h.Get("Message-Id"); !strings.HasPrefix(id, "<mirrorgw.0123456789ab.") || !strings.HasSuffix(id, "@example.org>") {
		t.Errorf("Message-ID %q", id)
	}
	if from, err := h.AddressList("From"); err != nil || len(from) != 1 || from[0].Name != "Jörg" || from[0].Address != "joerg@example.org" {
		t.Errorf("From %v, %v", from, err)
	}
	if to, err := h.AddressList("To"); err != nil || len(to) != 2 {
		t.Errorf("To %v, %v", to, err)
	}
	for _, want := range []string{"EICAR_Test_File (yara, part 2)", "Jörg <joerg@example.org>", "Grüße", "2026-11-21 09:00:00 +0100", "2026-11-21 10:00:00 +0000", "198.51.100.7", testID, "What to do now", "4711 octets", "mirrorgw quarantine release " + testID} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
	if n := strings.Count(body, "Finding:"); n != 1 {
		t.Errorf("%d findings in\n%s", n, body)
	}
	if len(h) != 11 {
		t.Errorf("fields of the original are left: %v", h)
	}
	checkForm(t, text)
}

// checkForm checks what holds for every notice (RFC 5322 section 2, RFC 2045 section 6.7).
func checkForm(t testing.TB, text string) {
	t.Helper()
	if !strings.HasSuffix(text, "\r\n") {
		t.Errorf("ends in %q", text[max(0, len(text)-10):])
	}
	for i, c := range []byte(text) {
		switch {
		case c == '\r' && text[i+1:min(i+2, len(text))] != "\n", c == '\n' && (i == 0 || text[i-1] != '\r'):
			t.Fatalf("bare line end in %q", text)
		case c < ' ' && c != '\r' && c != '\n' && c != '\t', c >= 0x7f:
			t.Fatalf("octet %#x in %q", c, text)
		}
	}
	for line := range strings.SplitSeq(text, "\r\n") {
		if len(line) > 998 {
			t.Errorf("line of %d octets", len(line))
		}
	}
}

func TestReasons(t *testing.T) {
	for cause, want := range map[scanner.Cause]string{
		scanner.CauseEncrypted: "is encrypted", scanner.CauseOversize: "too large", scanner.CausePartial: "one piece", scanner.CauseMalformed: "put together",
		scanner.CauseBudget: "unfolds", scanner.CauseError: "could not be checked",
	} {
		item := newItem("From: a@example.org\r\n\r\n")
		item.Cause, item.Verdict = cause, scanner.Verdict{Cause: cause, Detail: "the limit is 4\x1b"}
		text := composeText(t, item)
		h, body := read(t, text)
		if !strings.Contains(body, want) || !strings.Contains(body, "Reason:         the limit is 4\r\n") || strings.Contains(body, "something harmful") {
			t.Errorf("%s:\n%s", cause, body)
		}
		if got := h.Get("X-Mirrorgw-Verdict"); got != "unscannable; cause="+string(cause)+"; id="+testID {
			t.Errorf("%s: %s", cause, got)
		}
		checkForm(t, text)
	}
}

func TestNoticeForAMailThatSaysNothing(t *testing.T) {
	item := newItem("")
	h, body := read(t, composeText(t, item))
	if from, err := h.AddressList("From"); err != nil || from[0].Address != placeholder {
		t.Errorf("From %v, %v", from, err)
	}
	if h.Get("To") != "undisclosed-recipients:;" || h.Get("Subject") != "[mirrorgw]" || h.Get("References") != "" {
		t.Errorf("header %v", h)
	}
	if d, err := h.Date(); err != nil || !d.Equal(item.Time) {
		t.Errorf("Date %v, %v", d, err)
	}
	if !strings.Contains(body, "(none)") {
		t.Errorf("body\n%s", body)
	}
	h, _ = read(t, composeText(t, newItem("From: The \"Sales\" team\r\n\r\n")))
	if from, err := h.AddressList("From"); err != nil || from[0].Address != placeholder || !strings.Contains(from[0].Name, "Sales") {
		t.Errorf("From of a mail that names nobody one could write to: %v, %v", from, err)
	}
	item.Summary.Date = item.Time.Add(25 * time.Hour)
	if h, _ := read(t, composeText(t, item)); h.Get("Date") != "Sat, 21 Nov 2026 10:00:00 +0000" {
		t.Errorf("Date %q", h.Get("Date"))
	}
}

func TestManyFindings(t *testing.T) {
	item := newItem("")
	item.Verdict.Findings = nil
	for i := range 60 {
		item.Verdict.Findings = append(item.Verdict.Findings, scanner.Finding{Engine: "yara\r\n", Rule: fmt.Sprintf("Rule_%d\r\nBcc: x", i)})
	}
	text := composeText(t, item)
	_, body := read(t, text)
	if strings.Count(body, "Finding:") != maxListed+1 || !strings.Contains(body, "and others") {
		t.Errorf("body\n%s", body)
	}
	checkForm(t, text)
}

// Law: whatever the original's header is, the notice is a well-formed mail that a client reads back: each field once, no line
// longer than 998 octets, ASCII only, the subject marked, and the original's subject and sender as they were summarised.
func FuzzCompose(f *testing.F) {
	f.Add([]byte("From: a@b.example\r\nSubject: x\r\nMessage-ID: <a@b>\r\nTo: c@d\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n"))
	f.Add([]byte("From: =?utf-8?q?A=0D=0ABcc:_x?= <a@b>\r\nSubject: =?utf-8?b?4oCu?= x\r\n\r\n"))
	f.Add([]byte("Subject: " + strings.Repeat("Grüße 日本 ", 3000) + "\r\nFrom: " + strings.Repeat("ä", 5000) + " <a@b>\r\n\r\n"))
	f.Add([]byte("Subject: " + strings.Repeat("x", 3000) + "\r\nTo: " + strings.Repeat("<"+strings.Repeat("y", 200)+"@example.org>,", 20) + "<z@z>\r\n\r\n"))
	f.Add([]byte("From: \"a b\\\"\"@c\r\nMessage-ID: <!#$%&'*+/=?^_`{|}~@[::1]>\r\nDate: 31 Dec 9999 23:59:59 -2359\r\n\r\n"))
	c := newComposer(f, Config{})
	f.Fuzz(func(t *testing.T, header []byte) {
		item := newItem(string(header))
		text := composeTextWith(t, c, item)
		checkForm(t, text)
		h, body := read(t, text)
		for name, values := range h {
			if len(values) != 1 {
				t.Errorf("%s: %d times", name, len(values))
			}
		}
		if len(h) != 10 && len(h) != 11 {
			t.Errorf("%d fields in\n%s", len(h), text)
		}
		subject, err := (&mime.WordDecoder{}).DecodeHeader(h.Get("Subject"))
		if want := strings.TrimSpace("[mirrorgw] " + item.Summary.Subject); err != nil || subject != want {
			t.Errorf("subject %q, want %q, %v", subject, want, err)
		}
		if from, err := h.AddressList("From"); err != nil || len(from) != 1 || item.Summary.Sender != nil && *from[0] != *item.Summary.Sender {
			t.Errorf("From %v, %v", from, err)
		}
		if to, err := h.AddressList("To"); h.Get("To") != "undisclosed-recipients:;" && (err != nil || len(to) != len(item.Summary.Recipients)) {
			t.Errorf("To %v, %v", to, err)
		}
		if _, err := h.Date(); err != nil {
			t.Errorf("Date %q: %v", h.Get("Date"), err)
		}
		if !utf8.ValidString(body) || !strings.Contains(body, item.Summary.Subject) || bytes.ContainsAny([]byte(body), "\x00\x1b\x7f") {
			t.Errorf("body %q", body)
		}
	})
}

// The inputs that once failed are still there.
func TestFoundInputs(t *testing.T) {
	if found, err := filepath.Glob("testdata/fuzz/FuzzCompose/*"); err != nil || len(found) == 0 {
		t.Errorf("%d inputs, %v", len(found), err)
	}
}
