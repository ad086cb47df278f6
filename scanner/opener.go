package scanner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strconv"
)

// Opener takes apart contents that hold others: archives, documents, encoded text. It goes by the content, never by what a
// part claims to be: mail clients differ in what they believe.
//
// Open borrows part and out until it returns, is safe for concurrent use, and ends soon after ctx does. A part of none of its
// kinds is no error: it hands out nothing. An error that is not out's own means that something of the part was left unopened.
type Opener interface {
	Name() string
	Open(ctx context.Context, part *Part, out Contents) error
}

// Contents takes what an Opener finds in one part. Every count and length is bounded behind it.
type Contents interface {
	// Member judges one content, and has it opened in its turn. It reads content to its end, borrowing it; name and mediaType
	// are what is claimed of it and may be empty. Where content fails, what came before is judged, and the error returned.
	//
	// Errors: ErrStopped, which Open returns as it is; content's own.
	Member(name, mediaType string, content io.Reader) error

	// Excerpt is Member for n octets of the part itself, from at on.
	Excerpt(at, n int64) error

	// Text is Member for the part itself, or a stretch of it, in another charset: what is shown of it, of which nobody makes a file. Name
	// and type are those of the part.
	Text(content io.Reader) error

	// Expect says that n octets will come, as a container states before it is unpacked, so that a bomb which admits to be one costs no
	// work. It reserves nothing.
	//
	// Errors: ErrStopped when that is more than may still be expanded.
	Expect(n int64) error

	// Note records what keeps the part from being clean, for example that a member is encrypted. detail is for a person.
	Note(cause Cause, detail string)
}

// ErrStopped is returned by Contents once nothing more is to be taken: a limit was met, or time is up. The reason has been
// recorded.
var ErrStopped = errors.New("scanner: examination stopped")

// scratchSize is the length of the buffer through which contents are read. It is free again before a content is opened in its turn.
const scratchSize = 16 << 10

// contents is the Contents of one part.
type contents struct {
	exam   *examination
	opener string
	part   *Part
	depth  int // containers around part
	taken  int
}

// Member implements Contents.
func (c *contents) Member(name, mediaType string, content io.Reader) error {
	var names nameSet
	names.addOne(name)
	return c.take(&Part{Name: Printable(name, maxName), Names: names, Type: mediaType}, content)
}

// Excerpt implements Contents.
func (c *contents) Excerpt(at, n int64) error {
	x := c.exam
	if err := x.reach(c.depth + 1); err != nil {
		return err
	}
	b, err := x.view(c.part.content, at, at+n)
	if err != nil {
		return x.spoolError(err)
	}
	defer b.Close()
	x.expanded += n
	return c.judge(&Part{Verbatim: true}, b)
}

// Text implements Contents.
func (c *contents) Text(content io.Reader) error {
	return c.take(&Part{Name: c.part.Name, Type: c.part.Type, Text: true}, content)
}

// take reads content, and has it judged and opened as part.
func (c *contents) take(part *Part, content io.Reader) error {
	x := c.exam
	if err := x.reach(c.depth + 1); err != nil {
		return err
	}
	b := x.newBuffer()
	defer b.Close()
	source := &timedReader{exam: x, r: content}
	if x.scratch == nil {
		x.scratch = x.scanner.memory.takeScratch()
	}
	_, err := io.CopyBuffer(b, source, x.scratch[:])
	x.expanded += b.Size()
	switch {
	case err == nil, source.failed != nil && err == source.failed: //nolint:errorlint // content's own error, not the buffer's
	default:
		return x.spoolError(err)
	}
	if jerr := c.judge(part, b); jerr != nil {
		return jerr
	}
	return err
}

// judge has b judged and opened as part, unless the same octets have been. Errors: ErrStopped.
func (c *contents) judge(part *Part, b *Buffer) error {
	x := c.exam
	sum, err := x.digest(b, nowhere())
	if err != nil {
		return x.stop(CauseError, err.Error())
	}
	if first, known := x.seen[sum]; known { // another reading of the same octets is no part more
		part.Path, part.content = first, b
		if err := x.settled(first); err != nil {
			return err
		}
		if len(part.Names) > 0 {
			if x.trace != nil {
				x.trace.reading(c, part, sum)
			}
			return x.askNames(part)
		}
		return nil
	}
	if err := x.enter(c.depth + 1); err != nil {
		return err
	}
	c.taken++
	part.Path, part.content, part.finder = c.part.Path+"/"+strconv.Itoa(c.taken), b, c.opener
	return x.judgeContent(part, sum, c.depth+1)
}

// Expect implements Contents.
func (c *contents) Expect(n int64) error {
	if x := c.exam; n > x.scanner.limits.Expanded-x.expanded {
		return x.spoolError(ErrTooLarge)
	}
	return nil
}

// Note implements Contents.
func (c *contents) Note(cause Cause, detail string) {
	c.exam.note(cause, detail+" ("+describe(c.part)+")")
}

// timedReader reads content as long as there is time.
type timedReader struct {
	exam   *examination
	r      io.Reader
	failed error // content's own
}

func (t *timedReader) Read(p []byte) (int, error) {
	if err := t.exam.inTime(); err != nil {
		return 0, err
	}
	n, err := t.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		t.failed = err
	}
	return n, err
}

// open has every opener take part apart. Errors: ErrStopped.
func (x *examination) open(part *Part, depth int) error {
	c := contents{exam: x, part: part, depth: depth}
	for _, opener := range x.scanner.openers {
		c.opener, c.taken = opener.Name(), 0
		err := x.openWith(opener, &c)
		switch {
		case err == nil:
		case errors.Is(err, ErrStopped):
			return ErrStopped
		default:
			x.scanner.log.Warn("opener failed", "opener", opener.Name(), "part", part.Path, "size", part.Size(), "error", err)
			x.note(CauseError, fmt.Sprintf("%s failed on %s: %v", opener.Name(), describe(part), err))
		}
		if err := x.inTime(); err != nil {
			return err
		}
	}
	return nil
}

// openWith calls one opener. A panic, which a library that reads hostile octets may have in it, is its error.
func (x *examination) openWith(opener Opener, c *contents) (err error) {
	defer func() {
		if p := recover(); p != nil {
			// What was thrown may quote the mail: only its type is told.
			x.scanner.log.Warn("panic in an opener", "opener", opener.Name(), "kind", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			err = errors.New("panic")
		}
	}()
	return opener.Open(x.ctx, c.part, c)
}

// describe names a part for a person.
func describe(part *Part) string {
	if part.Path == "" {
		return "the whole mail"
	}
	return "part " + part.Path
}
