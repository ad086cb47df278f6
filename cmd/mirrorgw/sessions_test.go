package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/testnet"
)

// TestManySessions has 6,000 short sessions with the mirror (20,000 in `make soak`), over IPv4 and over IPv6, 64 at a time from one client:
// none fails, and 70 seconds later nothing of them is left in the gateway.
func TestManySessions(t *testing.T) {
	t.Parallel()
	sessions := 6000
	if os.Getenv(soak) != "" {
		sessions = 20_000
	}
	lab := testnet.NewLab(t)
	mails := testnet.CleanMails(1)[:1]
	servers := []netip.AddrPort{netip.AddrPortFrom(testnet.MailIPv4, 110), netip.AddrPortFrom(testnet.MailIPv6, 110)}
	load, err := lab.Internet.ServePOP3Load(t.Context(), mails, servers...)
	if err != nil {
		t.Fatal(err)
	}
	defer load.Close()
	startGateway(t, lab, lab.GatewayConfig()+"limits: {per_client: 100}\n")
	before := profile(t, lab)
	for _, server := range servers {
		result, err := testnet.POP3Load{
			Server: server, Mailbox: 1, Mails: mails, Sessions: sessions, Concurrency: 64,
		}.Run(t.Context(), lab.Client)
		if err != nil || result.Err() != nil {
			t.Errorf("%s: %v, %v", server, err, result.Err())
		}
		t.Logf("%s: %.0f sessions/s, median %v, 99 %% within %v", server, result.Rate(), result.Median, result.P99)
	}
	const heapSlack, goroutineSlack = 8 << 20, 5
	ctx, cancel := context.WithTimeout(t.Context(), 70*time.Second)
	defer cancel()
	for {
		s, err := control.Fetch(t.Context(), lab.ControlSocket())
		if err != nil {
			t.Fatal(err)
		}
		after, left := profile(t, lab), s.Events["flows"]["endpoints"]
		if left == 0 && after.goroutines <= before.goroutines+goroutineSlack && after.heap <= before.heap+heapSlack {
			t.Logf("nothing left; goroutines %d, then %d; heap %d KiB, then %d KiB", before.goroutines, after.goroutines, before.heap>>10, after.heap>>10)
			return
		}
		select {
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
			t.Fatalf("70 s after: %d endpoints; goroutines %d, before %d; heap %d KiB, before %d KiB",
				left, after.goroutines, before.goroutines, after.heap>>10, before.heap>>10)
		}
	}
}

// figuresOf is what a running gateway holds.
type figuresOf struct {
	goroutines int
	heap       int64 // octets live after a garbage collection
}

// profile asks the lab's gateway over its control socket.
func profile(t *testing.T, lab *testnet.Lab) figuresOf {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", lab.ControlSocket())
	}}}
	find := func(path, pattern string) int64 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://gateway/debug/pprof/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		match := regexp.MustCompile(pattern).FindSubmatch(body)
		if match == nil {
			t.Fatal(fmt.Errorf("%s: no %s in %.200q", path, pattern, body))
		}
		n, err := strconv.ParseInt(string(match[1]), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return figuresOf{
		goroutines: int(find("goroutine?debug=1", `total (\d+)`)),
		heap:       find("heap?debug=1&gc=1", `# HeapAlloc = (\d+)`),
	}
}
