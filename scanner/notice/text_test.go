package notice

import (
	"bytes"
	"io"
	"log/slog"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"mirrorgw/scanner"
)

func newComposer(t testing.TB, cfg Config) *Composer {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func writeTemplate(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "own.tmpl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// In every language, each cause has an opening of its own, and the facts and the commands are there.
func TestLanguages(t *testing.T) {
	if got := strings.Join(Languages(), " "); got != "de en es fr it pl pt ru" {
		t.Errorf("languages %s", got)
	}
	openings := make(map[string]string)
	for _, language := range Languages() {
		c := newComposer(t, Config{Language: language})
		for cause := range scanner.DefaultPolicy() {
			item := newItem("From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDate: Sat, 21 Nov 2026 09:00:00 +0100\r\n\r\n")
			item.Cause = cause
			facts := []string{"EICAR_Test_File (yara, "}
			if cause != scanner.CauseInfected {
				item.Verdict = scanner.Verdict{Cause: cause, Detail: "why it is so", Size: 4711}
				facts = []string{"why it is so"}
			}
			notice, err := c.Compose(item, testID)
			if err != nil {
				t.Fatal(err)
			}
			checkForm(t, string(notice))
			_, body := read(t, string(notice))
			for _, fact := range append(
				facts, "Jörg <joerg@example.org>", "Grüße", "2026-11-21 09:00:00 +0100", "2026-11-21 10:00:00 +0000", "198.51.100.7", " 4711 ", " "+testID+"\r\n",
				"        mirrorgw quarantine show "+testID+"\r\n        mirrorgw quarantine release "+testID+"\r\n", "\r\n-- \r\nmirrorgw, ",
			) {
				if !strings.Contains(body, fact) {
					t.Errorf("%s, %s: no %q in\n%s", language, cause, fact, body)
				}
			}
			for line := range strings.SplitSeq(body, "\r\n") {
				if utf8.RuneCountInString(line) > 78 || strings.Contains(line, "{{") || strings.Contains(line, "no value") {
					t.Errorf("%s, %s: %s", language, cause, line)
				}
			}
			opening, _, _ := strings.Cut(body, "\r\n\r\n")
			if other, known := openings[opening]; known {
				t.Errorf("%s, %s: the opening of %s:\n%s", language, cause, other, opening)
			}
			openings[opening] = language + ", " + string(cause)
		}
	}
}

func TestLanguageByClient(t *testing.T) {
	prefixes := func(s ...string) (list []netip.Prefix) {
		for _, p := range s {
			list = append(list, netip.MustParsePrefix(p))
		}
		return list
	}
	c := newComposer(t, Config{Language: "fr", ByClient: []Choice{
		{prefixes("192.168.1.128/25", "fd00:1::/64"), "de"},
		{prefixes("192.168.1.0/24"), "pl"},
	}})
	for client, want := range map[string]string{
		"192.168.1.200:1": "Eine Nachricht", "[::ffff:192.168.1.200]:1": "Eine Nachricht", "[fd00:1::9]:1": "Eine Nachricht",
		"192.168.1.20:1": "Zatrzymano", "192.0.2.1:1": "Un message",
	} {
		item := newItem("")
		item.Origin.Client = netip.MustParseAddrPort(client)
		notice, err := c.Compose(item, testID)
		if err != nil {
			t.Fatal(err)
		}
		if _, body := read(t, string(notice)); !strings.HasPrefix(body, want) {
			t.Errorf("%s: %s", client, body)
		}
	}
	item := newItem("")
	item.Origin.Client = netip.AddrPort{}
	if _, err := c.Compose(item, testID); err != nil {
		t.Error(err)
	}
	for _, cfg := range []Config{{Language: "xx"}, {ByClient: []Choice{{Language: "../en"}}}} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "there are de, en, es") {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

// A template of one's own can say all that p3scan's could, and no control character of it gets out.
func TestOwnTemplate(t *testing.T) {
	path := writeTemplate(t, "\ufeff{{.MailFrom}}|{{.MailTo}}|{{.UserName}}|{{.Subject}}|{{.MailDate}}|{{.ServerIP}}|{{.ServerPort}}|{{.ClientIP}}|{{.ClientPort}}|{{.Protocol}}|"+
		"{{.ProgName}}|{{.Version}}|{{.Engines}}|{{.HostName}}|{{.DomainName}}|{{.VirusName}}|{{.ID}}|{{.Language}}|{{.Verdict}}|{{.Cause}}\nline\rs \x00\x1b\u0085{{\"\\x07\"}}\ttab\r\n\n\n")
	c := newComposer(t, Config{Template: path, HostName: "gate.example.net", Version: "v9", Engines: "yara 4"})
	item := newItem("From: Ann <ann@example.org>\r\nTo: b@example.net, C <c@example.net>\r\nSubject: hi\r\nDate: Sat, 21 Nov 2026 09:00:00 +0100\r\n\r\n")
	notice, err := c.Compose(item, testID)
	if err != nil {
		t.Fatal(err)
	}
	_, body := read(t, string(notice))
	want := "Ann <ann@example.org>|b@example.net, c@example.net|joe|hi|2026-11-21 09:00:00 +0100|198.51.100.7|110|192.168.1.20|50000|pop3|" +
		"mirrorgw|v9|yara 4|gate|example.net|EICAR_Test_File|" + testID + "|en|infected|infected\r\nlines \ttab\r\n"
	if body != want {
		t.Errorf("got  %q\nwant %q", body, want)
	}
	checkForm(t, string(notice))
}

// What is wrong with a template is said with its line, before there is a mail.
func TestTemplateErrors(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"syntax":             {"hello\n{{if}}\n", "FILE:2: missing value for if"},
		"unknown field":      {"hello\n\n  {{.MailForm}}\n", "FILE:3:4: executing "},
		"names are told":     {"{{.MailForm}}", "; there are .MailFrom .MailTo .UserName "},
		"only one cause":     {"{{if eq .Cause \"partial\"}}{{.Nope}}{{end}}always", "FILE:1:"},
		"part":               {"ok{{define \"part\"}}\n{{.Nope}}{{end}}", "FILE:2:"},
		"empty":              {" {{define \"part\"}}x{{end}}\n", "FILE: the text is empty (for a mail whose cause is "},
		"too long a text":    {"{{range 100000}}x{{end}}", "longer than 32768 octets"},
		"never ends":         {"{{define \"a\"}}x{{template \"a\"}}{{end}}{{template \"a\"}}", "longer than 32768 octets"},
		"not UTF-8":          {"a\nb\xff\n", "FILE:2: not UTF-8"},
		"too long a file":    {strings.Repeat("x", maxTemplate+1), "FILE: longer than 262144 octets"},
		"index out of range": {"{{(index .Findings 0).Rule}}", "FILE:1:"},
	} {
		path := writeTemplate(t, tt.text)
		_, err := New(Config{Template: path})
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		got := strings.ReplaceAll(err.Error(), path, "FILE")
		if !strings.Contains(got, tt.want) || !strings.HasPrefix(got, "FILE:") {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
	if _, err := New(Config{Template: "/nowhere.tmpl"}); err == nil || err.Error() != "/nowhere.tmpl: no such file or directory" {
		t.Error(err)
	}
}

// A template that fails for one mail after all costs nobody a mail, and is counted, across a reload too.
func TestTemplateThatFailsLater(t *testing.T) {
	var log bytes.Buffer
	cfg := Config{Template: writeTemplate(t, "own {{if gt .Size 4000}}{{(index .Findings 99).Rule}}{{end}}"), Language: "de", Log: slog.New(slog.NewTextHandler(&log, nil))}
	before := newComposer(t, cfg)
	c, err := before.Successor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for size, want := range map[int64]string{10: "own", 4711: "Eine Nachricht"} {
		item := newItem("")
		item.Verdict.Size = size
		notice, err := c.Compose(item, testID)
		if err != nil {
			t.Fatal(err)
		}
		if _, body := read(t, string(notice)); !strings.HasPrefix(body, want) {
			t.Errorf("%d octets: %s", size, body)
		}
	}
	if got := before.Counters(); got != (Counters{Composed: 2, TemplateFailures: 1}) {
		t.Errorf("%+v", got)
	}
	if !strings.Contains(log.String(), cfg.Template) {
		t.Errorf("logged %s", log.String())
	}
	if _, err := c.Successor(Config{Language: "xx"}); err == nil {
		t.Error("no error")
	}
}

// What stands in place of one part names it and what was found, in every language and in words of one's own.
func TestPart(t *testing.T) {
	item := newItem("From: a@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <one@example.org>\r\n\r\n")
	read := func(c *Composer, name string) string {
		t.Helper()
		entity, err := c.ComposePart(item, testID, name)
		if err != nil {
			t.Fatal(err)
		}
		checkForm(t, string(entity))
		m, err := mail.ReadMessage(bytes.NewReader(entity))
		if err != nil || len(m.Header) != 3 || m.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Fatalf("%v, %v", m.Header, err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	for _, language := range Languages() {
		body := read(newComposer(t, Config{Language: language}), "rechnung ü.exe")
		for _, fact := range []string{"EICAR_Test_File (yara, ", "rechnung ü.exe\r\n", "quarantine release " + testID} {
			if !strings.Contains(body, fact) {
				t.Errorf("%s: no %q in\n%s", language, fact, body)
			}
		}
	}
	own := newComposer(t, Config{Template: writeTemplate(t, "whole{{define \"part\"}}own {{.PartName}}{{end}}")})
	if body := read(own, "x"); body != "own x\r\n" {
		t.Errorf("%q", body)
	}
	if body := read(newComposer(t, Config{Template: writeTemplate(t, "whole")}), ""); !strings.HasPrefix(body, "A part of this message") {
		t.Errorf("%q", body)
	}
	fields, err := own.ComposeFields(item, testID)
	if err != nil {
		t.Fatal(err)
	}
	checkForm(t, string(fields))
	m, err := mail.ReadMessage(strings.NewReader(string(fields) + "\r\n"))
	if err != nil || len(m.Header) != 3 || !strings.HasPrefix(m.Header.Get("X-Mirrorgw-Verdict"), "infected; ") || !strings.HasPrefix(m.Header.Get("Message-Id"), "<mirrorgw."+testID) {
		t.Errorf("%v, %v", m, err)
	}
	if subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil || subject != "[mirrorgw] Grüße" {
		t.Errorf("%q, %v", subject, err)
	}
}
