//go:build !race

package pop3

// Under the race detector a pool forgets one in four.

import (
	"bufio"
	"context"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"mirrorgw/scanner"
)

// nobody is a Judge that is never asked.
type nobody struct{}

func (nobody) Judge(context.Context, scanner.Origin, *scanner.Buffer, bool) scanner.Ruling {
	panic("a message is judged")
}

// greetAndQuit has one session without a mail.
func greetAndQuit(t *testing.T, r *Relay) {
	t.Helper()
	clientEnd, client := net.Pipe()
	serverEnd, server := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- r.Serve(t.Context(), client, server, nil) }() // ends with the session
	answered := make(chan error, 1)
	go func() { // ends with the session
		defer serverEnd.Close()
		_, err := io.WriteString(serverEnd, "+OK ready\r\n")
		if err == nil {
			_, err = serverEnd.Read(make([]byte, 100))
		}
		if err == nil {
			_, err = io.WriteString(serverEnd, "+OK bye\r\n")
		}
		answered <- err
	}()
	lines := bufio.NewReaderSize(clientEnd, 100)
	for _, want := range []string{"+OK ready\r\n", "+OK bye\r\n"} {
		if got, err := lines.ReadString('\n'); got != want {
			t.Fatalf("%q, %v, want %q", got, err, want)
		}
		if want[4] == 'r' {
			if _, err := io.WriteString(clientEnd, "QUIT\r\n"); err != nil {
				t.Fatal(err)
			}
		}
	}
	clientEnd.Close()
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
}

// allBuffers is what the buffers of a session take, in octets.
const allBuffers = clientBuffer + serverBuffer + outBuffer

// Sessions one after the other use the same buffers: a session takes less memory than its buffers are large.
func TestBuffersAreUsedAgain(t *testing.T) {
	r, err := New(Config{Judge: nobody{}})
	if err != nil {
		t.Fatal(err)
	}
	greetAndQuit(t, r)
	const sessions = 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range sessions {
		greetAndQuit(t, r)
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / sessions; each > allBuffers/4 {
		t.Errorf("a session takes %d octets", each)
	}
}

// Sessions in which nobody says anything have no buffers.
func TestIdleSessionsHaveNoBuffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := New(Config{Judge: nobody{}})
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		const sessions = 50
		var served sync.WaitGroup
		defer served.Wait()
		for range sessions {
			clientEnd, client := net.Pipe()
			serverEnd, server := net.Pipe()
			defer clientEnd.Close()
			defer serverEnd.Close()
			served.Go(func() { _ = r.Serve(t.Context(), client, server, nil) }) // ends with either end
			if _, err := io.WriteString(serverEnd, "+OK ready\r\n"); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(clientEnd, make([]byte, len("+OK ready\r\n"))); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		runtime.ReadMemStats(&after)
		if each := (after.TotalAlloc - before.TotalAlloc) / sessions; each > allBuffers/2 {
			t.Errorf("a session takes %d octets", each)
		} else {
			t.Logf("a session takes %d octets", each)
		}
	})
}
