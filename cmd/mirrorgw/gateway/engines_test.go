package gateway

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/cmd/mirrorgw/engines"
	"mirrorgw/scanner"
	"mirrorgw/scanner/clamd"
	"mirrorgw/testnet"
)

// listenClamd answers at a socket as a clamd does that knows the EICAR test file. It returns the address; closing the listener
// ends it.
func listenClamd(t *testing.T) (string, net.Listener) {
	t.Helper()
	address, l, err := testnet.ServeClamd(t.TempDir(), func(content []byte) string {
		if bytes.Contains(content, scanner.Canary()) {
			return "stream: Eicar-Test FOUND\x00"
		}
		return "stream: OK\x00"
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return address, l
}

// What has not changed goes on after a reload. A clamd that does not answer keeps the gateway from starting in no way, and a reload
// from naming it.
func TestClamdAfterReload(t *testing.T) {
	address, l := listenClamd(t)
	m := &Mirror{log: slog.New(slog.DiscardHandler)}
	cfg := config.Default()
	cfg.Scan.Clamd.Address = []string{address}
	first, err := m.othersAfter(t.Context(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := control.Status{Events: make(map[string]map[string]uint64)}
	addOthers(&s, first)
	if len(s.Engines) != 1 || s.Engines[0].State != "weak" || s.Events["clamd"] == nil {
		t.Errorf("%+v", s)
	}
	before := &mailRooms{cfg: cfg, others: first}
	again, err := m.othersAfter(t.Context(), cfg, before)
	if err != nil || again.Clamd != first.Clamd {
		t.Errorf("another engine, %v", err)
	}
	changed := *cfg
	changed.Scan.Clamd.Parallel = 3
	if again, err = m.othersAfter(t.Context(), &changed, before); err != nil || again.Clamd == first.Clamd {
		t.Errorf("the same engine, %v", err)
	}
	l.Close()
	if _, err = m.othersAfter(t.Context(), &changed, before); err == nil || !strings.HasPrefix(err.Error(), "scan.clamd.address: ") {
		t.Errorf("a clamd that is away: %v", err)
	}
	if again, err = m.othersAfter(t.Context(), cfg, before); err != nil || again.Clamd != first.Clamd {
		t.Errorf("away, and as before: %v", err)
	}
	if alone, err := m.othersAfter(t.Context(), cfg, nil); err != nil || alone.Clamd.Health().State != clamd.Down {
		t.Errorf("away at the start: %v", err)
	}
}

// The engines in use are checked, also when they are others than at first.
func TestEnginesAreWatched(t *testing.T) {
	t.Parallel()
	m := &Mirror{log: slog.New(slog.DiscardHandler), moved: make(chan struct{}, 1)}
	ended := make(chan struct{})
	go func() { // ends with the test's context
		defer close(ended)
		m.watchEngines(t.Context())
	}()
	t.Cleanup(func() { <-ended })
	address, _ := listenClamd(t)
	cfg := config.Default()
	cfg.Scan.Clamd.Address = []string{address}
	o, err := engines.NewOthers(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	m.moveIn(&mailRooms{cfg: cfg, others: o})
	for deadline := time.Now().Add(30 * time.Second); o.Clamd.Health().State == clamd.Down; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not checked")
		}
	}
}
