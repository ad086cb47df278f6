package scanner

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ErrTooLarge is returned by Buffer.Write once the buffer holds Spool.Max octets.
var ErrTooLarge = errors.New("message outgrew the spool")

// Defaults of Spool, used where a field is zero.
const (
	DefaultSpoolMemory = 256 << 10
	DefaultSpoolMax    = 4 << 30
)

// Spool says where messages are held while they are judged.
type Spool struct {
	Dir    string // folder for what does not fit in memory; empty: os.TempDir
	Memory int64  // octets of one buffer kept in memory; 0: DefaultSpoolMemory
	Max    int64  // octets one buffer may hold; 0: DefaultSpoolMax

	Quota *Quota // what all buffers may hold together; nil: no bound
}

// NewBuffer returns an empty buffer. The caller owns it and must Close it.
func (s Spool) NewBuffer() *Buffer { return &Buffer{spool: s.withDefaults()} }

// withDefaults returns s with its zero fields filled in.
func (s Spool) withDefaults() Spool {
	if s.Memory <= 0 {
		s.Memory = DefaultSpoolMemory
	}
	if s.Max <= 0 {
		s.Max = DefaultSpoolMax
	}
	return s
}

// Buffer holds one message or part: in memory first, then in a file that has no name, so that nothing is left behind by a
// crash. It is written by one goroutine and, once written, may be read by several.
type Buffer struct {
	spool Spool
	mem   []byte   // the content, or with a file what of its end is not in there yet; its capacity is taken from the quota's memory
	file  *os.File // nil while the content is in mem
	from  int64    // where in the file the content begins
	lent  bool     // mem or file is another buffer's
	size  int64    // once there is a file of its own, taken from the quota's disk

	early *Early // what engines have been doing about the content since before it was whole; nil: nothing
}

// gather is how much is gathered for a file before it is written there, in octets, as far as Spool.Memory and the quota allow it: mails come
// in lines and segments.
const gather = 64 << 10

// block is how much of a file is written at once, in octets: whole pages, and no more than one frame of a device with offload holds beside its
// headers. Of 64 KiB a second frame would have the last 162.
const block = 60 << 10

// Write appends p, which it copies. It writes all of p or, with an error, the part of it that fitted.
//
// Errors: ErrTooLarge at Spool.Max; ErrSpoolFull at the Quota's bound for the disk, and where the file system would be left without its
// reserve; the file's own errors otherwise.
func (b *Buffer) Write(p []byte) (int, error) {
	var tooLarge error
	if room := b.spool.Max - b.size; int64(len(p)) > room {
		p, tooLarge = p[:room], ErrTooLarge
	}
	if b.file == nil && (b.size+int64(len(p)) > b.spool.Memory || !b.grow(len(p))) {
		if err := b.spill(); err != nil {
			return 0, err
		}
	}
	if b.file == nil {
		b.mem = append(b.mem, p...)
		b.size += int64(len(p))
		return len(p), tooLarge
	}
	if len(b.mem)+len(p) > cap(b.mem) {
		if err := b.flush(); err != nil {
			return 0, err
		}
	}
	if !b.spool.Quota.takeDisk(int64(len(p))) {
		return 0, ErrSpoolFull
	}
	if len(p) <= cap(b.mem) {
		b.mem = append(b.mem, p...)
		b.size += int64(len(p))
		return len(p), tooLarge
	}
	n, err := writeAt(b.file, p, b.size)
	b.size += int64(n)
	b.spool.Quota.give(0, int64(len(p)-n))
	if err != nil {
		return n, fmt.Errorf("spooling a message: %w", err)
	}
	return n, tooLarge
}

// flush writes what has been gathered to the file. With an error it stays where it is.
func (b *Buffer) flush() error {
	if b.file == nil || len(b.mem) == 0 {
		return nil
	}
	if _, err := writeAt(b.file, b.mem, b.written()); err != nil {
		return fmt.Errorf("spooling a message: %w", err)
	}
	b.mem = b.mem[:0]
	return nil
}

// Flush has all that was written be where Reader finds it without a change to the buffer: from then on, until the next Write, several
// may read. Errors: the file's own; what was written can be read all the same, by one goroutine.
func (b *Buffer) Flush() error {
	if b.file == nil {
		return nil
	}
	return b.flush()
}

// written returns the octets in the file.
func (b *Buffer) written() int64 {
	if b.file == nil {
		return 0
	}
	return b.size - int64(len(b.mem))
}

// grow makes room for n octets more in memory, if the quota has it.
func (b *Buffer) grow(n int) bool {
	if len(b.mem)+n <= cap(b.mem) {
		return true
	}
	before := cap(b.mem)
	size := max(len(b.mem)+n, min(2*before, int(b.spool.Memory)))
	if !b.spool.Quota.takeMemory(int64(size - before)) {
		return false
	}
	b.mem = append(make([]byte, 0, size), b.mem...)
	return true
}

