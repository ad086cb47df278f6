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
