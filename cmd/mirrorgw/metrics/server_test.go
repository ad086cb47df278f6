package metrics

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// start runs a server and returns its address.
func start(t *testing.T, page func() *Page) netip.AddrPort {
	t.Helper()
	s, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, page) }() // ends with cancel
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s.Addr().(*net.TCPAddr).AddrPort()
}

func get(t *testing.T, url string) (int, string, http.Header) {
	t.Helper()
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Header
}

func TestServer(t *testing.T) {
	var asked atomic.Int64
	at := start(t, func() *Page {
		var p Page
		p.Family("asked_total", Counter, "Times asked.").Add(float64(asked.Add(1)))
		return &p
	})
	for _, want := range []string{"asked_total 1\n", "asked_total 2\n"} {
		code, body, header := get(t, "http://"+at.String()+"/metrics")
		if code != http.StatusOK || !strings.HasSuffix(body, want) || header.Get("Content-Type") != ContentType {
			t.Errorf("%d, %q, %q", code, body, header)
		}
	}
	if code, _, _ := get(t, "http://"+at.String()+"/"); code != http.StatusNotFound {
		t.Errorf("/ answers %d", code)
	}
}

func TestAddressThatCannotBeTaken(t *testing.T) {
	at := start(t, func() *Page { return &Page{} })
	_, err := Listen(at, nil)
	if want := "metrics.listen: another program listens at " + at.String() + ": "; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v", err)
	}
	_, err = Listen(netip.MustParseAddrPort("192.0.2.1:9110"), nil)
	if want := "metrics.listen: this host does not have the address 192.0.2.1: "; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v", err)
	}
}

// Idle connections cannot use up the gateway's descriptors, and those that end make room.
func TestConnectionsAreBounded(t *testing.T) {
	at := start(t, func() *Page { return &Page{} })
	conns := make([]net.Conn, maxConns)
	for i := range conns {
		c, err := net.Dial("tcp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns[i] = c
	}
	answered := func(c net.Conn) bool {
		c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return false
		}
		_, err := io.ReadAtLeast(c, make([]byte, 12), 12)
		return err == nil
	}
	more := func() bool {
		c, err := net.Dial("tcp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return answered(c)
	}
	for i, c := range conns {
		if !answered(c) {
			t.Errorf("connection %d is not answered", i)
		}
	}
	if more() {
		t.Error("one too many is answered")
	}
	conns[0].Close()
	for deadline := time.Now().Add(10 * time.Second); !more(); {
		if time.Now().After(deadline) {
			t.Fatal("no room is made")
		}
	}
}
