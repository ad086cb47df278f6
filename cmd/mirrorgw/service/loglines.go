package service

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	// logPause is how long a line of the log may wait for others after one has been written: a system call for each was a
	// fiftieth of the CPU time of short sessions.
	logPause = 50 * time.Millisecond

	// maxLogHeld is what waits at most, in octets.
	maxLogHeld = 64 << 10
)

// logLines writes the lines of a log: at once when there was none for logPause, and together with those that follow while there are
// many. A process that is killed loses what waits.
type logLines struct {
	mu     sync.Mutex
	to     io.Writer
	held   []byte
	last   time.Time   // when lines were written last
	timer  *time.Timer // nil until it is needed
	due    bool        // the timer is to write what is held
	closed bool        // nothing waits any more
}

// Write takes one line, which it copies. Its error, if any, is that of a line before: a log has nobody to tell.
func (l *logLines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = append(l.held, line...)
	since := time.Since(l.last)
	switch {
	case l.closed || since >= logPause || len(l.held) >= maxLogHeld:
		return len(line), l.flushLocked()
	case l.due:
	case l.timer == nil:
		l.due, l.timer = true, time.AfterFunc(logPause-since, l.flush)
	default:
		l.due = true
		l.timer.Reset(logPause - since)
	}
	return len(line), nil
}

// flush writes what waits.
func (l *logLines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.flushLocked() // nobody to tell
}

// flushLocked is flush with mu held.
func (l *logLines) flushLocked() error {
	l.due = false
	if len(l.held) == 0 {
		return nil
	}
	_, err := l.to.Write(l.held)
	l.held, l.last = l.held[:0], time.Now()
	return err
}

// close writes what waits, and from then on each line at once.
func (l *logLines) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	_ = l.flushLocked() // nobody to tell
}

// promptHandler has warnings and errors written at once, and what came before them.
type promptHandler struct {
	slog.Handler
	lines *logLines
}

// Handle implements slog.Handler.
func (h promptHandler) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		h.lines.flush()
	}
	return err
}

// WithAttrs implements slog.Handler.
func (h promptHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return promptHandler{h.Handler.WithAttrs(attrs), h.lines}
}

// WithGroup implements slog.Handler.
func (h promptHandler) WithGroup(name string) slog.Handler {
	return promptHandler{h.Handler.WithGroup(name), h.lines}
}
