package service

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mirrorgw/cmd/mirrorgw/config"
)

// writes keeps what was written, call by call.
type writes struct {
	mu    sync.Mutex
	calls []string // guarded by mu
}

func (w *writes) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, string(p))
	return len(p), nil
}

// messages returns the messages that were written, call by call, in which they are joined by blanks.
func (w *writes) messages() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []string
	for _, call := range w.calls {
		var words []string
		for line := range strings.Lines(call) {
			_, message, _ := strings.Cut(strings.TrimSpace(line), "msg=")
			words = append(words, message)
		}
		list = append(list, strings.Join(words, " "))
	}
	return list
}

func TestLogLinesTogether(t *testing.T) {
	for _, tt := range []struct {
		name string
		log  func(*slog.Logger)
		want []string // at once
		late []string // within logPause
	}{
		{"one line", func(l *slog.Logger) { l.Info("a") }, []string{"a"}, nil},
		{"a burst", func(l *slog.Logger) { l.Info("a"); l.Info("b"); l.Info("c") }, []string{"a"}, []string{"b c"}},
		{"a warning", func(l *slog.Logger) { l.Info("a"); l.Info("b"); l.Warn("c"); l.Info("d") }, []string{"a", "b c"}, []string{"d"}},
		{"a warning with attributes", func(l *slog.Logger) {
			l.Info("a")
			l.With("k", 1).Error("b")
			l.WithGroup("g").Error("c")
		}, []string{"a", "b k=1", "c"}, nil},
		{"lines apart", func(l *slog.Logger) { l.Info("a"); time.Sleep(logPause); l.Info("b") }, []string{"a", "b"}, nil},
		{"after a burst", func(l *slog.Logger) {
			l.Info("a")
			l.Info("b")
			time.Sleep(logPause + time.Millisecond) // b is written
			l.Info("c")
			l.Info("d")
		}, []string{"a", "b"}, []string{"c d"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out := &writes{}
				log, _, stop := newLogger(out, config.Log{})
				defer stop()
				tt.log(log)
				if got := out.messages(); !slices.Equal(got, tt.want) {
					t.Errorf("at once: %q, want %q", got, tt.want)
				}
				time.Sleep(logPause)
				synctest.Wait()
				if got := out.messages(); !slices.Equal(got, append(tt.want, tt.late...)) {
					t.Errorf("after a while: %q, want %q more", got, tt.late)
				}
			})
		})
	}
}

// TestLogLinesAtTheEnd: what waits is not lost, and nothing waits any more.
func TestLogLinesAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &writes{}
		log, _, stop := newLogger(out, config.Log{})
		log.Info("a")
		log.Info("b")
		stop()
		log.Info("c")
		log.Info("d")
		if got, want := out.messages(), []string{"a", "b", "c", "d"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// TestLogLinesBounded: what waits has a bound, and lines stay whole.
func TestLogLinesBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &writes{}
		log, _, stop := newLogger(out, config.Log{})
		long := strings.Repeat("x", 1000)
		for range 200 {
			log.Info("a", "k", long)
		}
		stop()
		lines := 0
		for _, call := range out.calls {
			if len(call) > maxLogHeld+2*len(long) || !strings.HasSuffix(call, "\n") {
				t.Errorf("%d octets in one, the last %q", len(call), call[len(call)-10:])
			}
			lines += strings.Count(call, "\n")
		}
		if lines != 200 || len(out.calls) > 10 {
			t.Errorf("%d lines in %d calls, want 200 in few", lines, len(out.calls))
		}
	})
}

// TestLogLinesAllocateNothing beside what the line itself takes.
func TestLogLinesAllocateNothing(t *testing.T) {
	l := &logLines{to: &discarded{}, last: time.Now().Add(time.Hour)}
	line := []byte("a line\n")
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := l.Write(line); err != nil {
			t.Fatal(err)
		}
		l.flush()
	}); n > 0 {
		t.Errorf("%v allocations a line", n)
	}
}

// discarded counts what nobody reads.
type discarded struct{ octets int }

func (d *discarded) Write(p []byte) (int, error) {
	d.octets += len(p)
	return len(p), nil
}
