package scanner

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// reopen returns the table kept in a file, which a crash has left as it is: the one before is not closed.
func reopen(t *testing.T, path string) *Retries {
	t.Helper()
	e, err := OpenRetries(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// The count survives restarts: from the third time on and an hour after the first, whatever happened in between.
func TestRetriesSurviveRestarts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "retried")
	start := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	key, other := [32]byte{1}, [32]byte{2}
	for _, step := range []struct {
		after time.Duration
		key   [32]byte
		want  bool
	}{
		{0, key, false},
		{time.Minute, key, false},
		{time.Hour - 1, key, false},
		{0, other, false},
		{time.Hour, key, true},
		{2 * time.Hour, key, true},
		{2 * time.Hour, other, false}, // the second time
		{3 * time.Hour, other, true},
	} {
		if got := reopen(t, path).due(step.key, start.Add(step.after)); got != step.want {
			t.Errorf("mail %d after %s: %t", step.key[0], step.after, got)
		}
	}
	reopen(t, path).forget(key)
	if reopen(t, path).due(key, start.Add(9*time.Hour)) {
		t.Error("what could be judged again is still counted")
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// A clock that steps back, as on a machine without a battery, neither blocks a mail for years nor hands it over at once.
func TestRetriesAndAClockSetBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "retried")
	key, wrong, right := [32]byte{1}, time.Date(2038, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, now := range []time.Time{wrong, wrong.Add(time.Second), right, right.Add(time.Hour - time.Second), right.Add(time.Hour)} {
		if got := reopen(t, path).due(key, now); got != (i == 4) {
			t.Errorf("at %s: %t", now, got)
		}
	}
}

// A judge made anew with the file goes on where the one before was.
func TestEscalationAcrossRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "retried")
	b := newBench(t, nil, &seeker{fail: func(*Part) error { return errDown }})
	mail := newMail(t, "\r\nhello")
	var got []Action
	for range 3 {
		judge, err := NewJudge(JudgeConfig{Scanner: b.judge.scanner, Keeper: b.keeper, Composer: b.composer, Retries: reopen(t, path), Now: b.judge.now})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, judge.Judge(t.Context(), origin(), mail, true).Action)
		b.now = b.now.Add(30 * time.Minute)
	}
	if want := []Action{Retry, Retry, Replace}; !slices.Equal(got, want) {
		t.Errorf("actions %v, want %v", got, want)
	}
}

// Whatever a crash or a damaged disk leaves, the entries that are whole are read, and the file can be written again.
func TestDamagedJournal(t *testing.T) {
	good := retried{key: [32]byte{1}, first: time.UnixMilli(1e12), tries: 2}.line()
	for name, tt := range map[string]struct {
		content string
		want    int
	}{
		"empty":            {"", 0},
		"whole":            {good, 1},
		"no last line end": {strings.TrimSuffix(good, "\n"), 1},
		"cut":              {good + good[:70], 1},
		"gone":             {good + retried{key: [32]byte{1}}.line(), 0},
		"other words":      {"hello\n" + good + "a b c\n", 1},
		"short digest":     {good[2:], 0},
		"no digest":        {"zz" + good[2:], 0},
		"no time":          {strings.Replace(good, " 1", " x", 1), 0},
		"no tries":         {strings.Replace(good, " 2", " -2", 1), 0},
		"endless line":     {good + strings.Repeat("x", 1<<20) + "\n", 1},
		"octets":           {good + "\x00\xff\n\n\n" + strings.Repeat("\x00", 100), 1},
	} {
		path := filepath.Join(t.TempDir(), "retried")
		if err := os.WriteFile(path, []byte(tt.content), 0o644); err != nil {
			t.Fatal(err)
		}
		e := reopen(t, path)
		if len(e.byKey) != tt.want || e.order.Len() != tt.want {
			t.Errorf("%s: %d and %d entries", name, len(e.byKey), e.order.Len())
		}
		e.due([32]byte{7}, time.UnixMilli(1e12))
		again := reopen(t, path)
		if len(again.byKey) != tt.want+1 {
			t.Errorf("%s: %d entries after one more", name, len(again.byKey))
		}
	}
	dir := t.TempDir()
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "retried")); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenRetries(filepath.Join(dir, "retried"), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a link was followed")
	}
}

// File and table stay small however many mails are refused, and say the same.
func TestJournalIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "retried")
	e := reopen(t, path)
	now := time.UnixMilli(1e12)
	for i := range 2*maxJournal + 100 {
		e.due([32]byte{byte(i), byte(i >> 8), byte(i >> 16)}, now)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() > (maxJournal+maxRetried)*maxJournalLine {
		t.Errorf("%d octets, %v", info.Size(), err)
	}
	again := reopen(t, path)
	keys := func(e *Retries) []string {
		return slices.Collect(func(yield func(string) bool) {
			e.all(func(r retried) bool { return yield(r.line()) })
		})
	}
	if !slices.Equal(keys(e), keys(again)) || len(again.byKey) != maxRetried {
		t.Errorf("%d entries before, %d after", len(e.byKey), len(again.byKey))
	}
	if names, err := filepath.Glob(path + "*"); err != nil || len(names) != 1 {
		t.Errorf("%v, %v", names, err)
	}
}

// A disk that is full is said once; the count goes on, and is written whole as soon as there is room.
func TestJournalThatCannotBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	e, err := OpenRetries(filepath.Join(dir, "retried"), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	now := time.UnixMilli(1e12)
	e.journal.file.Close() // as good as full: every write fails
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		e.due([32]byte{1}, now)
	}
	if n := strings.Count(log.String(), "will be forgotten"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log.String())
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if !e.due([32]byte{1}, now.Add(escalateAfter)) {
		t.Error("the count was lost")
	}
	if again := reopen(t, filepath.Join(dir, "retried")); !again.due([32]byte{1}, now.Add(escalateAfter)) {
		t.Error("what could not be written at first was not written later")
	}
}

// Law: an entry that is written reads back as the same entry, and nothing else is read from its line.
func FuzzRetriedLine(f *testing.F) {
	f.Add(retried{key: [32]byte{1}, first: time.UnixMilli(5), tries: 3}.line())
	f.Add("0 0 0")
	f.Fuzz(func(t *testing.T, line string) {
		r, ok := parseRetried(line)
		if !ok {
			return
		}
		again, ok := parseRetried(strings.TrimSuffix(r.line(), "\n"))
		if !ok || again.key != r.key || again.tries != r.tries || again.first.UnixMilli() != r.first.UnixMilli() {
			t.Errorf("%q: %v, then %v, %t", line, r, again, ok)
		}
		if len(r.line()) > maxJournalLine {
			t.Errorf("a line of %d octets", len(r.line()))
		}
	})
}

// Entries do not depend on the order in which other mails come and go.
func TestForgottenEntriesStayForgotten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "retried")
	e := reopen(t, path)
	now := time.UnixMilli(1e12)
	want := make(map[string]bool)
	for i := range 100 {
		key := [32]byte{byte(i)}
		e.due(key, now)
		if i%3 == 0 {
			e.forget(key)
		} else {
			want[fmt.Sprint(key)] = true
		}
	}
	got := make(map[string]bool)
	for key := range reopen(t, path).byKey {
		got[fmt.Sprint(key)] = true
	}
	if !maps.Equal(got, want) {
		t.Errorf("%d entries, want %d", len(got), len(want))
	}
}
