//go:build !noyara

package scanner_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime/quotedprintable"
	"net/mail"
	"net/netip"
	"os"
	"strings"
	"testing"

	"mirrorgw/scanner"
	"mirrorgw/scanner/notice"
	"mirrorgw/scanner/quarantine"
	"mirrorgw/scanner/yara"
)

// eicar returns the EICAR test file without writing it out.
func eicar() []byte {
	return []byte(strings.ReplaceAll(`X5O!P~%@AP[4\PZX54(P^)~7CC)7}$EICAR~-STANDARD-ANTI~VIRUS-TEST-FILE!~$H+H*`, "~", ""))
}

func clamFile(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile("/usr/share/clamav-testfiles/" + name)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("needs the Debian package clamav-testfiles")
	}
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// attach returns a mail with content attached in the given transfer encoding.
func attach(t testing.TB, encoding string, content []byte) string {
	t.Helper()
	var body bytes.Buffer
	switch encoding {
	case "base64":
		for text := base64.StdEncoding.EncodeToString(content); text != ""; {
			n := min(76, len(text))
			body.WriteString(text[:n] + "\r\n")
			text = text[n:]
		}
	case "quoted-printable":
		w := quotedprintable.NewWriter(&body)
		w.Binary = true
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		body.WriteString("\r\n")
	default:
		body.Write(content)
		body.WriteString("\r\n")
	}
	return "From: Mallory <mallory@example.org>\r\nTo: joe@example.net\r\nSubject: invoice\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/plain\r\n\r\nSee attachment.\r\n" +
		"--b\r\nContent-Type: application/octet-stream; name=invoice.exe\r\nContent-Transfer-Encoding: " + encoding + "\r\n\r\n" + body.String() + "--b--\r\n"
}

// The whole way of an infected mail: found in its attachment, kept as it came, replaced by a notice.
func TestPipeline(t *testing.T) {
	engine, err := yara.New(yara.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	if err := scanner.SelfTest(t.Context(), engine); err != nil {
		t.Fatal(err)
	}
	scan, err := scanner.New(scanner.Config{Engines: []scanner.Engine{engine}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	store, err := quarantine.Open(dir, quarantine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	composer, err := notice.New(notice.Config{})
	if err != nil {
		t.Fatal(err)
	}
	judge, err := scanner.NewJudge(scanner.JudgeConfig{Scanner: scan, Keeper: store, Composer: composer})
	if err != nil {
		t.Fatal(err)
	}
	origin := scanner.Origin{Protocol: "pop3", Client: netip.MustParseAddrPort("192.168.1.20:1"), Server: netip.MustParseAddrPort("198.51.100.7:110"), User: "joe"}
	for _, tt := range []struct {
		name    string
		content []byte
		rule    string
	}{
		{"eicar", eicar(), "EICAR_Test_File"},
		{"clam.exe", clamFile(t, "clam.exe"), "ClamAV_Test_File"},
		{"clam.tar", append(make([]byte, 512), clamFile(t, "clam.exe")...), "ClamAV_Test_File"},
		{"nothing", []byte("harmless"), ""},
	} {
		for _, encoding := range []string{"base64", "quoted-printable", "8bit", "binary"} {
			t.Run(tt.name+" in "+encoding, func(t *testing.T) {
				text := attach(t, encoding, tt.content)
				buffer := scanner.Spool{Memory: 100}.NewBuffer() // in a file, mostly
				defer buffer.Close()
				if _, err := io.Copy(buffer, strings.NewReader(text)); err != nil {
					t.Fatal(err)
				}
				r := judge.Judge(t.Context(), origin, buffer, true)
				if tt.rule == "" {
					if r.Action != scanner.Deliver || r.Notice != nil || r.Tag != nil {
						t.Errorf("%s, %s", r.Action, r.Verdict.Detail)
					}
					return
				}
				last := r.Verdict.Findings[len(r.Verdict.Findings)-1]
				if r.Action != scanner.Replace || last != (scanner.Finding{Engine: "yara", Rule: tt.rule, Part: "2"}) {
					t.Fatalf("%s, findings %v", r.Action, r.Verdict.Findings)
				}
				kept, err := store.Export(r.ID)
				if err != nil {
					t.Fatal(err)
				}
				defer kept.Close()
				if got, err := io.ReadAll(kept); err != nil || string(got) != text {
					t.Errorf("%d octets in quarantine, %v", len(got), err)
				}
				m, err := mail.ReadMessage(bytes.NewReader(r.Notice))
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
				if err != nil || m.Header.Get("Subject") != "[mirrorgw] invoice" {
					t.Errorf("subject %q, %v", m.Header.Get("Subject"), err)
				}
				for _, want := range []string{tt.rule, "Mallory", "invoice", r.ID} {
					if !strings.Contains(string(body), want) {
						t.Errorf("the notice does not name %q:\n%s", want, body)
					}
				}
			})
		}
	}
	items, err := quarantine.At(dir).List()
	if err != nil || len(items) != 12 || items[0].From != "Mallory <mallory@example.org>" || items[0].Subject != "invoice" {
		t.Errorf("%d items, %v: %+v", len(items), err, items)
	}
	if c := judge.Counters(); c != (scanner.Counters{Clean: 4, Infected: 12, Delivered: 4, Replaced: 12}) {
		t.Errorf("counters %+v", c)
	}
}

// The files of clamav-testfiles that are mails.
func TestTestMails(t *testing.T) {
	engine, err := yara.New(yara.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	scan, err := scanner.New(scanner.Config{Engines: []scanner.Engine{engine}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"clam.mail", "clam.exe.mbox.base64"} {
		buffer := scanner.Spool{}.NewBuffer()
		defer buffer.Close()
		if _, err := buffer.Write(clamFile(t, name)); err != nil {
			t.Fatal(err)
		}
		if v := scan.Scan(t.Context(), buffer, true); v.Class != scanner.Infected {
			t.Errorf("%s: %s, %s", name, v.Class, v.Detail)
		}
	}
}
