package unscanned

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Keep is for how many days files are kept, that of today among them.
const Keep = 30

const (
	maxEntries = 2000 // of a day, beside one for each reason whose clients are not told apart
	flushEvery = 10 * time.Second
	maxFile    = 4 << 20 // octets
	dayFormat  = "2006-01-02"
)

// In returns the folder of the book that belongs to a quarantine, which is in its folder. No mail there has such a name.
func In(quarantine string) string { return filepath.Join(quarantine, ".unscanned") }

// Reason says why something was not scanned. The causes of unscannable mails are reasons too, by their own names.
type Reason string

// The reasons of flows.
const (
	Skipped  Reason = "skipped"  // by the skip lists of a rule
	Bypassed Reason = "bypassed" // during a bypass
	TLS      Reason = "tls"      // the session switched to TLS
	NotPOP3  Reason = "not_pop3" // it spoke something else
)

// Entry is how often a reason was met by one client and server.
type Entry struct {
	Reason Reason         `json:"reason"`
	Client netip.Addr     `json:"client"` // the zero value: of several clients that are not told apart
	Server netip.AddrPort `json:"server"`
	Count  uint64         `json:"count"` // mails or flows
	Last   time.Time      `json:"last"`
}

// key is what entries are told apart by.
type key struct {
	reason Reason
	client netip.Addr
	server netip.AddrPort
}

// Book is what a gateway notes. It is safe for concurrent use.
type Book struct {
	folder string
	log    *slog.Logger
	now    func() time.Time

	mu      sync.Mutex
	day     string         // guarded by mu, like what follows
	entries map[key]*Entry // of day
	changed bool
	failing bool // the last write failed
}

// Open opens the book in folder, which is made where it is missing, and goes on where it was left today.
//
// Errors: what the system says about the folder. A file that cannot be read is put aside and logged.
func Open(folder string, log *slog.Logger) (*Book, error) { return open(folder, log, time.Now) }

func open(folder string, log *slog.Logger, now func() time.Time) (*Book, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("the book of what was not scanned: %w", err)
	}
	b := &Book{folder: folder, log: log, now: now}
	if err := b.beginLocked(now().Format(dayFormat)); err != nil {
		return nil, fmt.Errorf("the book of what was not scanned: %w", err)
	}
	return b, nil
}

// beginLocked goes on with the file of a day, which may be there: after a restart, and where the clock was set back. mu is held, or b is new.
func (b *Book) beginLocked(day string) error {
	b.day, b.entries = day, make(map[key]*Entry)
	list, err := Read(b.folder, day)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.log.Warn("the book of what was not scanned that day cannot be read: it is put aside", "day", day, "error", err)
		if err := os.Rename(b.path(day), b.path(day)+".bad"); err != nil {
			return err
		}
	}
	for _, e := range list {
		b.entries[key{e.Reason, e.Client, e.Server}] = &e
	}
	b.expire()
	return nil
}

// Note counts n mails or flows that were not scanned.
func (b *Book) Note(why Reason, client netip.Addr, server netip.AddrPort, n uint64) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now() // not before it is our turn, or midnight might come and go
	if day := now.Format(dayFormat); day != b.day {
		b.writeLocked()        // what fails here is logged, and the day is gone
		_ = b.beginLocked(day) // what could not be put aside is written over
	}
	k := key{why, client, server}
	e := b.entries[k]
	if e == nil && len(b.entries) >= maxEntries {
		k = key{reason: why}
		e = b.entries[k]
	}
	if e == nil {
		e = &Entry{Reason: why, Client: k.client, Server: k.server}
		b.entries[k] = e
	}
	e.Count += n
	e.Last = now.Truncate(time.Second)
	b.changed = true
}

// Run writes what has been noted every few seconds until ctx ends, and then for the last time. collect, called before each,
// may note what is counted elsewhere.
func (b *Book) Run(ctx context.Context, collect func()) {
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
		collect()
		b.mu.Lock()
		b.writeLocked()
		b.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
	}
}

func (b *Book) path(day string) string { return filepath.Join(b.folder, day+".json") }

// expire deletes the files of days that are over for long.
func (b *Book) expire() {
	days, err := Days(b.folder)
	if err != nil {
		return // said when something is to be written
	}
	oldest := b.now().AddDate(0, 0, 1-Keep).Format(dayFormat)
	for _, day := range days {
		if day < oldest {
			if err := os.Remove(b.path(day)); err != nil {
				b.log.Warn("an old file of what was not scanned stays", "error", err)
			}
		}
	}
}
