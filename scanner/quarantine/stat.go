package quarantine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// tally is what a Store knows of how many items there are. It is asked for again and again, and there may be many: an item does not
// change, so that it is looked at once.
type tally struct {
	mu    sync.Mutex
	sizes map[uint64]int64 // octets of an item, by its ID as a number; guarded by mu

	count, octets atomic.Int64 // when all had been looked at last
}

// Stat returns how many items there are and how many octets they count for: those of their mails and flows. While one caller looks,
// others are told what was known before.
//
// Errors: those of the file system.
func (s *Store) Stat() (count int, octets int64, err error) {
	if s.tally.mu.TryLock() {
		err = s.tally.lookLocked(s.root)
		s.tally.mu.Unlock()
	}
	return int(s.tally.count.Load()), s.tally.octets.Load(), err
}

// lookLocked looks at the items that have come since the last time.
func (t *tally) lookLocked(root *os.Root) error {
	names, err := ids(root)
	if err != nil {
		return fmt.Errorf("counting quarantine: %w", err)
	}
	sizes, octets := make(map[uint64]int64, len(names)), int64(0)
	for _, id := range names {
		n, _ := strconv.ParseUint(id, 16, 64) // of 12 digits
		size, known := t.sizes[n]
		if !known {
			if _, size, err = measure(root, id); err != nil {
				continue // deleted since
			}
		}
		sizes[n] = size
		octets += size
	}
	t.sizes = sizes
	t.count.Store(int64(len(sizes)))
	t.octets.Store(octets)
	return nil
}

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
