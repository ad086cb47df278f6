package scanner

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// Obstacle is the error of an engine that looked at a part and could not see all of it for a reason that lies in the part: the
// answer will be the same the next time. Unlike any other error it is no failure of the engine.
type Obstacle struct {
	Cause  Cause  // what keeps the part from being clean; never CauseNone or CauseInfected
	Detail string // for a person
}

func (o *Obstacle) Error() string { return o.Detail }

// answer is what one engine said of one part.
type answer struct {
	findings Findings
	err      error
	took     time.Duration
	asked    bool
}

// ask asks the engines about a part, all at once, and notes what they say in the order of the engines, so that a verdict does not
// depend on which was faster. A finding does not call the others off: they may name it better. Errors: ErrStopped when time is up.
func (x *examination) ask(part *Part) error {
	if x.answers == nil {
		x.answers = make([]answer, len(x.scanner.engines))
	}
	switch len(x.answers) {
	case 0: // a rehearsal
		return nil
	case 1:
		x.askOne(0, part)
	default:
		x.askAll(part)
	}
	return x.noteAnswers(part)
}

// askShown asks the engines that have been shown the mail while it arrived. Their answers are waited for last: what they still have to
// do about the whole mail they do beside what is done about its parts.
func (x *examination) askShown(whole *Part) {
	if x.answers == nil || !whole.content.early.shownAny() {
		return
	}
	x.shown = true
	for i, engine := range x.scanner.engines {
		x.answers[i] = answer{}
		if whole.content.early.shown(engine) {
			x.askOne(i, whole)
		}
	}
	_ = x.noteAnswers(whole) // whether time is up: nothing follows
}

// noteAnswers notes the answers about a part, in the order of the engines. Errors: ErrStopped when time is up.
func (x *examination) noteAnswers(part *Part) error {
	if x.trace != nil {
		for i := range x.answers {
			x.trace.answer(x, part, i)
		}
	}
	var slowest time.Duration
	for i := range x.answers {
		slowest = max(slowest, x.answers[i].took)
		for _, f := range x.answers[i].findings {
			x.find(f)
		}
	}
	x.waited += slowest
	var stopped error
	for i := range x.answers {
		if err := x.engineSaid(i, part, &x.answers[i]); err != nil {
			stopped = err
		}
	}
	return stopped
}

// askAll has every engine but the first asked in a goroutine of its own.
func (x *examination) askAll(part *Part) {
	var others sync.WaitGroup
	for i := 1; i < len(x.answers); i++ {
		others.Go(func() { x.askOne(i, part) }) // ends with the engine's call, which is waited for below
	}
	x.askOne(0, part)
	others.Wait()
}

// askOne asks engine i, unless it has failed too often, and writes to its answer only. A panic, which a library may have in it, is
// the engine's error.
func (x *examination) askOne(i int, part *Part) {
	a, engine := &x.answers[i], x.scanner.engines[i]
	*a = answer{}
	early := part.content.early
	if x.failures[i] >= maxFailures || early.shown(engine) && !x.shown {
		return
	}
	a.asked = true
	asked := time.Now()
	defer func() {
		if p := recover(); p != nil {
			// What was thrown may quote the mail: only its type is told.
			x.scanner.log.Warn("panic in an engine", "engine", engine.Name(), "kind", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			a.findings, a.err = nil, errors.New("panic")
		}
		a.took = time.Since(asked)
		x.scanner.took(engine.Name(), a.took)
	}()
	var given bool
	if a.findings, given, a.err = early.answer(x.ctx, engine); !given {
		a.findings, a.err = engine.Scan(x.ctx, part)
	}
}

// engineSaid records an engine's error. When the time of the mail ran out under the engine's hands, the mail is to blame
// (budget) unless this one call took half of it or more: then the engine hangs (error). Errors: ErrStopped when time is up.
func (x *examination) engineSaid(i int, part *Part, a *answer) error {
	if a.err == nil {
		return nil
	}
	name := x.scanner.engines[i].Name()
	if o, ok := errors.AsType[*Obstacle](a.err); ok {
		x.note(o.Cause, fmt.Sprintf("%s: %s (%s)", name, o.Detail, describe(part)))
		return nil
	}
	outOfTime := x.parent.Err() == nil && x.ctx.Err() != nil
	if outOfTime && a.took < x.scanner.limits.Time/2 {
		return x.inTime()
	}
	x.failures[i]++
	x.scanner.log.Warn("engine failed", "engine", name, "part", part.Path, "size", part.Size(), "took", a.took, "error", a.err)
	x.note(CauseError, fmt.Sprintf("engine %s failed on %s: %v", name, describe(part), a.err))
	if outOfTime || x.parent.Err() != nil {
		return ErrStopped
	}
	return nil
}
