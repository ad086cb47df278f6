package literal_test

import (
	"io"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"mirrorgw/scanner"
	"mirrorgw/scanner/literal"
)

func BenchmarkOpen(b *testing.B) {
	random := make([]byte, 10<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(random)
	words := strings.Fields("the mirror stands beside a router and hands on what it gets from others to workstations that know nothing of it whatsoever")
	var prose strings.Builder
	pick := rand.New(rand.NewPCG(1, 2))
	for n := 0; prose.Len() < 10<<20; n++ {
		prose.WriteString(words[pick.IntN(len(words))])
		prose.WriteString([]string{" ", " ", " ", " ", " ", " ", ", ", ". ", "\r\n"}[pick.IntN(9)])
	}
	const line = "The mirror stands beside a router and hands on what it gets.\r\n"
	for _, c := range []struct{ name, content string }{
		{"random", string(random)},
		{"prose", prose.String()},
		{"line", strings.Repeat(line, 10<<20/len(line))},
		{"words", strings.Repeat("aardvark\nabacus\nabandonment\n", 10<<20/28)},
		{"table", strings.Repeat("12345,17,2048,9\n", 10<<20/16)},
		{"numbers", strings.Repeat("1024 2048 4096 9999\n", 10<<20/20)},
		{"blanks", strings.Repeat(" ", 10<<20)},
		{"sums", strings.Repeat(strings.Repeat("0123456789abcdef", 4)+"  some/file\n", 10<<20/76)},
		{"worst", strings.Repeat(`\x41\x41\x41\x41"a"`, 10<<20/19)},
		{"base64", strings.Repeat(strings.Repeat("QUJD", 19)+"\r\n", 10<<20/78)},
	} {
		b.Run(c.name, func(b *testing.B) {
			held := scanner.Spool{Memory: 32 << 20}.NewBuffer()
			defer held.Close()
			if _, err := io.WriteString(held, c.content); err != nil {
				b.Fatal(err)
			}
			part := scanner.NewPart("1", "", "", held)
			b.ReportAllocs()
			before := processorTime(b)
			b.SetBytes(held.Size())
			for b.Loop() {
				if err := (literal.Opener{}).Open(b.Context(), part, discard{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// discard is a scanner.Contents that reads what it is given.
type discard struct{ scanner.Contents }

func (discard) Member(_, _ string, content io.Reader) error {
	_, err := io.Copy(io.Discard, content)
	return err
}

// processorTime returns what this process has had, which tells more than the clock on a machine that is shared.
func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
