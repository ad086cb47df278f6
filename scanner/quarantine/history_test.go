package quarantine

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mirrorgw/scanner"
)

func openHistory(t testing.TB, s *Store, keep time.Duration) *History {
	t.Helper()
	h, err := OpenHistory(s, keep)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func deliver(h *History, at time.Time, client string, content byte) {
	o := scanner.Origin{Protocol: "pop3", Client: netip.MustParseAddrPort(client), Server: netip.MustParseAddrPort("198.51.100.7:110"), User: "joe\r\n\x1b", UIDL: "u1\x1b\""}
	h.Delivered(at, o, scanner.Verdict{Size: 7, SHA256: [32]byte{content}})
}

func sum(content byte) string {
	b := [32]byte{content}
	return hex.EncodeToString(b[:])
}

// hunted returns the clients that have any of the contents.
func hunted(t testing.TB, f Folder, contents ...byte) string {
	t.Helper()
	sums := make(map[string]bool)
	for _, c := range contents {
		sums[sum(c)] = true
	}
	var clients []string
	if err := f.Hunt(t.Context(), sums, func(r Record) {
		if r.User != "joe" || r.UIDL != `u1 "` || r.Size != 7 || r.Server != "198.51.100.7:110" || r.Time.IsZero() || !sums[r.SHA256] {
			t.Errorf("record %+v", r)
		}
		clients = append(clients, strings.TrimSuffix(r.Client, ":1"))
	}); err != nil {
		t.Error(err)
	}
	return strings.Join(clients, " ")
}

func TestHistory(t *testing.T) {
	s := openStore(t, t.TempDir())
	f := At(s.dir)
	if got := hunted(t, f, 1); got != "" {
		t.Errorf("without a history: %q", got)
	}
	h := openHistory(t, s, 30*day)
	first := time.Date(2026, 11, 2, 23, 59, 59, 0, time.UTC)
	deliver(h, first, "10.0.0.1:1", 1)
	deliver(h, first.Add(time.Second), "10.0.0.2:1", 1)
	deliver(h, first.Add(2*time.Second), "10.0.0.3:1", 2)
	h.flush()
	for content, want := range map[byte]string{1: "10.0.0.1 10.0.0.2", 2: "10.0.0.3", 3: ""} {
		if got := hunted(t, f, content); got != want {
			t.Errorf("content %d: %q, want %q", content, got, want)
		}
	}
	if got := hunted(t, f, 1, 2, 3); got != "10.0.0.1 10.0.0.2 10.0.0.3" {
		t.Errorf("all: %q", got)
	}
	if got := strings.Join(names(t, filepath.Join(s.dir, historyDir)), " "); got != "2026-11-02 2026-11-03" {
		t.Errorf("the days are %s", got)
	}
	for _, m := range modes(t, filepath.Join(s.dir, historyDir)) {
		if !strings.HasPrefix(m, "drwx------ ") && !strings.HasPrefix(m, "-rw------- ") {
			t.Error(m)
		}
	}
	if items, err := f.List(); len(items) != 0 || err != nil {
		t.Errorf("the history is listed: %v, %v", items, err)
	}
	if c := h.Counters(); c != (HistoryCounters{Recorded: 3}) {
		t.Errorf("counters %+v", c)
	}
}

// A line that a crash has left in half is passed over, and hides no other.
func TestHistoryAfterACrash(t *testing.T) {
	s := openStore(t, t.TempDir())
	at := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	h := openHistory(t, s, 30*day)
	deliver(h, at, "10.0.0.1:1", 1)
	deliver(h, at, "10.0.0.2:1", 1)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.dir, historyDir, "2026-11-02")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range whole {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		h := openHistory(t, s, 30*day)
		deliver(h, at, "10.0.0.3:1", 1)
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		want := "10.0.0.3"
		if cut >= len(whole)/2-1 { // the first is there, with its line end or without
			want = "10.0.0.1 10.0.0.3"
		}
		if cut == len(whole)-1 {
			want = "10.0.0.1 10.0.0.2 10.0.0.3"
		}
		if got := hunted(t, s.Folder, 1); got != want {
			t.Fatalf("cut at %d of %d: %q, want %q", cut, len(whole), got, want)
		}
	}
}

