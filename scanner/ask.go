package scanner

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
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
	Said
	asked bool // it was asked, or is to be
	took  time.Duration
}

// question is a part and what the engines say of it.
type question struct {
	part    *Part
	place   int      // of the part in the trace
	answers []answer // per engine
}

// pose has q ask about part: all engines but those that have failed too often, and of those that were shown it while it arrived none before
// the end and no other then.
func (x *examination) pose(q *question, part *Part) {
	if q.answers == nil {
		q.answers = make([]answer, len(x.scanner.engines))
	}
	q.part = part
	if x.trace != nil {
		q.place = x.trace.current
	}
	for i, engine := range x.scanner.engines {
		q.answers[i] = answer{asked: x.failures[i] < maxFailures && part.content.early.shown(engine) == x.shown}
	}
}

// ask asks the engines about a part, together with the whole mail if that is still to be asked about (whole.go), and notes what they
// say in the order of the engines, so that a verdict does not depend on which was faster. A finding does not call the others off: they may name it
// better. Errors: ErrStopped when time is up.
func (x *examination) ask(part *Part) error {
	if len(x.scanner.engines) == 0 { // a rehearsal
		return nil
	}
	x.pose(&x.asked, part)
	questions, withWhole := x.together[:0], x.whole.state == wholeHeld
	if withWhole {
		questions = append(questions, &x.whole.question)
	}
	x.askEngines(append(questions, &x.asked))
	var stopped error
	if withWhole {
		stopped = x.noteWhole()
	}
	if err := x.noteAnswers(&x.asked); err != nil {
		stopped = err
	}
	return stopped
}

// askShown asks the engines that have been shown the mail while it arrived. Their answers are waited for last: what they still have to
// do about the whole mail they do beside what is done about its parts.
func (x *examination) askShown(whole *Part) {
	if !whole.content.early.shownAny() {
		return
	}
	x.shown = true
	q := &x.whole.question
	x.pose(q, whole)
	q.place = 0
	for i := range q.answers {
		if q.answers[i].asked {
			x.askOne(i, q)
		}
	}
	_ = x.noteAnswers(q) // whether time is up: nothing follows
}

// noteAnswers notes the answers to q, in the order of the engines. Errors: ErrStopped when time is up.
func (x *examination) noteAnswers(q *question) error {
	if x.trace != nil {
		for i := range q.answers {
			x.trace.answer(x, q, i)
		}
	}
	var slowest time.Duration
	for i := range q.answers {
		slowest = max(slowest, q.answers[i].took)
		for _, f := range q.answers[i].Findings {
			x.find(f)
		}
	}
	x.waited += slowest
	var stopped error
	for i := range q.answers {
		if err := x.engineSaid(i, q); err != nil {
			stopped = err
		}
	}
	return stopped
}

// askEngines has every engine asked questions, each but the first in a goroutine of its own.
func (x *examination) askEngines(questions []*question) {
	if len(x.scanner.engines) > 1 {
		x.askSeveralEngines(questions) // apart, since it allocates
		return
	}
	x.askEngine(0, questions)
}

func (x *examination) askSeveralEngines(questions []*question) {
	var others sync.WaitGroup
	for i := 1; i < len(x.scanner.engines); i++ {
		others.Go(func() { x.askEngine(i, questions) }) // ends with the engine's calls, which are waited for below
	}
	x.askEngine(0, questions)
	others.Wait()
}

// askEngine asks engine i those of questions that are for it, and writes to its answers only.
func (x *examination) askEngine(i int, questions []*question) {
	if len(questions) > 1 {
		x.askTogether(i, questions)
		return
	}
	if questions[0].answers[i].asked {
		x.askOne(i, questions[0])
	}
}

// askTogether asks engine i several questions: in one call if it takes them so, else one after the other.
func (x *examination) askTogether(i int, questions []*question) {
	var parts []*Part
	for _, q := range questions {
		if q.answers[i].asked {
			parts = append(parts, q.part)
		}
	}
	engine, ok := x.scanner.engines[i].(SeveralEngine)
	if !ok || len(parts) < 2 {
		for j, q := range questions {
			if j > 0 && x.ctx.Err() != nil { // the first took all the time there is: that is what is to be told
				q.answers[i].asked = false
			}
			x.askEngine(i, questions[j:j+1])
		}
		return
	}
	asked := time.Now()
	said := x.scanAll(engine, parts)
	took := time.Since(asked)
	for j, q := range questions { // all of them: their parts are as many
		q.answers[i].Said, q.answers[i].took = said[j], took
		x.scanner.took(engine.Name(), took)
	}
}

// scanAll has an engine judge parts.
func (x *examination) scanAll(engine SeveralEngine, parts []*Part) (said []Said) {
	defer func() {
		if p := recover(); p != nil {
			said = slices.Repeat([]Said{{Err: x.panicked(engine, p)}}, len(parts))
		}
	}()
	return engine.ScanAll(x.ctx, parts)
}

// askOne asks engine i one question.
func (x *examination) askOne(i int, q *question) {
	a, engine := &q.answers[i], x.scanner.engines[i]
	asked := time.Now()
	defer func() {
		if p := recover(); p != nil {
			a.Said = Said{Err: x.panicked(engine, p)}
		}
		a.took = time.Since(asked)
		x.scanner.took(engine.Name(), a.took)
	}()
	var given bool
	if a.Findings, given, a.Err = q.part.content.early.answer(x.ctx, engine); !given {
		a.Findings, a.Err = engine.Scan(x.ctx, q.part)
	}
}

// panicked makes the engine's error of a panic, which a library may have in it.
func (x *examination) panicked(engine Engine, p any) error {
	// What was thrown may quote the mail: only its type is told.
	x.scanner.log.Warn("panic in an engine", "engine", engine.Name(), "kind", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
	return errors.New("panic")
}

// engineSaid records an engine's error. When the time of the mail ran out under the engine's hands, the mail is to blame
// (budget) unless this one call took half of it or more: then the engine hangs (error). Errors: ErrStopped when time is up.
func (x *examination) engineSaid(i int, q *question) error {
	a, part := &q.answers[i], q.part
	if a.Err == nil {
		return nil
	}
	name := x.scanner.engines[i].Name()
	if o, ok := errors.AsType[*Obstacle](a.Err); ok {
		x.note(o.Cause, fmt.Sprintf("%s: %s (%s)", name, o.Detail, describe(part)))
		return nil
	}
	if x.parent.Err() == nil && x.rehearsal.limit.Load() != nil {
		return x.inTime()
	}
	outOfTime := x.parent.Err() == nil && x.ctx.Err() != nil
	if outOfTime && a.took < x.scanner.limits.Time/2 {
		return x.inTime()
	}
	x.failures[i]++
	x.scanner.log.Warn("engine failed", "engine", name, "part", part.Path, "size", part.Size(), "took", a.took, "error", a.Err)
	x.note(CauseError, fmt.Sprintf("engine %s failed on %s: %v", name, describe(part), a.Err))
	if outOfTime || x.parent.Err() != nil {
		return ErrStopped
	}
	return nil
}
