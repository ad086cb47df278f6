package quarantine

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"mirrorgw/scanner"
)

// historyDir holds one file for each day, UTC, named after it: records as lines of JSON, in no strict order.
const historyDir = ".history"

// Bounds of the history.
const (
	maxDay     = 64 << 20  // octets of one day; what is delivered beyond is counted and not recorded
	maxHistory = 512 << 20 // octets of all days; beyond it the oldest go
	maxRecord  = 4 << 10   // octets of one record
)

// A record begins with this and the digits of its hash, so that hunting need look no further in those that do not match.
const (
	recordBegin = `{"sha256":"`
	sumDigits   = 64
)

// flushEvery is the longest time a record stays in memory only: what a crash may take.
const flushEvery = time.Second

// Record is one mail that was delivered. It holds nothing of the mail but its hash.
type Record struct {
	SHA256   string    `json:"sha256"`
	Time     time.Time `json:"time"` // UTC
	Protocol string    `json:"protocol"`
	Client   string    `json:"client"` // ADDRESS:PORT of the workstation
	Server   string    `json:"server"`
	User     string    `json:"user"`           // as the client gave it, made printable
	UIDL     string    `json:"uidl,omitempty"` // as the server gave it, made printable; empty where the client had not asked for it
	Size     int64     `json:"size"`
}

// History records what is delivered, so that it can be told later who has what turns out to be malware. It is a scanner.Ledger.
type History struct {
	root *os.Root
	keep time.Duration
	log  *slog.Logger

	mu       sync.Mutex
	file     *os.File
	day      int64 // of the file, days of the Unix era
	line     []byte
	out      *bufio.Writer
	size     int64
	buffered uint64 // records in out
	recorded uint64
	lost     uint64
	failing  bool // the log knows that records are lost
}

// HistoryCounters says what a History has done.
type HistoryCounters struct {
	Recorded uint64 // deliveries recorded, those in memory only not yet included
	Lost     uint64 // deliveries that could not be recorded: the day's file was full, or the disk. Parts of them may have been
}

// OpenHistory opens the history in the quarantine s, which keeps each day for keep; 0 records nothing and removes what there is.
//
// Errors: those of the file system.
func OpenHistory(s *Store, keep time.Duration) (*History, error) {
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, err
	}
	h := &History{root: root, keep: keep, log: s.log}
	if err := root.Mkdir(historyDir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, errors.Join(fmt.Errorf("history: %w", err), root.Close())
	}
	if err := root.Chmod(historyDir, 0o700); err != nil { // whatever the umask is
		return nil, errors.Join(fmt.Errorf("history: %w", err), root.Close())
	}
	return h, nil
}

// Counters returns the figures so far.
func (h *History) Counters() HistoryCounters {
	h.mu.Lock()
	defer h.mu.Unlock()
	return HistoryCounters{Recorded: h.recorded, Lost: h.lost}
}

// Delivered implements scanner.Ledger. It writes to memory nearly always.
func (h *History) Delivered(at time.Time, o scanner.Origin, v scanner.Verdict) {
	if h.keep == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	err := h.open(at.UTC())
	if err == nil {
		h.line, err = appendRecord(h.line[:0], at.UTC(), o, v)
	}
	if err == nil && h.size+int64(len(h.line)) > maxDay {
		h.lost++
		return
	}
	if err == nil && h.out.Available() < len(h.line) {
		err = h.write()
	}
	if err != nil {
		h.lost++
		h.fail(err)
		return
	}
	_, _ = h.out.Write(h.line) // to memory, where there is room for it
	h.size += int64(len(h.line))
	h.buffered++
}

// write writes what is in memory to the file.
func (h *History) write() error {
	if err := h.out.Flush(); err != nil {
		return err
	}
	h.recorded += h.buffered
	h.buffered, h.failing = 0, false
	return nil
}

// appendRecord adds a Record as a line of JSON. It is written by hand, since it is written for every mail.
func appendRecord(line []byte, at time.Time, o scanner.Origin, v scanner.Verdict) ([]byte, error) {
	user, err := json.Marshal(scanner.Printable(o.User, maxUser))
	if err != nil {
		return nil, err
	}
	line = hex.AppendEncode(append(line, recordBegin...), v.SHA256[:])
	line = at.AppendFormat(append(line, `","time":"`...), time.RFC3339)
	line = append(append(line, `","protocol":"`...), o.Protocol...)
	line = o.Client.AppendTo(append(line, `","client":"`...))
	line = o.Server.AppendTo(append(line, `","server":"`...))
	line = append(append(line, `","user":`...), user...)
	if o.UIDL != "" {
		uidl, err := json.Marshal(scanner.Printable(o.UIDL, maxUIDL))
		if err != nil {
			return nil, err
		}
		line = append(append(line, `,"uidl":`...), uidl...)
	}
	line = strconv.AppendInt(append(line, `,"size":`...), v.Size, 10)
	return append(line, "}\n"...), nil
}

