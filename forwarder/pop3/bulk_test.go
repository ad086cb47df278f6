package pop3

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"io"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"mirrorgw/scanner"
)

// bulk starts a session in which nothing is kept by the test, and reads the greeting.
func bulk(t *testing.T, spool scanner.Spool) (client *conn, replies *bufio.Reader, server *conn) {
	t.Helper()
	relay, err := New(Config{Judge: pass{}, Spool: spool})
	if err != nil {
		t.Fatal(err)
	}
	clientEnd, serverEnd, result := serve(t.Context(), relay)
	t.Cleanup(func() {
		clientEnd.Close()
		serverEnd.Close()
		<-result
	})
	replies = bufio.NewReader(clientEnd)
	go io.WriteString(serverEnd, "+OK ready\r\n") // ends once the relay has read it
	if line, err := replies.ReadString('\n'); line != "+OK ready\r\n" {
		t.Fatalf("greeting %q, %v", line, err)
	}
	return clientEnd, replies, serverEnd
}

// ask sends a command and returns once the server has it.
func ask(t *testing.T, client, server *conn, command string) {
	t.Helper()
	go io.WriteString(client, command) // ends once the relay has read it
	got := make([]byte, len(command))
	if _, err := io.ReadFull(server, got); err != nil || string(got) != command {
		t.Fatalf("the server got %q, %v", got, err)
	}
}

// B8, P06: 100 MB in one line pass as they came, through the spool's memory and buffers of fixed size.
func TestOneLineOf100MB(t *testing.T) {
	client, replies, server := bulk(t, scanner.Spool{Dir: t.TempDir()})
	ask(t, client, server, "RETR 1\r\n")
	chunk := bytes.Repeat([]byte("0123456789abcdef"), 1<<12)
	const chunks = 100 << 20 / (16 << 12)
	sent, got := sha256.New(), sha256.New()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	said := make(chan error, 1)
	go func() { // ends when all is said, or the connection has ended
		w := io.MultiWriter(server, sent)
		_, err := io.WriteString(server, "+OK\r\n")
		for i := 0; i < chunks && err == nil; i++ {
			_, err = w.Write(chunk)
		}
		if err == nil {
			_, err = io.WriteString(w, "\r\n")
		}
		if err == nil {
			_, err = io.WriteString(server, ".\r\n")
		}
		said <- err
	}()
	if line, err := replies.ReadString('\n'); line != "+OK\r\n" {
		t.Fatalf("status %q, %v", line, err)
	}
	if n, err := io.CopyN(got, replies, chunks*int64(len(chunk))+2); err != nil {
		t.Fatalf("after %d octets: %v", n, err)
	}
	if line, err := replies.ReadString('\n'); line != ".\r\n" {
		t.Errorf("end %q, %v", line, err)
	}
	if err := <-said; err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(sent.Sum(nil), got.Sum(nil)) {
		t.Error("the line is not what it was")
	}
	runtime.ReadMemStats(&after)
	if used := int64(after.TotalAlloc - before.TotalAlloc); used > 8<<20 {
		t.Errorf("%d octets of memory were taken", used)
	}
}

// B10: the lists of a mailbox of 100,000 messages stream: the client has the first lines before the server has made the last, and
// they cost no memory.
func TestListsOf100000Messages(t *testing.T) {
	client, replies, server := bulk(t, scanner.Spool{})
	for _, verb := range []string{"LIST", "UIDL"} {
		ask(t, client, server, verb+"\r\n")
		const n = 100_000
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		seen := make(chan struct{})
		go func() { // ends when all is said, or the connection has ended
			w := bufio.NewWriterSize(server, 4<<10)
			io.WriteString(w, "+OK\r\n")
			line := make([]byte, 0, 64)
			for i := range n {
				if i == 5000 { // the rest is said when the client has the first
					w.Flush()
					select {
					case <-seen:
					case <-time.After(20 * time.Second):
						t.Error("the list is kept back")
					}
				}
				line = strconv.AppendInt(line[:0], int64(i+1), 10)
				line = strconv.AppendInt(append(line, ' '), int64(i*7), 10)
				w.Write(append(line, '\r', '\n'))
			}
			io.WriteString(w, ".\r\n")
			w.Flush()
		}()
		lines, octets := 0, 0
		for {
			line, err := replies.ReadSlice('\n')
			if err != nil {
				t.Fatalf("%s: after %d lines: %v", verb, lines, err)
			}
			if string(line) == ".\r\n" {
				break
			}
			if lines++; lines == 1 {
				close(seen)
			}
			octets += len(line)
		}
		runtime.ReadMemStats(&after)
		if lines != n+1 {
			t.Errorf("%s: %d lines", verb, lines)
		}
		if used := int64(after.TotalAlloc - before.TotalAlloc); used > 1<<20 {
			t.Errorf("%s: %d octets of memory for %d octets of list", verb, used, octets)
		}
	}
}

// B8: command lines at the bounds.
func TestCommandLengths(t *testing.T) {
	for _, tt := range []struct {
		line string
		ok   bool
	}{
		{"USER " + strings.Repeat("u", 255-7), true},  // RFC 2449 section 4
		{"USER " + strings.Repeat("u", 1024-7), true}, // what clients send beyond it
		{"USER " + strings.Repeat("u", 1024-6), false},
		{"PASS " + strings.Repeat("p", 12<<10-8), false},
		{"AUTH PLAIN " + strings.Repeat("A", 12<<10-13), true}, // RFC 5034 section 4
		{"AUTH PLAIN " + strings.Repeat("A", 12<<10-12), false},
	} {
		client, replies, server := bulk(t, scanner.Spool{})
		if tt.ok {
			ask(t, client, server, tt.line+"\r\n")
			continue
		}
		go io.WriteString(client, tt.line+"\r\n") // ends once the relay has read it
		if line, err := replies.ReadString('\n'); line != refuseTooLong {
			t.Errorf("%d octets: %q, %v", len(tt.line)+2, line, err)
		}
	}
}

// B8: a status line at the bounds, and one octet beyond.
func TestStatusLengths(t *testing.T) {
	for _, n := range []int{512, 8 << 10, 8<<10 + 1} { // RFC 2449 section 4 has 512
		client, replies, server := bulk(t, scanner.Spool{})
		ask(t, client, server, "NOOP\r\n")
		status := "+OK " + strings.Repeat("x", n-6) + "\r\n"
		go io.WriteString(server, status) // ends once the relay has read it, or is gone
		line, err := replies.ReadString('\n')
		if ok := line == status; ok != (n <= 8<<10) {
			t.Errorf("%d octets: got %d, %v", n, len(line), err)
		}
	}
}
