package pop3

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"

	"mirrorgw/scanner"
)

// pass is a Judge that delivers everything unread: what is left is the relay's own price.
type pass struct{}

func (pass) Judge(context.Context, scanner.Origin, *scanner.Buffer, bool) scanner.Ruling {
	return scanner.Ruling{Action: scanner.Deliver}
}

// BenchmarkRetrieve relays one RETR, status line to terminator.
func BenchmarkRetrieve(b *testing.B) {
	for name, mail := range map[string]string{
		"4KiB":         strings.Repeat(strings.Repeat("x", 76)+"\r\n", 52),
		"4KiB-stuffed": strings.Repeat(".."+strings.Repeat("x", 74)+"\r\n", 52),
		"1MiB":         strings.Repeat(strings.Repeat("x", 76)+"\r\n", 13443),
	} {
		b.Run(name, func(b *testing.B) {
			relay, err := New(Config{Judge: pass{}, Spool: scanner.Spool{Dir: b.TempDir(), Memory: 2 << 20}})
			if err != nil {
				b.Fatal(err)
			}
			clientEnd, serverEnd, result := serve(b.Context(), relay)
			reply := []byte("+OK\r\n" + mail + ".\r\n")
			go func() { // ends with the connection
				commands := bufio.NewReader(serverEnd)
				io.WriteString(serverEnd, "+OK ready\r\n")
				for {
					if _, err := commands.ReadSlice('\n'); err != nil {
						return
					}
					serverEnd.Write(reply)
				}
			}()
			if _, err := io.ReadFull(clientEnd, make([]byte, len("+OK ready\r\n"))); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(reply)))
			b.ReportAllocs()
			got := make([]byte, len(reply))
			for b.Loop() {
				io.WriteString(clientEnd, "RETR 1\r\n")
				if _, err := io.ReadFull(clientEnd, got); err != nil {
					b.Fatal(err)
				}
			}
			clientEnd.Close()
			serverEnd.Close()
			<-result
		})
	}
}

// BenchmarkHold shows what taking a mail of 10 MB apart and holding it takes, in the pieces in which it comes.
func BenchmarkHold(b *testing.B) {
	const line = "The mirror stands beside a router and hands on what it gets.\r\n"
	for name, line := range map[string]string{"text": line, "dots": ".." + line, "base64": strings.Repeat("TWFu", 19) + "\r\n"} {
		b.Run(name, func(b *testing.B) {
			wire := []byte(strings.Repeat(line, 10<<20/len(line)))
			spool := scanner.Spool{Dir: b.TempDir(), Quota: &scanner.Quota{}}
			b.SetBytes(int64(len(wire)))
			b.ReportAllocs()
			for b.Loop() {
				h, f := hold(spool), newFramer(false)
				for rest := wire; len(rest) > 0; {
					n, _, err := f.feed(rest[:min(len(rest), 16<<10)], h)
					if err != nil {
						b.Fatal(err)
					}
					rest = rest[n:]
				}
				h.close()
			}
		})
	}
}
