package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/scanner"
	"mirrorgw/scanner/clamd"
)

// listenClamd answers at a socket as a clamd does that knows the EICAR test file and the word leopard, and nothing else. It
// returns the address; closing the listener ends it.
func listenClamd(t *testing.T) (string, net.Listener) {
	t.Helper()
	return listenClamdThat(t, func(content []byte) string {
		switch {
		case bytes.Contains(content, scanner.Canary()):
			return "stream: Eicar-Test FOUND\x00"
		case bytes.Contains(content, []byte("leopard")):
			return "stream: Leopard FOUND\x00"
		}
		return "stream: OK\x00"
	})
}

// listenClamdThat answers each stream at a socket with what reply makes of it, and closes the connection.
func listenClamdThat(t *testing.T, reply func(content []byte) string) (string, net.Listener) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // ends with the stream
				defer conn.Close()
				if content, err := readStream(conn); err == nil {
					_, _ = io.WriteString(conn, reply(content)) // who has gone needs none
				}
			}()
		}
	}()
	return "unix:" + socket, l
}

// readStream reads one INSTREAM.
func readStream(conn net.Conn) (content []byte, err error) {
	if _, err := io.CopyN(io.Discard, conn, int64(len("zINSTREAM\x00"))); err != nil {
		return nil, err
	}
	for {
		var length [4]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return nil, err
		}
		n := binary.BigEndian.Uint32(length[:])
		if n == 0 {
			return content, nil
		}
		chunk := make([]byte, n)
		if _, err := io.ReadFull(conn, chunk); err != nil {
			return nil, err
		}
		content = append(content, chunk...)
	}
}

// The scan command asks clamd as the gateway does, says of what it lacks, and judges nothing without it.
func TestScanAsksClamd(t *testing.T) {
	address, l := listenClamd(t)
	dir := tree(t, map[string]string{"clean": cleanMail, "spotted": "Subject: x\n\nleopard\n"})
	cfg := write(t, "m.yaml", valid(t.TempDir())+"scan: {clamd: {address: \""+address+"\"}}\n")
	code, stdout, stderr := call(t, builtIn(), "scan", "--json", "-c", cfg, dir)
	list := elements(t, stdout)
	if code != exitNo || len(list) != 2 || list[0].Verdict != "clean" || list[1].Verdict != "infected" || list[1].Findings[0].Rule != "Leopard" || list[1].Findings[0].Engine != "clamd" {
		t.Errorf("exit %d, %+v", code, list)
	}
	if !strings.HasPrefix(stderr, "warning: "+address+" says OK beyond its limits (in clamd.conf: AlertExceedsMax yes); ") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("said %q", stderr)
	}
	l.Close()
	code, stdout, stderr = call(t, builtIn(), "scan", "-c", cfg, dir)
	if code != exitIncomplete || stdout != "" || !strings.HasPrefix(stderr, "mirrorgw: clamd: "+address+": dial unix ") {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
}

// What has not changed goes on after a reload. A clamd that does not answer keeps the gateway from starting in no way, and a reload
// from naming it.
func TestClamdAfterReload(t *testing.T) {
	address, l := listenClamd(t)
	m := &mirror{log: slog.New(slog.DiscardHandler)}
	cfg := config.Default()
	cfg.Scan.Clamd.Address = []string{address}
	first, err := m.othersAfter(t.Context(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := control.Status{Events: make(map[string]map[string]uint64)}
	first.addEngines(&s)
	if len(s.Engines) != 1 || s.Engines[0].State != "weak" || s.Events["clamd"] == nil {
		t.Errorf("%+v", s)
	}
	before := &mailRooms{cfg: cfg, others: first}
	again, err := m.othersAfter(t.Context(), cfg, before)
	if err != nil || again.clamd != first.clamd {
		t.Errorf("another engine, %v", err)
	}
	changed := *cfg
	changed.Scan.Clamd.Parallel = 3
	if again, err = m.othersAfter(t.Context(), &changed, before); err != nil || again.clamd == first.clamd {
		t.Errorf("the same engine, %v", err)
	}
	l.Close()
	if _, err = m.othersAfter(t.Context(), &changed, before); err == nil || !strings.HasPrefix(err.Error(), "scan.clamd.address: ") {
		t.Errorf("a clamd that is away: %v", err)
	}
	if again, err = m.othersAfter(t.Context(), cfg, before); err != nil || again.clamd != first.clamd {
		t.Errorf("away, and as before: %v", err)
	}
	if alone, err := m.othersAfter(t.Context(), cfg, nil); err != nil || alone.clamd.Health().State != clamd.Down {
		t.Errorf("away at the start: %v", err)
	}
}

// The engines in use are checked, also when they are others than at first.
func TestEnginesAreWatched(t *testing.T) {
	t.Parallel()
	m := &mirror{log: slog.New(slog.DiscardHandler), moved: make(chan struct{}, 1)}
	ended := make(chan struct{})
	go func() { // ends with the test's context
		defer close(ended)
		m.watchEngines(t.Context())
	}()
	t.Cleanup(func() { <-ended })
	address, _ := listenClamd(t)
	cfg := config.Default()
	cfg.Scan.Clamd.Address = []string{address}
	o, err := newOthers(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	m.moveIn(&mailRooms{cfg: cfg, others: o})
	for deadline := time.Now().Add(30 * time.Second); o.clamd.Health().State == clamd.Down; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not checked")
		}
	}
}
