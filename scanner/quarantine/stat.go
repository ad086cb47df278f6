package quarantine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// tally is what a Store knows of the items there are. It is asked for again and again, and there may be many: an item is looked at once, but
// for one whose time has begun anew.
type tally struct {
	mu    sync.Mutex
	items map[uint64]tallied // by ID, as a number; guarded by mu

	count, octets atomic.Int64 // when all had been looked at last
}

// tallied is what is known of an item.
type tallied struct {
	kept time.Time // or again
	size int64     // octets it counts for
}

// Stat returns how many items there are and how many octets they count for: those of their mails and flows. While one caller looks,
// others are told what was known before.
//
// Errors: those of the file system.
func (s *Store) Stat() (count int, octets int64, err error) {
	if s.tally.mu.TryLock() {
		_, err = s.tally.lookLocked(s.root)
		s.tally.mu.Unlock()
	}
	return int(s.tally.count.Load()), s.tally.octets.Load(), err
}

// lookLocked looks at the items that have come since the last time, and returns the IDs of those that have no mail.
func (t *tally) lookLocked(root *os.Root) (damaged []string, err error) {
	names, err := ids(root)
	if err != nil {
		return nil, fmt.Errorf("listing quarantine: %w", err)
	}
	items, octets := make(map[uint64]tallied, len(names)), int64(0)
	for _, id := range names {
		n := idNumber(id)
		item, known := t.items[n]
		if !known {
			mail, size, err := measure(root, id)
			if err != nil {
				damaged = append(damaged, id) // or deleted since
				continue
			}
			item = tallied{mail.ModTime(), size}
		}
		items[n] = item
		octets += item.size
	}
	t.items = items
	t.count.Store(int64(len(items)))
	t.octets.Store(octets)
	return damaged, nil
}

// forget has an item looked at again.
func (t *tally) forget(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.items, idNumber(id))
}

// idNumber returns an ID as a number, idOf the ID of one.
func idNumber(id string) uint64 {
	n, _ := strconv.ParseUint(id, 16, 64) // of 12 digits
	return n
}

func idOf(n uint64) string { return fmt.Sprintf("%0*x", idLength, n) }

// Fault says why nothing can be kept, as far as that shows without trying: the folder was taken away since it was opened, or cannot be
// written to. nil: it can. To be full is no fault.
func (s *Store) Fault() error {
	opened, err := s.root.Stat(".")
	if err != nil {
		return fmt.Errorf("looking at the folder: %w", err)
	}
	there, err := os.Stat(s.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !os.SameFile(opened, there):
		return fmt.Errorf("%s is not the folder any more that was there at the start: put it back, or restart the gateway", s.dir)
	case err != nil:
		return err
	}
	if err := unix.Access(s.dir, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("no mail can be kept in %s: %w", s.dir, err)
	}
	return nil
}
