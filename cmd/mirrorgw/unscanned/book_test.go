package unscanned

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var (
	client = netip.MustParseAddr("192.168.1.10")
	server = netip.MustParseAddrPort("198.51.100.7:110")
)

// clock is a clock that stands where it is put.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func newBook(t *testing.T, folder string, c *clock) (*Book, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	b, err := open(folder, slog.New(slog.NewTextHandler(&log, nil)), c.now)
	if err != nil {
		t.Fatal(err)
	}
	return b, &log
}

func (b *Book) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.writeLocked()
}

// What is noted is read back, survives a restart in mid-day, and begins anew at midnight.
func TestBook(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "book")
	c := &clock{time.Date(2026, 11, 22, 23, 0, 0, 0, time.Local)}
	b, _ := newBook(t, folder, c)
	b.Note(Bypassed, client, server, 2)
	b.Note(Bypassed, client, server, 3)
	b.Note(Skipped, client, server, 1)
	b.Note(TLS, client, server, 0)
	b.flush()
	b, _ = newBook(t, folder, c)
	b.Note("oversize", client, server, 1)
	b.Note(Skipped, client, server, 1)
	c.Time = c.Add(2 * time.Hour)
	b.Note(NotPOP3, client, server, 7)
	b.flush()
	for day, want := range map[string]string{
		"2026-11-22": "[{bypassed 192.168.1.10 198.51.100.7:110 5} {skipped 192.168.1.10 198.51.100.7:110 2} {oversize 192.168.1.10 198.51.100.7:110 1}]",
		"2026-11-23": "[{not_pop3 192.168.1.10 198.51.100.7:110 7}]",
	} {
		list, err := Read(folder, day)
		var got []string
		for _, e := range list {
			got = append(got, fmt.Sprintf("{%s %s %s %d}", e.Reason, e.Client, e.Server, e.Count))
		}
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %s, %v; want %s", day, got, err, want)
		}
		if info, err := os.Stat(filepath.Join(folder, day+".json")); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	}
	if _, err := Read(folder, "2026-11-24"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	for _, day := range []string{"", "yesterday", "../2026-11-22", "2026-11-22/..", "2026-13-01"} {
		if _, err := Read(folder, day); err == nil || !strings.Contains(err.Error(), "is not a day") {
			t.Errorf("%q: %v", day, err)
		}
	}
}

// A clock that is set back over midnight, and forward again, finds both days as they were.
func TestClockSetBackOverMidnight(t *testing.T) {
	folder := t.TempDir()
	c := &clock{time.Date(2026, 11, 22, 23, 59, 59, 0, time.Local)}
	b, _ := newBook(t, folder, c)
	for range 3 {
		b.Note(Skipped, client, server, 10)
		c.Time = c.Add(2 * time.Second)
		b.Note(Bypassed, client, server, 1)
		c.Time = c.Add(-2 * time.Second)
	}
	b.Note(Skipped, client, server, 10)
	b.flush()
	for day, want := range map[string]uint64{"2026-11-22": 40, "2026-11-23": 3} {
		if list, err := Read(folder, day); err != nil || len(list) != 1 || list[0].Count != want {
			t.Errorf("%s: %v, %v; want %d", day, list, err, want)
		}
	}
}

// Files go after Keep days; what is not ours stays.
func TestOldFilesGo(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "2020-01-01.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := &clock{time.Date(2026, 11, 1, 12, 0, 0, 0, time.Local)}
	b, _ := newBook(t, folder, c)
	for range 2 * Keep {
		b.Note(Skipped, client, server, 1)
		c.Time = c.AddDate(0, 0, 1)
	}
	b.Note(Skipped, client, server, 1)
	b.flush()
	days, err := Days(folder)
	if err != nil || len(days) != Keep || days[Keep-1] != c.Format(dayFormat) || days[0] != c.AddDate(0, 0, 1-Keep).Format(dayFormat) {
		t.Errorf("%v, %v", days, err)
	}
	left, err := filepath.Glob(folder + "/*.txt")
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

// However many clients there are, a day is bounded and no count is lost.
func TestDaysAreBounded(t *testing.T) {
	folder := t.TempDir()
	c := &clock{time.Date(2026, 11, 1, 12, 0, 0, 0, time.Local)}
	b, _ := newBook(t, folder, c)
	const flows = 3 * maxEntries
	for i := range flows {
		b.Note(Bypassed, netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), server, 1)
	}
	b.flush()
	list, err := Read(folder, "2026-11-01")
	if err != nil || len(list) != maxEntries+1 {
		t.Fatalf("%d entries, %v", len(list), err)
	}
	sum := uint64(0)
	for _, e := range list {
		sum += e.Count
	}
	if sum != flows || list[0].Client.IsValid() || list[0].Count != flows-maxEntries {
		t.Errorf("%d in all, %+v", sum, list[0])
	}
}

// A file that is not ours to read is put aside, and the day goes on.
func TestBrokenFile(t *testing.T) {
	c := &clock{time.Date(2026, 11, 1, 12, 0, 0, 0, time.Local)}
	for _, text := range []string{"", "{", `{"day":"2026-11-02","entries":[]}`, `{"day":"2026-11-01","entries":[{"client":"x"}]}`} {
		folder := t.TempDir()
		path := filepath.Join(folder, "2026-11-01.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		b, log := newBook(t, folder, c)
		b.Note(Skipped, client, server, 1)
		b.flush()
		if list, err := Read(folder, "2026-11-01"); len(list) != 1 || err != nil || !strings.Contains(log.String(), "put aside") {
			t.Errorf("%q: %v, %v, %s", text, list, err, log)
		}
		if kept, err := os.ReadFile(path + ".bad"); string(kept) != text || err != nil {
			t.Errorf("%q: kept %q, %v", text, kept, err)
		}
	}
}

// What cannot be written is said once and written later.
func TestUnwritable(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "book")
	c := &clock{time.Date(2026, 11, 1, 12, 0, 0, 0, time.Local)}
	b, log := newBook(t, folder, c)
	if err := os.Rename(folder, folder+"x"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		b.Note(Skipped, client, server, 1)
		b.flush()
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 {
		t.Errorf("%d lines: %s", n, log)
	}
	if err := os.Rename(folder+"x", folder); err != nil {
		t.Fatal(err)
	}
	b.flush()
	if list, err := Read(folder, "2026-11-01"); err != nil || len(list) != 1 || list[0].Count != 3 {
		t.Errorf("%v, %v", list, err)
	}
}

// Run writes every few seconds and at the end, each time after asking for what is counted elsewhere.
func TestRun(t *testing.T) {
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b, err := Open(folder, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan struct{})
		go func() { // ends with cancel
			defer close(done)
			b.Run(ctx, func() { b.Note(Skipped, client, server, 1) })
		}()
		counted := func(want uint64) {
			t.Helper()
			list, err := Read(folder, time.Now().Format(dayFormat))
			if err != nil || len(list) != 1 || list[0].Count != want {
				t.Errorf("%v, %v; want %d", list, err, want)
			}
		}
		time.Sleep(flushEvery + time.Second) // the bubble's
		counted(1)
		cancel()
		<-done
		counted(2)
	})
	if names, err := filepath.Glob(folder + "/*.new"); err != nil || !slices.Equal(names, nil) {
		t.Errorf("left behind: %v, %v", names, err)
	}
}
