package quarantine

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// age makes an item, or a mark, as old as it would be by now.
func age(t testing.TB, path string, by time.Duration) {
	t.Helper()
	then := time.Now().Add(-by)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}

func (s *Store) age(t testing.TB, id string, by time.Duration) {
	t.Helper()
	age(t, filepath.Join(s.dir, id, mailName), by)
	s.tally.forget(id) // time alone does not do that to a file
}

// listed returns the IDs of what is there, in the order of names.
func listed(t testing.TB, f Folder, names ...string) string {
	t.Helper()
	items, err := f.List()
	if err != nil {
		t.Fatal(err)
	}
	var there []string
	for i, id := range names {
		if slices.ContainsFunc(items, func(item Item) bool { return item.ID == id }) {
			there = append(there, fmt.Sprint(i))
		}
	}
	return strings.Join(there, " ")
}

const day = 24 * time.Hour

func TestPruneByAge(t *testing.T) {
	var log bytes.Buffer
	s, err := Open(t.TempDir(), Config{Limits: Limits{Keep: 3 * day}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ids := []string{keep(t, s, "a"), keep(t, s, "bb"), keep(t, s, "ccc"), keep(t, s, "dddd")}
	s.age(t, ids[0], 3*day+time.Hour)
	s.age(t, ids[1], 3*day-time.Hour)
	s.age(t, ids[2], 100*day)
	s.age(t, ids[3], 100*day)
	if _, err := s.Release(ids[2]); err != nil { // waits since now
		t.Fatal(err)
	}
	if err := s.Prune(); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, s.Folder, ids...); got != "1 2" {
		t.Errorf("left are %s", got)
	}
	if text := log.String(); !strings.Contains(text, ids[0]) || !strings.Contains(text, "why=age") || strings.Count(text, "item removed") != 2 {
		t.Errorf("the log says %s", text)
	}
	if c := s.Counters(); c.Expired != 2 {
		t.Errorf("counters %+v", c)
	}
}

func TestRunPrunesEveryHour(t *testing.T) {
	s := openStore(t, t.TempDir())
	id := keep(t, s, "x")
	synctest.Test(t, func(t *testing.T) { // its clock begins before all files: nothing is old
		s.now = func() time.Time { return time.Now().Add(100 * 365 * day) }
		done := make(chan struct{})
		go func() { s.Run(t.Context()); close(done) }()
		synctest.Wait()
		if got := listed(t, s.Folder, id); got != "" {
			t.Error("nothing was removed at once")
		}
		id = keep(t, s, "y")
		time.Sleep(pruneEvery + time.Second) // the bubble's clock
		synctest.Wait()
		if got := listed(t, s.Folder, id); got != "" {
			t.Error("nothing was removed after an hour")
		}
	})
}

// C7: beyond max the oldest goes; what is younger than a day never does, and then the quarantine is full.
func TestMax(t *testing.T) {
	s, err := Open(t.TempDir(), Config{Limits: Limits{Max: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mail := strings.Repeat("x", 400)
	ids := []string{keep(t, s, mail), keep(t, s, mail)}
	fails := func() {
		t.Helper()
		if id, err := s.Keep(t.Context(), newItem(mail), strings.NewReader(mail)); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "quarantine.max (1000 octets)") {
			t.Errorf("id %q, error %v", id, err)
		}
	}
	fails()
	s.age(t, ids[1], MinKeep-time.Minute)
	fails()
	if got := listed(t, s.Folder, ids...); got != "0 1" {
		t.Errorf("left are %s", got)
	}
	s.age(t, ids[1], MinKeep+time.Minute)
	ids = append(ids, keep(t, s, mail))
	if got := listed(t, s.Folder, ids...); got != "0 2" {
		t.Errorf("left are %s", got)
	}
	if err := At(s.dir).Delete(ids[0]); err != nil { // by another process
		t.Fatal(err)
	}
	ids = append(ids, keep(t, s, mail))
	if got := listed(t, s.Folder, ids...); got != "2 3" {
		t.Errorf("left are %s", got)
	}
	if c := s.Counters(); c.Expired != 1 || c.Full != 2 {
		t.Errorf("counters %+v", c)
	}
	if err := s.SetLimits(Limits{Max: 2000}); err != nil {
		t.Fatal(err)
	}
	keep(t, s, mail)
	if err := s.SetLimits(Limits{Keep: time.Hour}); err == nil {
		t.Error("an hour is accepted")
	}
}

// What is being written counts: mails kept at one time do not exceed max together.
func TestMaxCountsWhatIsBeingWritten(t *testing.T) {
	s, err := Open(t.TempDir(), Config{Limits: Limits{Max: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mail := strings.Repeat("x", 400)
	inner := 0
	var fill func() error
	fill = func() error {
		_, err := s.Keep(t.Context(), newItem(mail), readFunc(func([]byte) (int, error) {
			if inner++; inner > 5 {
				return 0, errors.New("endless")
			}
			return 0, fill()
		}))
		return err
	}
	if err := fill(); !errors.Is(err, ErrFull) || inner != 2 {
		t.Errorf("the %dth mail at once: %v", inner+1, err)
	}
	if s.room.writing != 0 {
		t.Errorf("%d octets are still being written", s.room.writing)
	}
}

// inSmallDisk runs f in a thread that sees a small file system in dir. The thread has a mount namespace of its own and ends with
// f: nothing can be left mounted.
func inSmallDisk(t *testing.T, size string, f func(dir string)) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount a small file system")
	}
	dir := t.TempDir()
	done := make(chan struct{})
	go func() { // keeps its thread, which ends with it
		defer close(done)
		runtime.LockOSThread()
		if err := errors.Join(
			unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS),
			unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
			unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size),
		); err != nil {
			t.Errorf("mounting: %v", err)
			return
		}
		f(dir)
	}()
	<-done
}

// C7: on a full disk the oldest goes to make room, never within a day, and a twentieth stays free for others.
func TestReserve(t *testing.T) {
	inSmallDisk(t, "8M", func(dir string) {
		s, err := Open(dir, Config{})
		if err != nil {
			t.Error(err)
			return
		}
		defer s.Close()
		large, small := strings.Repeat("x", 1<<20), strings.Repeat("x", 100<<10)
		var ids []string
		for _, mail := range []string{large, small} {
			for {
				id, err := s.Keep(t.Context(), newItem(mail), strings.NewReader(mail))
				if err != nil {
					if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "stay free") {
						t.Error(err)
					}
					break
				}
				ids = append(ids, id)
			}
		}
		var fs unix.Statfs_t
		if err := unix.Statfs(dir, &fs); err != nil || fs.Bavail*uint64(fs.Bsize) < 8<<20/20 || len(ids) < 9 {
			t.Errorf("%d mails were kept, and %d of %d blocks are free, %v", len(ids), fs.Bavail, fs.Blocks, err)
		}
		s.age(t, ids[3], 2*day)
		s.age(t, ids[5], 3*day)
		for i, left := range []string{"0 1 2 3 4 6", "0 1 2 4 6"} {
			_, err := s.Keep(t.Context(), newItem(large), strings.NewReader(large))
			if got := listed(t, s.Folder, ids[:7]...); err != nil || got != left {
				t.Errorf("mail %d, %v; left are %s", i, err, got)
			}
		}
		if id, err := s.Keep(t.Context(), newItem(large), strings.NewReader(large)); !errors.Is(err, ErrFull) {
			t.Errorf("id %q, error %v", id, err)
		}
	})
}
