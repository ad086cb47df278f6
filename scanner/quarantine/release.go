package quarantine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"time"
)

// Release says what became of an item since it was kept.
type Release string

// The states of an item.
const (
	NotReleased Release = ""
	Waiting     Release = "waiting" // for its reader's next login; its content is allowed too
	Allowed     Release = "allowed" // its content is: it was fetched, or there is no mailbox to put it in
)

// Folders of marks, which are empty files: MAILBOX.ID in the one, a SHA-256 in the other.
const (
	waitingDir = ".waiting"
	allowedDir = ".allowed"
)

// keepAllowed is for how long a content stays allowed. Mail that is left on a server is fetched anew by a new client.
const keepAllowed = 366 * 24 * time.Hour

// Mailbox names the mailbox that login, exactly as the client gave it, opens on server. It is empty when login is, since such
// mailboxes cannot be told apart.
func Mailbox(server netip.AddrPort, login string) string {
	if login == "" || !server.IsValid() {
		return ""
	}
	sum := sha256.Sum256([]byte(server.String() + "\x00" + login))
	return hex.EncodeToString(sum[:mailboxLength/2])
}

// mailboxLength is the length of a mailbox's name: 128 bits.
const mailboxLength = 32

// Release lets the reader of an item have it: from now on its content is allowed, and it waits for the next login to its
// mailbox. Both are durable when Release returns. waits is false when the mailbox is not known. An item that has been fetched
// since it was released waits again. A gateway that runs sees it at once.
//
// Errors: ErrNotFound; what is wrong with the item; those of the file system.
func (f Folder) Release(id string) (waits bool, err error) {
	root, err := f.openItem(id)
	if err != nil {
		return false, err
	}
	defer root.Close()
	item, err := read(root, id)
	if err != nil {
		return false, err
	}
	if item.allowedMark() == "" {
		return false, fmt.Errorf("releasing quarantine item %s: its description is damaged", id)
	}
	if err := mark(root, allowedDir, item.allowedMark()); err != nil {
		return false, fmt.Errorf("releasing quarantine item %s: %w", id, err)
	}
	if item.waitingMark() == "" {
		return false, nil
	}
	if err := mark(root, waitingDir, item.waitingMark()); err != nil {
		return false, fmt.Errorf("releasing quarantine item %s: %w", id, err)
	}
	return true, nil
}

// Allowed says whether a mail with this content was released. An error counts as no.
func (f Folder) Allowed(sum [sha256.Size]byte) bool {
	_, err := os.Lstat(f.dir + "/" + allowedDir + "/" + hex.EncodeToString(sum[:]))
	return err == nil
}

// WaitingFor returns the items that wait for the next login to a mailbox, limit of them at most, the oldest first. With an error
// it returns those that could be read.
func (f Folder) WaitingFor(mailbox string, limit int) ([]Item, error) {
	root, ok, err := f.open()
	if err != nil || !ok {
		return nil, err
	}
	defer root.Close()
	names, err := marks(root, waitingDir)
	if err != nil {
		return nil, fmt.Errorf("looking for released mails: %w", err)
	}
	var waiting []string
	for _, name := range names {
		if box, id, _ := strings.Cut(name, "."); box == mailbox && isID(id) {
			waiting = append(waiting, id)
		}
	}
	items, err := readAll(root, waiting)
	return items[:min(len(items), limit)], err
}

// Consume takes items off those that wait for a mailbox, durably. They stay in quarantine until their time has come, and their
// content stays allowed. Consuming one that does not wait does nothing.
func (f Folder) Consume(mailbox string, ids ...string) error {
	root, ok, err := f.open()
	if err != nil || !ok {
		return err
	}
	defer root.Close()
	for _, id := range ids {
		if !isID(id) || !isHex(mailbox, mailboxLength) {
			return notFound(id)
		}
		if err := root.Remove(waitingDir + "/" + mailbox + "." + id); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("consuming quarantine item %s: %w", id, err)
		}
	}
	if err := syncFolder(root, waitingDir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("consuming quarantine items: %w", err)
	}
	return nil
}

// allowedMark returns the path of the mark that allows the item's content; empty when there can be none.
func (i *Item) allowedMark() string {
	if !isHex(i.SHA256, 2*sha256.Size) {
		return ""
	}
	return allowedDir + "/" + i.SHA256
}

// waitingMark returns the path of the mark of an item that waits; empty when there can be none.
func (i *Item) waitingMark() string {
	if !isHex(i.Mailbox, mailboxLength) {
		return ""
	}
	return waitingDir + "/" + i.Mailbox + "." + i.ID
}

// releaseOf says what the marks say of an item.
func releaseOf(root *os.Root, item *Item) Release {
	for _, m := range []struct {
		path  string
		state Release
	}{{item.waitingMark(), Waiting}, {item.allowedMark(), Allowed}} {
		if m.path == "" {
			continue
		}
		if _, err := root.Lstat(m.path); err == nil {
			return m.state
		}
	}
	return NotReleased
}

// revoke takes the marks of an item away, but for that of its content while another item has the same: a mail that was fetched
// twice is two items, and which of them was released the mark does not say.
func revoke(root *os.Root, item *Item) error {
	shared, err := sharesContent(root, item)
	if err != nil {
		return err
	}
	paths := []string{item.waitingMark()}
	if !shared {
		paths = append(paths, item.allowedMark())
	}
	for _, path := range paths {
		if path == "" {
			continue
		}
		if err := root.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// sharesContent says whether there is another item with the content of one, when that is allowed.
func sharesContent(root *os.Root, item *Item) (bool, error) {
	if item.Release == NotReleased {
		return false, nil
	}
	names, err := ids(root)
	if err != nil {
		return false, err
	}
	for _, id := range names {
		if id == item.ID {
			continue
		}
		// One that is damaged, or deleted since, has no release to keep.
		if other, err := read(root, id); err == nil && other.SHA256 == item.SHA256 {
			return true, nil
		}
	}
	return false, nil
}

// mark creates an empty file, durably, unless it is there already.
func mark(root *os.Root, folder, path string) error {
	file, err := root.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), syncFolder(root, folder))
}

// pruneMarks removes the marks of items that are gone, and allowances whose time has come.
func (s *Store) pruneMarks() error {
	waiting, err := marks(s.root, waitingDir)
	if err != nil {
		return err
	}
	var stale []string
	for _, name := range waiting {
		_, id, _ := strings.Cut(name, ".")
		if _, err := s.root.Lstat(id); !isID(id) || errors.Is(err, fs.ErrNotExist) {
			stale = append(stale, waitingDir+"/"+name)
		}
	}
	allowed, err := marks(s.root, allowedDir)
	if err != nil {
		return err
	}
	for _, name := range allowed {
		name = allowedDir + "/" + name
		if info, err := s.root.Lstat(name); err == nil && s.now().Sub(info.ModTime()) > keepAllowed {
			stale = append(stale, name)
		}
	}
	for _, name := range stale {
		if err := s.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// marks returns the names in a folder of marks, which need not be there.
func marks(root *os.Root, folder string) ([]string, error) {
	dir, err := root.Open(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Readdirnames(-1)
}
