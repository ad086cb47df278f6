package scanner

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"
)

// When a mail is rehearsed: engines have been asked about so many parts of it, and have taken so long.
const (
	rehearseParts = 64
	rehearseAfter = 250 * time.Millisecond
)

// rehearseShare is which part of the time a mail has its rehearsal may take. One that takes longer tells nothing, and the rest of the
// time is left to the engines.
const rehearseShare = 8

// rehearse finds out, once engines turn out to be slow with a mail of many parts, whether the whole of it is within the limits: it
// takes the mail apart from its beginning without asking any of them, by the same rules and so up to the same point. Where that is a
// limit, the examination stops here with what the rehearsal came across, as it would have done thousands of questions later. What the
// engines have found stays.
//
// It costs what taking the mail apart costs once more, in the mail's own time. Errors: ErrStopped.
func (x *examination) rehearse() error {
	if x.rehearsed || x.scanner.rehearser == nil || x.parts <= rehearseParts || x.waited < rehearseAfter {
		return nil
	}
	x.rehearsed = true
	y := &examination{scanner: x.scanner.rehearser, parent: x.parent, seen: make(map[[sha256.Size]byte]string)}
	var cancel context.CancelFunc
	y.ctx, cancel = context.WithTimeout(x.ctx, x.scanner.limits.Time/rehearseShare)
	defer cancel()
	defer func() { y.scanner.memory.giveScratch(y.scratch) }()

	err := y.takeApart(NewPart("", "", "", x.whole.part.content), x.sum)
	if !errors.Is(err, ErrStopped) || y.stopped != CauseBudget || y.ctx.Err() != nil {
		return x.inTime() // what else may have gone wrong goes wrong again, or not
	}
	if x.trace != nil {
		x.trace.told.LeftOut += y.parts - x.parts
	}
	x.parts, x.expanded, x.deepest = y.parts, y.expanded, y.deepest
	for cause, detail := range y.causes {
		x.note(cause, detail)
	}
	return ErrStopped
}
