//go:build !noyara

package scanner_test

import (
	"bytes"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"mirrorgw/scanner"
	"mirrorgw/scanner/archive"
	"mirrorgw/scanner/carve"
	"mirrorgw/scanner/clamd"
	"mirrorgw/scanner/yara"
	"mirrorgw/testnet"
)

// BenchmarkLastOctet is the time from the last octet of a mail of 10 MB, which arrives at some 100 MB/s, to its verdict: with a clamd
// that is asked afterwards, and with one that has been shown it.
func BenchmarkLastOctet(b *testing.B) {
	daemon := testnet.StartClamd(b, b.TempDir(), "AlertExceedsMax yes\nMaxScanSize 400M\nMaxFileSize 100M\n", map[string]string{"x.ndb": "X:0:*:6c656f70617264\n"})
	asked, err := clamd.New(clamd.Config{Addresses: []string{daemon.Address()}})
	if err != nil {
		b.Fatal(err)
	}
	rules, err := yara.New(yara.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer rules.Close()
	attachment := make([]byte, 7_300_000)
	if _, err := rand.Read(attachment); err != nil {
		b.Fatal(err)
	}
	for name, mail := range map[string][]byte{
		"attachment": []byte(attach(b, "base64", attachment)),
		"text":       append([]byte("Subject: x\r\n\r\n"), bytes.Repeat([]byte("This is a line of text that says nothing at all.\r\n"), 200_000)...),
	} {
		for _, early := range []bool{false, true} {
			for engines, list := range map[string][]scanner.Engine{"clamd": {asked}, "both": {rules, asked}} {
				s, err := scanner.New(scanner.Config{Engines: list, Openers: []scanner.Opener{carve.Carver{}, archive.Opener{}}})
				if err != nil {
					b.Fatal(err)
				}
				b.Run(name+"/"+engines+"/"+map[bool]string{false: "after", true: "early"}[early], func(b *testing.B) {
					b.ReportAllocs()
					for range b.N {
						b.StopTimer()
						held := &growing{mail: scanner.Spool{}.NewBuffer()}
						var e *scanner.Early
						if early {
							e = s.Early(b.Context(), held)
						}
						for rest := mail; len(rest) > 0; rest = rest[min(len(rest), 100_000):] {
							held.add(b, rest[:min(len(rest), 100_000)], e)
							<-time.After(time.Millisecond)
						}
						b.StartTimer()
						held.mail.Arrived(e)
						if v := s.Scan(b.Context(), held.mail, true); v.Class != scanner.Clean {
							b.Fatalf("%+v", v)
						}
						b.StopTimer()
						e.Close()
						held.mail.Close()
						b.StartTimer()
					}
				})
			}
		}
	}
}

// growing is a mail that arrives.
type growing struct {
	mu   sync.Mutex
	mail *scanner.Buffer
}

func (g *growing) ReadAt(p []byte, at int64) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mail.ReadAt(p, at)
}

func (g *growing) add(b *testing.B, text []byte, e *scanner.Early) {
	b.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, err := g.mail.Write(text); err != nil {
		b.Fatal(err)
	}
	if err := g.mail.Flush(); err != nil {
		b.Fatal(err)
	}
	e.Grow(g.mail.Size())
}
