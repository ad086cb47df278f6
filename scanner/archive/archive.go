package archive

import (
	"context"
	"errors"
	"fmt"
	"io"

	"mirrorgw/scanner"
)

// Bounds that hold for one content. How much may be found in it, and how deep, is the scanner's to say.
const (
	maxWindow = 64 << 20 // octets of a decompressor's dictionary; beyond: budget
	maxName   = 1 << 10  // octets of a member's name that are looked at

	// What is read of a content, times its length and on top: containers that lead to the same octets again and again, and to nothing in
	// them, expand to nothing that the scanner could count. Beyond: budget.
	maxWork  = 64
	freeWork = 8 << 20
)

// errWindow is returned by decompressors that would need more than maxWindow.
var errWindow = errors.New("a dictionary that is too large")

// Opener is a scanner.Opener of archives and documents. The zero value is ready for use, by several at once.
type Opener struct{}

// Name implements scanner.Opener.
func (Opener) Name() string { return "archive" }

// Open implements scanner.Opener. It starts nothing.
func (Opener) Open(ctx context.Context, part *scanner.Part, out scanner.Contents) error {
	if part.Text {
		return nil
	}
	found, err := look(part)
	if err != nil {
		return err
	}
	for _, name := range found.crowded {
		out.Note(scanner.CauseBudget, fmt.Sprintf("%s: more than %d places where one may begin", name, maxSightings))
	}
	if len(found.sightings) == 0 {
		return nil
	}
	work := &meter{r: part.Reader(), left: maxWork*part.Size() + freeWork}
	o := &opening{ctx: ctx, content: work, size: part.Size(), found: found, out: out}
	for _, s := range found.sightings {
		if err := o.try(s); err != nil {
			return err
		}
		if work.left < 0 {
			out.Note(scanner.CauseBudget, s.format.name+": the same octets are read too often")
			return nil
		}
	}
	return nil
}

// meter reads a content until that has been too much.
type meter struct {
	r    io.ReaderAt
	left int64
}

func (m *meter) ReadAt(p []byte, at int64) (int, error) {
	if m.left -= int64(len(p)); m.left < 0 {
		return 0, errors.New("too much work")
	}
	return m.r.ReadAt(p, at)
}

// opening is one content being opened.
type opening struct {
	ctx     context.Context
	content *meter
	size    int64
	found   *found
	out     scanner.Contents
}

// try opens what was sighted. A library that panics over one format leaves the others their turn.
//
// Errors: scanner.ErrStopped; those of reading the content.
func (o *opening) try(s sighting) (err error) {
	defer func() {
		if p := recover(); p != nil { // what was thrown may quote the mail: only its type is told
			o.out.Note(scanner.CauseError, fmt.Sprintf("the %s reader failed (%T)", s.format.name, p))
			err = nil
		}
	}()
	if err := o.ctx.Err(); err != nil {
		return err
	}
	err = s.format.open(o, s.at)
	if o.content.left < 0 && !errors.Is(err, scanner.ErrStopped) {
		return nil // which the caller notes
	}
	if faulty, ok := errors.AsType[*faultError](err); ok {
		o.out.Note(faulty.cause, s.format.name+": "+faulty.detail)
		return nil
	}
	return err
}

// faultError ends the opening of one format: the content is at fault.
type faultError struct {
	cause  scanner.Cause
	detail string
}

func (e *faultError) Error() string { return e.detail }

// malformed says that something declares a structure which cannot be followed to its end.
func malformed(format string, args ...any) error {
	return &faultError{scanner.CauseMalformed, fmt.Sprintf(format, args...)}
}

// budget says that something needs more than is spent on it.
func budget(format string, args ...any) error {
	return &faultError{scanner.CauseBudget, fmt.Sprintf(format, args...)}
}

// encrypted notes that a member cannot be read without a key.
func (o *opening) encrypted(name string) {
	o.out.Note(scanner.CauseEncrypted, "encrypted: "+quote(name))
}

// quote returns a hostile name for a person to read.
func quote(name string) string { return fmt.Sprintf("%q", scanner.Printable(name, 80)) }

// section returns the octets from at to end, as far as there are any.
func (o *opening) section(at, end int64) *io.SectionReader {
	at = min(max(at, 0), o.size)
	end = min(max(end, at), o.size)
	return io.NewSectionReader(o.content, at, end-at)
}

// bytes returns n octets from at on, fewer at the end of the content.
//
// Errors: those of reading the content.
func (o *opening) bytes(at int64, n int) ([]byte, error) {
	s := o.section(at, at+int64(n))
	b := make([]byte, s.Size())
	if _, err := io.ReadFull(s, b); err != nil {
		return nil, fmt.Errorf("reading the part: %w", err)
	}
	return b, nil
}

// member hands out one content. Where it cannot be read to its end, that is noted, and is no error.
//
// Errors: scanner.ErrStopped; the scanner's own.
func (o *opening) member(name string, content io.Reader) error {
	fault, err := o.attempt(name, content)
	if err == nil && fault != nil {
		o.note(name, fault)
	}
	return err
}

// note records why a member could not be read to its end.
func (o *opening) note(name string, fault error) {
	cause := scanner.CauseMalformed
	if errors.Is(fault, errWindow) {
		cause = scanner.CauseBudget
	}
	o.out.Note(cause, fmt.Sprintf("%s cannot be read to its end: %v", quote(name), fault))
}

// attempt is member that leaves it to its caller to note a fault of the content.
func (o *opening) attempt(name string, content io.Reader) (fault, err error) {
	source := &source{r: content, self: o.content, size: o.size}
	err = o.out.Member(name[:min(len(name), maxName)], "", source)
	if source.same() {
		o.out.Note(scanner.CauseBudget, quote(name)+" is the archive itself, without end")
	}
	if source.failed != nil && errors.Is(err, source.failed) && !errors.Is(err, scanner.ErrStopped) {
		return source.failed, nil
	}
	return nil, err
}

// source reads one member. It lets go of its decompressor at the end, so that of nested archives only the innermost holds one, and
// watches whether the member is the archive it came from.
type source struct {
	r      io.Reader
	failed error // its own error, io.EOF excluded

	self    io.ReaderAt
	size    int64
	at      int64 // octets read
	differs bool
}

func (s *source) Read(p []byte) (int, error) {
	if s.r == nil {
		return 0, io.EOF
	}
	n, err := s.r.Read(p)
	if n > 0 && !s.differs {
		s.compare(p[:n])
	}
	s.at += int64(n)
	if err != nil {
		s.r = nil
		if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			s.failed = err
		}
	}
	return n, err
}

// compare looks whether p, read at s.at, stands there in the archive.
func (s *source) compare(p []byte) {
	var b [64]byte
	for at := s.at; len(p) > 0; {
		n := min(len(p), len(b))
		if m, _ := s.self.ReadAt(b[:n], at); m != n || string(b[:n]) != string(p[:n]) {
			s.differs = true
			return
		}
		p, at = p[n:], at+int64(n)
	}
}

// same says whether all of the archive was read.
func (s *source) same() bool { return !s.differs && s.at == s.size && s.size > 0 }
