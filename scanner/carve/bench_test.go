package carve_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"mirrorgw/scanner"
	"mirrorgw/scanner/carve"
)

// BenchmarkScan shows what carving adds to an ordinary mail, judged by an engine that does nothing.
func BenchmarkScan(b *testing.B) {
	text := strings.Repeat("Dear Ann,\r\n\r\nthe figures for Q3 are at https://example.org/?q=3 as we said.\r\n", 50)
	parts := "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n" + text
	attachment := "\r\n--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		strings.ReplaceAll(fold(b64(noise(1<<20)), 76), "\n", "\r\n") + "\r\n--b--\r\n"
	for name, mail := range map[string]string{"text": "Subject: x\r\n\r\n" + text, "attachment": "Subject: x\r\n" + parts + attachment} {
		for with, openers := range map[string][]scanner.Opener{"walk": nil, "walk and carve": {carve.Carver{}}} {
			b.Run(name+"/"+with, func(b *testing.B) {
				s, err := scanner.New(scanner.Config{Engines: []scanner.Engine{nothing{}}, Openers: openers})
				if err != nil {
					b.Fatal(err)
				}
				content := scanner.Spool{}.NewBuffer()
				defer content.Close()
				if _, err := content.Write([]byte(mail)); err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(mail)))
				b.ReportAllocs()
				before := cpu(b)
				defer func() { b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op") }()
				for b.Loop() {
					if v := s.Scan(b.Context(), content, true); v.Class != scanner.Clean {
						b.Fatal(v)
					}
				}
			})
		}
	}
}

// noise returns n octets as they stand in compressed files.
func noise(n int) string {
	text := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(text) // never fails
	return string(text)
}

// cpu returns the processor time this process has had, which tells more than the clock on a machine that is shared.
func cpu(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// nothing is an engine that finds nothing.
type nothing struct{}

func (nothing) Name() string { return "nothing" }

func (nothing) Scan(context.Context, *scanner.Part) (scanner.Findings, error) { return nil, nil }
