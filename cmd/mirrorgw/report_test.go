package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mirrorgw/cmd/mirrorgw/unscanned"
)

func TestReport(t *testing.T) {
	dir := t.TempDir()
	file := write(t, "m.yaml", valid(dir))
	today := time.Now().Format(time.DateOnly)
	report := func(want int, args ...string) (stdout string) {
		t.Helper()
		code, stdout, stderr := call(t, rooms{}, append([]string{"report", "-c", file}, args...)...)
		if code != want {
			t.Errorf("%s: exit %d, %s", args, code, stderr)
		}
		return stdout
	}
	if got := report(exitDone); got != today+": nothing went unscanned\n" {
		t.Errorf("%q", got)
	}
	if got := report(exitDone, "--json"); !strings.Contains(got, `"entries": []`) {
		t.Errorf("%q", got)
	}
	book, err := unscanned.Open(unscanned.In(filepath.Join(dir, "q")), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	client, server := netip.MustParseAddr("192.168.1.10"), netip.MustParseAddrPort("198.51.100.7:110")
	book.Note(unscanned.Bypassed, client, server, 3)
	book.Note("oversize", client, server, 1)
	over, end := context.WithCancel(t.Context())
	end()
	book.Run(over, func() {}) // writes it down
	text := report(exitDone)
	for _, want := range []string{today + ": not scanned: bypassed 3  oversize 1\n", "bypassed  3      192.168.1.10  198.51.100.7:110  "} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	var r dayReport
	if err := json.Unmarshal([]byte(report(exitDone, "--json", "--day", today)), &r); err != nil || r.Total["bypassed"] != 3 || len(r.Entries) != 2 || r.Day != today {
		t.Errorf("%+v, %v", r, err)
	}
	if got := report(exitDone, "--days"); got != today+"\n" {
		t.Errorf("%q", got)
	}
	report(exitUsage, "--day", "../x")
	report(exitDone, "--day", "2020-01-01")
}
