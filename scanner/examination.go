package scanner

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

const (
	maxFindings = 64   // findings named in one verdict; more tell nobody anything
	maxFailures = 3    // errors of one engine within one mail after which it is not asked about that mail again
	tickEvery   = 4096 // pieces of text between two looks at the clock
)

// examination is the state of one Scan: what was found, what went wrong, and what has been spent.
type examination struct {
	scanner *Scanner
	parent  context.Context // the caller's
	ctx     context.Context // parent, ending when Limits.Time is spent, and with cancel
	cancel  context.CancelFunc
	started time.Time

	findings []Finding
	causes   map[Cause]string             // with the detail of the first time each was noted
	seen     map[[sha256.Size]byte]string // contents, with the path of the part that had each first
	sizes    map[int64]sized              // of contents
	failures []int                        // per engine
	asked    question                     // about the part at hand
	together [2]*question                 // what is asked together: that, and what is first
	whole    wholeMail
	shown    bool // what is still to be asked are the engines that were shown the mail while it arrived
	parts    int
	expanded int64
	ticks    int
	scratch  *[scratchSize]byte // nil until it is needed
	leaves   []Leaf
	deepest  int    // containers around a part
	trace    *trace // nil: nobody wants to know

	sum       [sha256.Size]byte // of the whole mail
	waited    time.Duration     // for the engines' answers
	rehearsal rehearsal
	stopped   Cause // why the examination did not go on, the first time; CauseNone: it did
}

// note records that something keeps the mail from being clean.
func (x *examination) note(c Cause, detail string) {
	if x.causes == nil {
		x.causes = make(map[Cause]string)
	}
	if _, known := x.causes[c]; !known {
		x.causes[c] = detail
	}
}

// stop records why the examination cannot go on, and returns ErrStopped.
func (x *examination) stop(c Cause, detail string) error {
	x.note(c, detail)
	if x.stopped == CauseNone {
		x.stopped = c
	}
	return ErrStopped
}

// takeApart has the whole mail judged, walked and opened. Errors: ErrStopped; those of reading it back.
func (x *examination) takeApart(whole *Part, sum [sha256.Size]byte) error {
	x.whole.part, x.sum = whole, sum
	x.sizes = map[int64]sized{whole.Size(): {}}
	if err := x.judgeContent(whole, sum, 0); err != nil {
		return err
	}
	if err := walkMessage(x, whole.content, "", 0, 0); err != nil {
		return err
	}
	opened := *whole // the engines may be at work on the other
	opened.leaves = x.leaves
	return x.open(&opened, 0)
}

// enter counts one more part, inside depth containers. Errors: ErrStopped when that is one too many, or time is up.
func (x *examination) enter(depth int) error {
	limits := x.scanner.limits
	if x.parts++; x.parts > limits.Parts {
		return x.stop(CauseBudget, fmt.Sprintf("the mail has more than %d parts", limits.Parts))
	}
	return x.reach(depth)
}

// reach says whether anything inside depth containers is looked at. Errors: ErrStopped when not, or time is up.
func (x *examination) reach(depth int) error {
	x.deepest = max(x.deepest, depth)
	if limit := x.scanner.limits.Depth; depth > limit {
		return x.stop(CauseBudget, fmt.Sprintf("the mail is nested more than %d deep", limit))
	}
	return x.inTime()
}

// tick is called for every piece of text. Errors: ErrStopped when time is up.
func (x *examination) tick() error {
	if x.ticks++; x.ticks%tickEvery != 0 {
		return nil
	}
	return x.inTime()
}

// inTime returns ErrStopped once the caller has gone or the time is spent.
func (x *examination) inTime() error {
	switch {
	case x.parent.Err() != nil:
		return x.stop(CauseError, "the examination was called off")
	case x.rehearsal.limit.Load() != nil:
		return x.adopt(x.rehearsal.limit.Load())
	case x.ctx.Err() != nil:
		return x.stop(CauseBudget, fmt.Sprintf("the examination took more than %v", x.scanner.limits.Time))
	default:
		return nil
	}
}

// newBuffer returns a buffer for one decoded part that takes no more than what is left of the expansion limit.
func (x *examination) newBuffer() *Buffer {
	spool := x.scanner.spool
	spool.Max = x.scanner.limits.Expanded - x.expanded
	return &Buffer{spool: spool}
}

// view is newBuffer for what stands from at to end in content. It takes no room, but for a content that stands in a file and fits into memory,
// from which it is faster read again and again. Errors: ErrTooLarge; those of the file.
func (x *examination) view(content *Buffer, at, end int64) (*Buffer, error) {
	size := end - at
	if size > x.scanner.limits.Expanded-x.expanded {
		return nil, ErrTooLarge
	}
	if content.file == nil || size > x.scanner.spool.Memory {
		return content.view(at, end)
	}
	b := x.newBuffer()
	if !b.grow(int(size)) {
		return content.view(at, end)
	}
	b.mem, b.size = b.mem[:size], size
	if n, err := content.ReadAt(b.mem, at); n < len(b.mem) {
		b.Close()
		return nil, fmt.Errorf("reading back a spooled message: %w", err)
	}
	return b, nil
}

// spoolError records why a part could not be held. It returns ErrStopped, also for ErrStopped.
func (x *examination) spoolError(err error) error {
	switch {
	case errors.Is(err, ErrStopped):
		return err
	case errors.Is(err, ErrTooLarge):
		return x.stop(CauseBudget, fmt.Sprintf("the mail expands to more than %d octets", x.scanner.limits.Expanded))
	default:
		return x.stop(CauseError, err.Error())
	}
}

// judge asks the engines about a part inside depth containers and has it taken apart. Of a content that has been seen before the
// findings are known, but for those that go by its names (again.go). from is where it stands in the whole mail, see digest. Errors:
// ErrStopped when time is up.
func (x *examination) judge(part *Part, depth int, from Leaf) error {
	sum, err := x.digest(part.content, from)
	if err != nil {
		return x.stop(CauseError, err.Error())
	}
	return x.judgeContent(part, sum, depth)
}

// judgeContent is judge for a content whose digest is known.
func (x *examination) judgeContent(part *Part, sum [sha256.Size]byte, depth int) error {
	first, known := x.seen[sum]
	if x.trace != nil {
		x.trace.part(part, sum, depth, first, known)
	}
	if known {
		return x.again(part, first)
	}
	if !part.Text { // which is not opened like another content of the same octets
		x.seen[sum] = part.Path
	}
	if err := x.inTime(); err != nil {
		return err
	}
	if part.Path == "" { // opened after the walk, which tells the openers what it has decoded
		x.askWhole(part)
		return nil
	}
	if x.parts > rehearseParts && x.waited >= rehearseAfter {
		x.rehearsal.start()
	}
	if err := x.ask(part); err != nil {
		return err
	}
	if err := x.inTime(); err != nil {
		return err
	}
	return x.open(part, depth)
}

// conclude writes what was learnt into v.
func (x *examination) conclude(v *Verdict) {
	if len(x.findings) > 0 {
		x.note(CauseInfected, "")
		v.Findings = x.findings
	}
	for _, c := range causeOrder() {
		detail, holds := x.causes[c]
		switch {
		case !holds:
		case v.Cause == CauseNone:
			v.Cause, v.Detail = c, detail
		default:
			v.Also = append(v.Also, c)
		}
	}
	switch v.Cause {
	case CauseInfected:
		v.Class = Infected
	case CauseNone:
		v.Class = Clean
	default:
		v.Class = Unscannable
	}
}
