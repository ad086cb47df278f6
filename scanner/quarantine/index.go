package quarantine

import (
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// settled is how long a folder must have been left alone before it is believed to be unchanged: what happens to it within a tick of
	// the file system's clock leaves it with the same times.
	settled = 2 * time.Second

	// maxIndexed bounds the marks whose mailboxes are remembered. With more every login reads them.
	maxIndexed = 10_000
)

// Index is a Folder that looks for released mails once for many logins: nearly always there are none, and the times of the folder of marks
// tell whether that is still so, whoever changes it. It may be used by several goroutines.
type Index struct {
	Folder
	now func() time.Time

	mu      sync.Mutex
	seen    marksTimes          // of the folder of marks when mailboxes was read; zero: that is not to be relied on
	waiting map[string]struct{} // mailboxes for which something waits
}

// NewIndex returns an Index of a quarantine, which it does not touch.
func NewIndex(f Folder) *Index { return &Index{Folder: f, now: time.Now} }

// WaitingFor is Folder.WaitingFor.
func (x *Index) WaitingFor(mailbox string, limit int) ([]Item, error) {
	if x.nothingFor(mailbox) {
		return nil, nil
	}
	return x.Folder.WaitingFor(mailbox, limit)
}

// nothingFor says whether it is certain that nothing waits for a mailbox.
func (x *Index) nothingFor(mailbox string) bool {
	now := x.now()
	times, ok := timesOf(x.dir + "/" + waitingDir)
	if !ok {
		return false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if times != x.seen {
		x.seen = marksTimes{}
		if !times.before(now.Add(-settled)) || !x.readLocked() {
			return false
		}
		x.seen = times // a change since then has another
	}
	_, waits := x.waiting[mailbox]
	return !waits
}

// readLocked reads the folder of marks.
func (x *Index) readLocked() bool {
	root, ok, err := x.open()
	if err != nil || !ok {
		return false
	}
	defer root.Close()
	names, err := marks(root, waitingDir)
	if err != nil || len(names) > maxIndexed {
		return false
	}
	x.waiting = make(map[string]struct{})
	for _, name := range names {
		mailbox, _, _ := strings.Cut(name, ".")
		x.waiting[mailbox] = struct{}{}
	}
	return true
}

// marksTimes tell one state of a folder from the next.
type marksTimes struct {
	device, inode     uint64
	modified, changed syscall.Timespec
}

// timesOf reports false where there is no such folder, and for a link.
func timesOf(path string) (marksTimes, bool) {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() {
		return marksTimes{}, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return marksTimes{}, false
	}
	return marksTimes{device: stat.Dev, inode: stat.Ino, modified: stat.Mtim, changed: stat.Ctim}, true
}

// before says whether the last change was before t.
func (m marksTimes) before(t time.Time) bool {
	return time.Unix(m.modified.Unix()).Before(t) && time.Unix(m.changed.Unix()).Before(t)
}
