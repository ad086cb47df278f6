package carve_test

import (
	"context"
	"strings"
	"testing"

	"mirrorgw/scanner"
	"mirrorgw/scanner/carve"
)

// BenchmarkScan shows what carving adds to an ordinary mail, judged by an engine that does nothing.
func BenchmarkScan(b *testing.B) {
	text := strings.Repeat("Dear Ann,\r\n\r\nthe figures for Q3 are at https://example.org/?q=3 as we said.\r\n", 50)
	parts := "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n" + text
	attachment := "\r\n--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		strings.ReplaceAll(fold(b64(strings.Repeat("0123456789abcdef", 64<<10)), 76), "\n", "\r\n") + "\r\n--b--\r\n"
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
				for b.Loop() {
					if v := s.Scan(b.Context(), content, true); v.Class != scanner.Clean {
						b.Fatal(v)
					}
				}
			})
		}
	}
}

// nothing is an engine that finds nothing.
type nothing struct{}

func (nothing) Name() string { return "nothing" }

func (nothing) Scan(context.Context, *scanner.Part) (scanner.Findings, error) { return nil, nil }