// open opens the file of a day unless it is open. A line that a crash has left in half is ended first.
func (h *History) open(at time.Time) (err error) {
	day := at.Unix() / int64(24*time.Hour/time.Second)
	if h.file != nil && h.day == day {
		return nil
	}
	if err := h.end(); err != nil {
		return err
	}
	file, err := h.root.OpenFile(historyDir+"/"+at.Format(time.DateOnly), os.O_RDWR|os.O_CREATE|os.O_APPEND|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	last := []byte{'\n'}
	if info.Size() > 0 {
		if _, err := file.ReadAt(last, info.Size()-1); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	h.day, h.file, h.size, h.out = day, file, info.Size(), bufio.NewWriterSize(file, 16*maxRecord)
	if last[0] != '\n' {
		return h.out.WriteByte('\n')
	}
	return nil
}

// fail says that records are lost, those in memory among them, and begins anew with the next one. The log hears of it once, until records
// are written again: a disk may be full for hours.
func (h *History) fail(err error) {
	if !h.failing {
		h.log.Warn("what is delivered is not recorded", "error", err)
	}
	h.failing = true
	_ = h.end() // it has failed already
	h.lost += h.buffered
	h.buffered = 0
}

// end closes the file.
func (h *History) end() error {
	if h.file == nil {
		return nil
	}
	err := errors.Join(h.write(), h.file.Close())
	h.file, h.out = nil, nil
	return err
}

// Run writes records to the disk every second and removes days whose time has come, until ctx ends.
func (h *History) Run(ctx context.Context) {
	flush, prune := time.NewTicker(flushEvery), time.NewTicker(pruneEvery)
	defer flush.Stop()
	defer prune.Stop()
	h.prune(time.Now())
	for {
		select {
		case <-flush.C:
			h.flush()
		case now := <-prune.C:
			h.prune(now)
		case <-ctx.Done():
			return
		}
	}
}

func (h *History) flush() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.file == nil || h.out.Buffered() == 0 {
		return
	}
	if err := h.write(); err != nil {
		h.fail(err)
	}
}

// prune removes the days whose time has come, and the oldest of those that are too many.
func (h *History) prune(now time.Time) {
	days, err := marks(h.root, historyDir)
	if err != nil {
		h.log.Warn("the history of deliveries cannot be read", "error", err)
		return
	}
	slices.Sort(days)
	slices.Reverse(days)
	oldest := now.UTC().Add(-h.keep).Format(time.DateOnly)
	var total int64
	for _, day := range days {
		info, err := h.root.Lstat(historyDir + "/" + day)
		if err != nil {
			continue
		}
		total += info.Size()
		if _, err := time.Parse(time.DateOnly, day); err != nil || h.keep > 0 && day >= oldest && total <= maxHistory {
			continue
		}
		if err := h.root.Remove(historyDir + "/" + day); err != nil {
			h.log.Warn("a day of the history of deliveries cannot be removed", "error", err)
		}
	}
}

// Close writes what is in memory and closes the history.
func (h *History) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return errors.Join(h.end(), h.root.Close())
}

// Hunt calls found for each recorded delivery of a content whose SHA-256, in lower-case hexadecimal digits, is in sums; day by
// day, the oldest first. What a running gateway has recorded within the last second may not be seen.
//
// Errors: those of the file system; of ctx.
func (f Folder) Hunt(ctx context.Context, sums map[string]bool, found func(Record)) error {
	root, ok, err := f.open()
	if err != nil || !ok {
		return err
	}
	defer root.Close()
	days, err := marks(root, historyDir)
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	slices.Sort(days)
	for _, day := range days {
		if err := hunt(ctx, root, historyDir+"/"+day, sums, found); err != nil {
			return fmt.Errorf("history: %w", err)
		}
	}
	return nil
}

// hunt looks at one day. Lines that are no record are passed over: a crash may have left one.
func hunt(ctx context.Context, root *os.Root, name string, sums map[string]bool, found func(Record)) error {
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) { // removed since
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	in := bufio.NewReaderSize(contextReader{ctx, file}, 16*maxRecord)
	for {
		line, err := in.ReadSlice('\n')
		if rest, ok := bytes.CutPrefix(line, []byte(recordBegin)); ok && len(rest) > sumDigits && sums[string(rest[:sumDigits])] {
			var r Record
			if json.Unmarshal(line, &r) == nil {
				found(r)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}