func TestHistoryIsBounded(t *testing.T) {
	s := openStore(t, t.TempDir())
	h := openHistory(t, s, 3*day)
	now := time.Date(2026, 11, 10, 12, 0, 0, 0, time.UTC)
	for i := range 6 {
		deliver(h, now.Add(-time.Duration(i)*day), fmt.Sprintf("10.0.0.%d:1", i), 1)
	}
	h.flush()
	h.prune(now)
	if got := hunted(t, s.Folder, 1); got != "10.0.0.3 10.0.0.2 10.0.0.1 10.0.0.0" {
		t.Errorf("left are %q", got)
	}
	big := filepath.Join(s.dir, historyDir, "2026-11-08")
	if err := os.Truncate(big, maxHistory); err != nil { // a hole
		t.Fatal(err)
	}
	h.prune(now)
	if got := strings.Join(names(t, filepath.Join(s.dir, historyDir)), " "); got != "2026-11-09 2026-11-10" {
		t.Errorf("left are %s", got)
	}
	if err := os.Truncate(filepath.Join(s.dir, historyDir, "2026-11-10"), maxDay); err != nil {
		t.Fatal(err)
	}
	deliver(h, now.Add(-9*day), "10.0.0.9:1", 1) // so that the other is opened again
	deliver(h, now, "10.0.0.9:1", 1)
	if c := h.Counters(); c.Lost != 1 || c.Recorded != 7 {
		t.Errorf("counters %+v", c)
	}
	none := openHistory(t, s, 0)
	deliver(none, now, "10.0.0.9:1", 1)
	none.prune(now)
	if got := names(t, filepath.Join(s.dir, historyDir)); len(got) != 0 {
		t.Errorf("left are %s", got)
	}
}

// What a full disk takes is counted: the records in memory too, whether it shows when they are flushed, when there is no room for
// one more, or when the day ends.
func TestHistoryOnAFullDisk(t *testing.T) {
	at := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		provoke func(*History)
		lost    uint64
	}{
		"flush":   {(*History).flush, 3},
		"no room": {func(h *History) { fill(h, at) }, 4},
		"day":     {func(h *History) { deliver(h, at.Add(day), "10.0.0.1:1", 1) }, 4},
	} {
		h := openHistory(t, openStore(t, t.TempDir()), 30*day)
		deliver(h, at, "10.0.0.1:1", 1)
		h.flush()
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		h.file.Close()
		h.file = full
		h.out.Reset(full)
		for range 3 {
			deliver(h, at, "10.0.0.1:1", 1)
		}
		c.provoke(h)
		if got, want := h.Counters(), (HistoryCounters{Recorded: 1, Lost: c.lost}); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		deliver(h, at, "10.0.0.1:1", 1)
		h.flush()
		if got, want := h.Counters(), (HistoryCounters{Recorded: 2, Lost: c.lost}); got != want {
			t.Errorf("%s: when there is room again %+v, want %+v", name, got, want)
		}
	}
}

// While the disk is full the log says so once, and once more when it was full again after records were written.
func TestLostRecordsAreToldOnce(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	h := openHistory(t, openStore(t, t.TempDir()), 30*24*time.Hour)
	var log strings.Builder
	h.log = slog.New(slog.NewTextHandler(&log, nil))
	for want := 1; want <= 2; want++ {
		for range 3 {
			deliver(h, at, "10.0.0.1:1", 1)
			full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			h.file.Close()
			h.file = full
			h.out.Reset(full)
			fill(h, at)
		}
		if got := strings.Count(log.String(), "is not recorded"); got != want {
			t.Errorf("%d lines, want %d: %s", got, want, log.String())
		}
		deliver(h, at, "10.0.0.1:1", 1)
		h.flush()
	}
}

// fill leaves no room in memory and delivers one more.
func fill(h *History, at time.Time) {
	h.out.Write(make([]byte, h.out.Available()))
	deliver(h, at, "10.0.0.1:1", 1)
}

// A record is on the disk after a second at most, and all are when it closes.
func TestHistoryRun(t *testing.T) {
	s := openStore(t, t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		h := openHistory(t, s, 100*365*day)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { h.Run(ctx); close(done) }()
		deliver(h, time.Now(), "10.0.0.1:1", 1)
		if got := hunted(t, s.Folder, 1); got != "" {
			t.Errorf("at once: %q", got)
		}
		time.Sleep(flushEvery + time.Millisecond) // the bubble's clock
		synctest.Wait()
		if got := hunted(t, s.Folder, 1); got != "10.0.0.1" {
			t.Errorf("after a second: %q", got)
		}
		deliver(h, time.Now(), "10.0.0.2:1", 1)
		cancel()
		<-done
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	if got := hunted(t, s.Folder, 1); got != "10.0.0.1 10.0.0.2" {
		t.Errorf("in the end: %q", got)
	}
}

func BenchmarkDelivered(b *testing.B) {
	h := openHistory(b, openStore(b, b.TempDir()), day)
	at := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		deliver(h, at, "10.0.0.1:1", 1)
	}
}