// spill moves the content from memory to an unlinked file.
func (b *Buffer) spill() error {
	if !b.spool.Quota.takeDisk(b.size) {
		return ErrSpoolFull
	}
	f, err := openUnlinked(b.spool.Dir)
	if err != nil {
		b.spool.Quota.give(0, b.size)
		return fmt.Errorf("spooling a message: %w", err)
	}
	if _, err := writeAt(f, b.mem, 0); err != nil {
		f.Close()
		b.spool.Quota.give(0, b.size)
		return fmt.Errorf("spooling a message: %w", err)
	}
	b.spool.Quota.give(int64(cap(b.mem)), 0)
	b.file, b.mem = f, nil
	if n := min(b.spool.Memory, gather); b.spool.Quota.mayTakeMemory(n) {
		b.mem = make([]byte, 0, n)
	}
	return nil
}

// openUnlinked opens a new file in dir that has no name. Where the file system has no O_TMPFILE, it has one for a moment.
func openUnlinked(dir string) (*os.File, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	f, err := os.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE, 0o600)
	if err == nil {
		return f, nil
	}
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EISDIR) { // EISDIR: a kernel that does not know the flag
		return nil, err
	}
	if f, err = os.CreateTemp(dir, "mirrorgw-spool-*"); err != nil { // created 0600
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Arrived says that the content is whole, and what engines have been doing about it while it arrived: Scan takes their answers from
// there. Nothing is written from now on. e, which may be nil, stays the caller's to close, before the buffer.
func (b *Buffer) Arrived(e *Early) {
	b.early = e
	e.complete(b.size)
}

// Size returns the number of octets written so far.
func (b *Buffer) Size() int64 { return b.size }

// Reader returns a reader over what has been written so far. It is valid until Close; several may be in use at once.
func (b *Buffer) Reader() *io.SectionReader { return io.NewSectionReader(b, 0, b.size) }

// WriteTo implements io.WriterTo over what has been written, from the beginning each time. Unlike a copy from Reader it
// takes no buffer while the content is in memory.
//
// It also puts all of the content where Part.Region finds it: one goroutine calls it first, before others read. Nobody calls it
// while another call is under way.
func (b *Buffer) WriteTo(w io.Writer) (int64, error) {
	if b.file != nil {
		if err := b.flush(); err != nil {
			return 0, err
		}
		buf := b.mem[:cap(b.mem)] // nothing is gathered there any more
		if len(buf) == 0 {
			buf = make([]byte, gather)
		}
		return io.CopyBuffer(onlyWriter{w}, onlyReader{b.Reader()}, buf[:min(len(buf), block)])
	}
	n, err := w.Write(b.mem)
	return int64(n), err
}

// onlyWriter and onlyReader hide what else there is, so that a copy uses the buffer it is given.
type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)

// ReadAt implements io.ReaderAt over what has been written.
func (b *Buffer) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("scanner: negative offset")
	}
	if off >= b.size {
		return 0, io.EOF
	}
	written := b.written()
	if off < written {
		n, err = b.file.ReadAt(p[:min(int64(len(p)), written-off)], b.from+off)
		if err != nil {
			return n, err
		}
	}
	if n < len(p) {
		n += copy(p[n:], b.mem[off+int64(n)-written:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// region returns the content as memory or as a file; see Part.Region. Where the end of it cannot be written to the file, which
// WriteTo would have told, the file is closed: no engine shall find a part of a content clean.
func (b *Buffer) region() (mem []byte, file *Stretch) {
	if b.file == nil {
		return b.mem, nil
	}
	if b.flush() != nil {
		b.file.Close()
	}
	return nil, &Stretch{File: b.file, At: b.from}
}

// view returns what stands from at to end in b as a buffer that takes no room. It is not written to, and not read after b is closed. Errors:
// those of the file, see WriteTo.
func (b *Buffer) view(at, end int64) (*Buffer, error) {
	if b.file == nil {
		return &Buffer{mem: b.mem[at:end:end], lent: true, size: end - at}, nil
	}
	if err := b.flush(); err != nil {
		return nil, err
	}
	return &Buffer{file: b.file, from: b.from + at, lent: true, size: end - at}, nil
}

// Close gives memory and file back. The buffer is not usable afterwards. Calling it again does nothing.
func (b *Buffer) Close() error {
	f := b.file
	if !b.lent {
		b.spool.Quota.give(int64(cap(b.mem)), 0)
		if f != nil {
			b.spool.Quota.give(0, b.size)
		}
	}
	b.mem, b.file, b.size = nil, nil, 0
	if f == nil || b.lent {
		return nil
	}
	return f.Close()
}
