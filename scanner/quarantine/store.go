package quarantine

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"mirrorgw/scanner"
)

// Config says for how long and how much a Store keeps. Its zero value is the defaults.
type Config struct {
	Limits
	Log *slog.Logger     // nil: nothing is logged
	Now func() time.Time // nil: time.Now
}

// Store is the quarantine a gateway keeps mails in. It is a scanner.Keeper.
type Store struct {
	Folder
	root *os.Root
	lock *os.File
	log  *slog.Logger
	now  func() time.Time
	room room

	recent recent
	tally  tally
}

// Open creates the quarantine in dir where there is none, locks it, sees to its permissions, and removes what a crash left
// unfinished.
//
// Errors: ErrInUse, wrapped with the folder; limits below MinKeep; those of the file system.
func Open(dir string, cfg Config) (*Store, error) {
	s, err := open(dir, cfg)
	if err != nil {
		return nil, fmt.Errorf("quarantine %s: %w", dir, err)
	}
	return s, nil
}

func open(dir string, cfg Config) (_ *Store, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, err
	}
	parent, err := os.OpenRoot(filepath.Dir(dir))
	if err != nil {
		return nil, err
	}
	defer parent.Close()
	if err := syncFolder(parent, "."); err != nil { // the folder may be new
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{Folder: At(dir), root: root, log: cfg.Log, now: cfg.Now}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.SetLimits(cfg.Limits); err != nil {
		return nil, err
	}
	if s.lock, err = root.OpenFile(lockName, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600); err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, ErrInUse
	} else if err != nil {
		return nil, fmt.Errorf("locking: %w", err)
	}
	if err := s.clear(); err != nil {
		return nil, err
	}
	for _, marks := range []string{waitingDir, allowedDir} {
		if err := root.Mkdir(marks, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if err := root.Chmod(marks, 0o700); err != nil { // whatever the umask is
			return nil, err
		}
	}
	return s, syncFolder(root, ".")
}

// clear removes the items that were being written or deleted when a process ended.
func (s *Store) clear() error {
	entries, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), newPrefix) && !strings.HasPrefix(e.Name(), gonePrefix) {
			continue
		}
		if err := s.root.RemoveAll(e.Name()); err != nil {
			return err
		}
	}
	return nil
}

// Close gives the folder back. Keep fails afterwards.
func (s *Store) Close() error {
	var err error
	if s.lock != nil {
		err = s.lock.Close() // and with it the lock
	}
	return errors.Join(err, s.root.Close())
}

// Keep writes mail, its description and the frames of its flow to the disk and returns the new item's ID when both are durable, the folder's entry
// included. Where there is no room the oldest items make it, see Limits. With an error nothing is listed. A mail that was kept of
// late from the same mailbox for the same client and reason is not kept again: its ID is that of then, and its time begins anew.
//
// Errors: ErrFull; those of ctx, of mail, of the flow's trace and of the file system; a mail whose length is not the one described.
func (s *Store) Keep(ctx context.Context, item scanner.Item, mail io.Reader) (id string, err error) {
	of, err := fingerprintOf(item)
	if err != nil {
		return "", fmt.Errorf("quarantine %s: %w", s.dir, err)
	}
	if id, ok := s.again(of, item.Verdict.Size); ok {
		return id, nil
	}
	var flow bytes.Buffer
	if item.Origin.Trace != nil {
		if err := item.Origin.Trace.WritePcapng(&flow); err != nil {
			return "", fmt.Errorf("quarantine %s: the flow: %w", s.dir, err)
		}
	}
	size := item.Verdict.Size + int64(flow.Len())
	if err := s.makeRoom(size); err != nil {
		return "", fmt.Errorf("quarantine %s: %w", s.dir, err)
	}
	defer func() { s.leaveRoom(size, err == nil) }()
	id = newID()
	if err := s.keep(ctx, id, item, mail, flow.Bytes()); err != nil {
		return "", fmt.Errorf("quarantine %s: %w", s.dir, err)
	}
	s.recent.put(of, id)
	return id, nil
}

func (s *Store) keep(ctx context.Context, id string, item scanner.Item, mail io.Reader, flow []byte) (err error) {
	text, err := json.MarshalIndent(describe(id, item, len(flow)), "", "  ")
	if err != nil {
		return err
	}
	unfinished := newPrefix + id
	if err := s.root.Mkdir(unfinished, 0o700); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.root.RemoveAll(unfinished))
		}
	}()
	if err := s.root.Chmod(unfinished, 0o700); err != nil { // whatever the umask is
		return err
	}
	n, err := s.write(unfinished+"/"+mailName, contextReader{ctx, mail})
	if err != nil {
		return err
	}
	if n != item.Verdict.Size {
		return fmt.Errorf("the mail has %d octets, not %d", n, item.Verdict.Size)
	}
	if len(flow) > 0 {
		if _, err := s.write(unfinished+"/"+flowName, bytes.NewReader(flow)); err != nil {
			return err
		}
	}
	if _, err := s.write(unfinished+"/"+itemName, bytes.NewReader(append(text, '\n'))); err != nil {
		return err
	}
	if err := syncFolder(s.root, unfinished); err != nil {
		return err
	}
	if err := s.root.Rename(unfinished, id); err != nil {
		return err
	}
	if err := syncFolder(s.root, "."); err != nil {
		return errors.Join(err, s.root.Rename(id, unfinished)) // off the list before it is taken apart
	}
	return nil
}

// write creates a file, copies content to it, and syncs it.
func (s *Store) write(name string, content io.Reader) (n int64, err error) {
	file, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := file.Chmod(0o600); err != nil { // whatever the umask is
		return 0, err
	}
	if n, err = io.Copy(file, content); err != nil {
		return n, err
	}
	return n, file.Sync()
}

// newID returns a random ID. That it is taken is as good as impossible; if it were, Rename would refuse.
func newID() string {
	var b [idLength / 2]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// contextReader reads until its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
