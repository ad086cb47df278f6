package scanner

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// maxJournal is how many lines a journal may grow by before it is written anew.
const maxJournal = 4 * maxRetried

// maxJournalLine bounds a line that is read: a digest, a time and a number take less.
const maxJournalLine = 128

// OpenRetries returns a table that is kept in the file at path. It makes the file, readable for its owner alone, where there
// is none. What of a file is no entry is passed over, so that neither a crash in the middle of a write nor a damaged disk
// keeps a gateway from starting. When the file cannot be written later, log says so once and the table goes on in memory.
//
// Errors: those of the file system.
func OpenRetries(path string, log *slog.Logger) (*Retries, error) {
	e := NewRetries()
	if err := readJournal(path, e.restore); err != nil {
		return nil, fmt.Errorf("retried mails: %w", err)
	}
	e.journal = &journal{path: path, log: log}
	if err := e.journal.rewrite(e.all); err != nil {
		return nil, fmt.Errorf("retried mails: %w", err)
	}
	return e, nil
}

// Close gives the file back.
func (e *Retries) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.journal == nil || e.journal.file == nil {
		return nil
	}
	err := e.journal.file.Close()
	e.journal = nil
	return err
}

// restore takes an entry over from a journal, where a later one of the same mail replaces it.
func (e *Retries) restore(r retried) {
	if r.tries == 0 {
		if el, known := e.byKey[r.key]; known {
			e.drop(el)
		}
		return
	}
	*e.entry(r.key, r.first) = r
}

// journal is the file behind a table of retried mails: a line for each change,
//
//	DIGEST FIRST TRIES
//
// FIRST in milliseconds since 1970, of which the last of a mail counts; no tries: forgotten. A change is one write of one line. It is not forced to the disk: a
// power failure may cost a count, and the mail is refused once more. Grown long, the journal is written anew beside itself
// and takes its own place.
type journal struct {
	path   string
	log    *slog.Logger
	file   *os.File // nil: to be written anew at the next change
	lines  int      // added since it was written anew
	silent bool     // the log knows that it cannot be written
}

// add writes a change, or everything where the journal has grown long or could not be written before.
func (j *journal) add(r retried, all iter.Seq[retried]) {
	var err error
	if j.file == nil || j.lines >= maxJournal {
		err = j.rewrite(all)
	} else {
		_, err = io.WriteString(j.file, r.line())
		j.lines++
	}
	if err == nil {
		j.silent = false
		return
	}
	if j.file != nil {
		_ = j.file.Close() // what it holds is written anew
		j.file = nil
	}
	if !j.silent {
		j.log.Warn("how often mails were refused will be forgotten at the next restart", "error", err)
		j.silent = true
	}
}

// rewrite replaces the journal by one that holds each entry once.
func (j *journal) rewrite(all iter.Seq[retried]) (err error) {
	unfinished := j.path + ".new"
	file, err := os.OpenFile(unfinished, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close(), os.Remove(unfinished))
		}
	}()
	if err := file.Chmod(0o600); err != nil { // whatever the umask is
		return err
	}
	w := bufio.NewWriter(file)
	for r := range all {
		_, _ = w.WriteString(r.line()) // Flush has its error
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(unfinished, j.path); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(j.path)); err != nil {
		return err
	}
	if j.file != nil {
		_ = j.file.Close() // nothing of it is needed any more
	}
	j.file, j.lines = file, 0
	return nil
}

// syncFolder makes a rename in a folder durable.
func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// readJournal calls restore with every entry of the journal at path, in the order they were written.
func readJournal(path string, restore func(retried)) error {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(io.LimitReader(file, (maxJournal+maxRetried)*maxJournalLine))
	lines.Buffer(make([]byte, maxJournalLine), maxJournalLine)
	for lines.Scan() {
		if r, ok := parseRetried(lines.Text()); ok {
			restore(r)
		}
	}
	if err := lines.Err(); !errors.Is(err, bufio.ErrTooLong) { // of a damaged file, what is before the damage counts
		return err
	}
	return nil
}

// line returns r as a line of a journal.
func (r retried) line() string {
	return hex.EncodeToString(r.key[:]) + " " + strconv.FormatInt(r.first.UnixMilli(), 10) + " " + strconv.Itoa(r.tries) + "\n"
}

// parseRetried reads a line of a journal.
func parseRetried(line string) (r retried, ok bool) {
	fields := strings.Fields(line)
	if len(fields) != 3 || len(fields[0]) != 2*sha256.Size {
		return r, false
	}
	if _, err := hex.Decode(r.key[:], []byte(fields[0])); err != nil {
		return r, false
	}
	first, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return r, false
	}
	r.first = time.UnixMilli(first)
	r.tries, err = strconv.Atoi(fields[2])
	return r, err == nil && r.tries >= 0
}
