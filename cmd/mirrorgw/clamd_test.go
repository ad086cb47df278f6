package main

import (
	"bytes"
	"net"
	"strings"
	"testing"

	"mirrorgw/scanner"
	"mirrorgw/testnet"
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
	address, l, err := testnet.ServeClamd(t.TempDir(), reply)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return address, l
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
