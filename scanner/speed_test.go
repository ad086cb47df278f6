//go:build !noyara

package scanner_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mirrorgw/scanner"
	"mirrorgw/scanner/archive"
	"mirrorgw/scanner/carve"
	"mirrorgw/scanner/envelope"
	"mirrorgw/scanner/literal"
	"mirrorgw/scanner/recode"
	"mirrorgw/scanner/yara"
)

// BenchmarkMail shows what the scanner takes for mails of several shapes, with all openers and, by engine, without any, with the
// built-in rules, and with a thousand more.
func BenchmarkMail(b *testing.B) {
	for _, e := range []struct {
		name string
		open func(b *testing.B) scanner.Engine
	}{
		{"none", func(*testing.B) scanner.Engine { return deaf{} }},
		{"builtin", func(b *testing.B) scanner.Engine { return newYARA(b, 0) }},
		{"rules", func(b *testing.B) scanner.Engine { return newYARA(b, 1000) }},
	} {
		b.Run(e.name, func(b *testing.B) {
			scan, err := scanner.New(scanner.Config{
				Engines: []scanner.Engine{e.open(b)},
				Openers: []scanner.Opener{carve.Carver{}, envelope.Opener{}, literal.Opener{}, recode.Opener{}, archive.Opener{}},
			})
			if err != nil {
				b.Fatal(err)
			}
			for _, m := range speedMails() {
				b.Run(m.name, func(b *testing.B) { benchmarkMail(b, scan, m.text) })
			}
		})
	}
}

func benchmarkMail(b *testing.B, scan *scanner.Scanner, text string) {
	mail := scanner.Spool{}.NewBuffer()
	defer mail.Close()
	if _, err := mail.Write([]byte(text)); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	before := processorTime(b)
	for b.Loop() {
		if v := scan.Scan(b.Context(), mail, true); v.Class != scanner.Clean {
			b.Fatal(v.Detail)
		}
	}
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
}

// speedMail is one shape of mail.
type speedMail struct{ name, text string }

func speedMails() []speedMail {
	const line = "The mirror stands beside a router and hands on what it gets.\r\n"
	head := "From: Sender <sender@example.org>\r\nTo: alice@example.net\r\nSubject: Mail 1\r\n" +
		"Date: Mon, 02 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n"
	lines := func(line string, size int) string { return head + "\r\n" + strings.Repeat(line, size/len(line)) }
	attachment := func(size int) string {
		raw := make([]byte, size/4*3*76/78)
		_, _ = rand.NewChaCha8([32]byte{}).Read(raw) // never fails
		var b strings.Builder
		b.WriteString(head + "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=bench\r\n\r\n" +
			"--bench\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n" +
			"--bench\r\nContent-Type: application/octet-stream; name=file.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n")
		for text := base64.StdEncoding.EncodeToString(raw); text != ""; {
			n := min(76, len(text))
			b.WriteString(text[:n] + "\r\n")
			text = text[n:]
		}
		return b.String() + "--bench--\r\n"
	}
	return []speedMail{
		{"4kB/text", lines(line, 4<<10-len(head))},
		{"4kB/attachment", attachment(4<<10 - len(head))},
		{"10MB/attachment", attachment(10 << 20)},
		{"10MB/text", lines(line, 10<<20)},
		{"10MB/dots", lines(".dot"+line, 10<<20)},
	}
}

// newYARA returns libyara with the built-in rules and n others, none of which matches a mail here.
func newYARA(b *testing.B, n int) scanner.Engine {
	random := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		var w strings.Builder
		for range 8 + random.IntN(16) {
			w.WriteByte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[random.IntN(62)])
		}
		return w.String()
	}
	var text strings.Builder
	for i := range n {
		forms := [...]string{
			fmt.Sprintf("$a = %q $b = %q nocase", word(), word()),
			fmt.Sprintf("$a = %q ascii wide $b = %q fullword", word(), word()),
			fmt.Sprintf("$a = { %x ?? ?? %x [2-8] %x }", word()[:6], word()[:4], word()[:4]),
			fmt.Sprintf("$a = /%s[0-9a-f]{4,12}%s/", word(), word()),
		}
		fmt.Fprintf(&text, "rule Speed_%d { strings: %s condition: any of them }\n", i, forms[i%len(forms)])
	}
	if n == 0 {
		text.WriteString("rule Speed { condition: false }\n")
	}
	rules := filepath.Join(b.TempDir(), "rules.yar")
	if err := os.WriteFile(rules, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	engine, err := yara.New(yara.Config{Rules: []string{rules}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { engine.Close() })
	return engine
}

// deaf is an engine that costs nothing.
type deaf struct{}

func (deaf) Name() string { return "deaf" }

func (deaf) Scan(context.Context, *scanner.Part) (scanner.Findings, error) { return nil, nil }

// processorTime returns what this process has had, which tells more than the clock on a machine that is shared.
func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
