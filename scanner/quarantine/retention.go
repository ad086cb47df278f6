package quarantine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"mirrorgw/scanner"
)

// Limits bound what is kept. Zero fields are the defaults.
type Limits struct {
	Keep time.Duration // age at which an item goes, MinKeep at least
	Max  int64         // octets of mails and their flows; beyond it the oldest items go, those younger than MinKeep never
}

// Defaults of Limits, and the age below which nothing goes: a day is for whoever has to look at what was replaced.
const (
	DefaultKeep = 30 * 24 * time.Hour
	DefaultMax  = 2 << 30
	MinKeep     = 24 * time.Hour
)

// pruneEvery is the time between two looks for items whose time has come.
const pruneEvery = time.Hour

// room is what a Store knows of the space it takes.
type room struct {
	mu      sync.Mutex
	limits  Limits
	counted bool  // kept is known
	kept    int64 // octets of the items, at most: others may have deleted some since they were counted
	writing int64 // octets of the items being written

	expired, full, again atomic.Uint64
}

// Counters says what a Store has done.
type Counters struct {
	Expired uint64 // items removed for their age or to make room
	Full    uint64 // mails that could not be kept for lack of room
	Again   uint64 // mails that were in an item already
}

// Counters returns the figures so far.
func (s *Store) Counters() Counters {
	return Counters{Expired: s.room.expired.Load(), Full: s.room.full.Load(), Again: s.room.again.Load()}
}

// SetLimits changes the limits; they hold from the next Keep and the next look of Run on. Errors: Keep is below MinKeep, or
// Max is negative.
func (s *Store) SetLimits(l Limits) error {
	if l.Keep == 0 {
		l.Keep = DefaultKeep
	}
	if l.Max == 0 {
		l.Max = DefaultMax
	}
	if l.Keep < MinKeep || l.Max < 0 {
		return fmt.Errorf("limits of %s and %d octets: at least %s and 1", l.Keep, l.Max, MinKeep)
	}
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	s.room.limits = l
	return nil
}

// Run removes items whose time has come, at once and every hour, until ctx ends.
func (s *Store) Run(ctx context.Context) {
	again := time.NewTicker(pruneEvery)
	defer again.Stop()
	for {
		if err := s.Prune(); err != nil {
			s.log.Warn("quarantine: what is too old cannot be removed", "error", err)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

// Prune removes the items whose time has come.
func (s *Store) Prune() error {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	aged, err := s.aged()
	if err != nil {
		return err
	}
	var wrong []error
	for _, a := range aged {
		if s.now().Sub(a.since) < s.room.limits.Keep {
			break
		}
		wrong = append(wrong, s.expire(a, "age"))
	}
	return errors.Join(append(wrong, s.pruneMarks())...)
}

// makeRoom sees to it that size octets fit, and takes them. leaveRoom must follow unless there is an error.
func (s *Store) makeRoom(size int64) (err error) {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	defer func() {
		if err == nil {
			s.room.writing += size
		} else if errors.Is(err, ErrFull) {
			s.room.full.Add(1)
		}
	}()
	if s.room.counted {
		if why, err := s.lacking(size); err != nil || why == "" {
			return err
		}
	}
	aged, err := s.aged() // counts anew
	if err != nil {
		return err
	}
	for {
		why, err := s.lacking(size)
		switch {
		case err != nil || why == "":
			return err
		case len(aged) == 0 || s.now().Sub(aged[0].since) < MinKeep:
			return fmt.Errorf("%w: %s", ErrFull, why)
		}
		if err := s.expire(aged[0], why); err != nil {
			return err
		}
		aged = aged[1:]
	}
}

// leaveRoom ends what makeRoom began.
func (s *Store) leaveRoom(size int64, kept bool) {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	s.room.writing -= size
	if kept {
		s.room.kept += size
	}
}

// lacking says why size octets more do not fit; empty when they do.
func (s *Store) lacking(size int64) (why string, err error) {
	if s.room.kept+s.room.writing+size > s.room.limits.Max {
		return fmt.Sprintf("no more than quarantine.max (%d octets) is kept", s.room.limits.Max), nil
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(s.dir, &fs); err != nil {
		return "", fmt.Errorf("asking for free space: %w", err)
	}
	if usable := scanner.Usable(&fs) - s.room.writing; usable < size {
		return fmt.Sprintf("of what the file system has left, all but %d octets stay free", max(usable, 0)), nil
	}
	return "", nil
}

// aged is an item and since when it counts as kept.
type aged struct {
	id    string
	since time.Time
	size  int64
}

// aged returns all items, the oldest first, and takes note of the octets they take. One that waits for its reader is as old as
// its release.
func (s *Store) aged() ([]aged, error) {
	s.tally.mu.Lock()
	defer s.tally.mu.Unlock()
	damaged, err := s.tally.lookLocked(s.root)
	if err != nil {
		return nil, err
	}
	released := make(map[string]time.Time)
	waiting, err := marks(s.root, waitingDir)
	if err != nil {
		return nil, fmt.Errorf("listing released mails: %w", err)
	}
	for _, name := range waiting {
		if info, err := s.root.Lstat(waitingDir + "/" + name); err == nil { // else consumed since
			_, id, _ := strings.Cut(name, ".")
			released[id] = info.ModTime()
		}
	}
	list := make([]aged, 0, len(s.tally.items))
	for n, item := range s.tally.items {
		list = append(list, aged{idOf(n), item.kept, item.size})
	}
	for _, id := range damaged {
		if info, err := s.root.Lstat(id); err == nil { // else deleted since
			list = append(list, aged{id: id, since: info.ModTime()})
		}
	}
	s.room.kept, s.room.counted = s.tally.octets.Load(), true
	for i, a := range list {
		if at := released[a.id]; at.After(a.since) {
			list[i].since = at
		}
	}
	slices.SortFunc(list, func(a, b aged) int {
		if c := a.since.Compare(b.since); c != 0 {
			return c
		}
		return strings.Compare(a.id, b.id)
	})
	return list, nil
}

// expire removes an item for the reason why.
func (s *Store) expire(a aged, why string) error {
	if err := remove(s.root, a.id); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	s.room.kept -= a.size
	s.room.expired.Add(1)
	s.log.Info("quarantine: item removed", "id", a.id, "size", a.size, "age", s.now().Sub(a.since).Round(time.Second), "why", why)
	return nil
}
