package quarantine

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
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
