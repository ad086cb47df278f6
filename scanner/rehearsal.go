package scanner

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// When a mail is rehearsed: it has no verdict after so long and has no more octets than that, since what is small and grows without end
// is packed well; or engines have been asked about so many parts of it, and have taken so long.
const (
	rehearseAfter = 250 * time.Millisecond
	rehearseSize  = 1 << 20
	rehearseParts = 64
)

// rehearseShare is which part of the time a mail has its rehearsal may take. One that takes longer tells nothing.
const rehearseShare = 8

// rehearsal finds out, beside engines that are slow with a mail, whether the whole of it is within the limits: it takes the mail apart from its
// beginning without asking any of them, by the same rules and so up to the same point. Where that is a limit, the engines are called off, and
// the examination ends with what the rehearsal came across, as it would have done seconds or thousands of questions later. What they have
// found by then stays; what they would have found yet is not named.
//
// It costs what taking the mail apart costs once more. The zero value never starts.
type rehearsal struct {
	run   func() // nil: there is none
	once  sync.Once
	going sync.WaitGroup
	limit atomic.Pointer[examination] // the rehearsal, once it has met one
}

// start has the mail rehearsed, the first time it is called.
func (r *rehearsal) start() {
	if r.run != nil {
		r.once.Do(func() { r.going.Go(r.run) }) // ends with the examination's context; what rehearse returned waits
	}
}

// rehearse allows for a rehearsal of mail, and starts it when a small mail has no verdict for long. done must be called in the end.
func (x *examination) rehearse(mail *Buffer, sum [sha256.Size]byte) (done func()) {
	x.rehearsal.run = func() {
		if y := x.foresee(mail, sum); y != nil {
			x.rehearsal.limit.Store(y)
			x.cancel()
		}
	}
	late := func() bool { return false }
	if mail.Size() <= rehearseSize {
		late = time.AfterFunc(rehearseAfter, x.rehearsal.start).Stop
	}
	return func() {
		late()
		x.rehearsal.once.Do(func() {}) // it starts no more
		x.cancel()
		x.rehearsal.going.Wait()
	}
}

// foresee takes the mail apart without asking an engine. It returns nil unless that met a limit. Of x it reads only what stays as it is.
func (x *examination) foresee(mail *Buffer, sum [sha256.Size]byte) (met *examination) {
	defer func() {
		if p := recover(); p != nil { // who takes the mail apart in earnest meets with it as well
			x.scanner.log.Warn("panic in a rehearsal", "kind", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			met = nil
		}
	}()
	y := &examination{scanner: x.scanner.rehearser, parent: x.parent, seen: make(map[[sha256.Size]byte]string)}
	y.ctx, y.cancel = context.WithTimeout(x.ctx, x.scanner.limits.Time/rehearseShare)
	defer y.cancel()
	defer func() { y.scanner.memory.giveScratch(y.scratch) }()

	err := y.takeApart(NewPart("", "", "", mail), sum)
	if !errors.Is(err, ErrStopped) || y.stopped != CauseBudget || y.ctx.Err() != nil {
		return nil // what else may have gone wrong goes wrong again, or not
	}
	return y
}

// adopt stops the examination with what its rehearsal came across.
func (x *examination) adopt(y *examination) error {
	x.parts, x.expanded, x.deepest = y.parts, y.expanded, y.deepest
	for cause, detail := range y.causes {
		x.note(cause, detail)
	}
	return ErrStopped
}
