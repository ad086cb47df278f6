package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
)

// errand is the questions of one caller on their way to a worker, in one message. It is its caller's, but while it is in Pool.waiting,
// and then, if another errand takes it along, that one's until turn is told.
type errand struct {
	questions []Question
	file      *os.File // goes with the only question; nil: none
	size      int      // of the requests together, in octets
	alone     bool     // goes with no other errand

	turn    chan struct{} // has one when there is a worker, an exchange is over, or there will be none
	slot    *slot         // of process
	process *Process      // to have an exchange with; nil: another errand has had it
	err     error         // there is no worker, and why

	company  []*errand // what goes in the message of this errand, which comes first itself
	several  bool      // there was more than one question in the message
	answered int       // so many of the questions, the first ones, have accepted their answers
	failed   error     // why the exchange came to nothing
}

// newErrand returns an errand without questions.
func (p *Pool) newErrand() *errand {
	if e, ok := p.errands.Get().(*errand); ok {
		return e
	}
	return &errand{turn: make(chan struct{}, 1)}
}

// release ends what newErrand began.
func (p *Pool) release(e *errand) {
	clear(e.company[:cap(e.company)])
	*e = errand{turn: e.turn, company: e.company[:0]}
	p.errands.Put(e)
}

// load has e ask questions. Errors: they do not go in one message.
func (e *errand) load(questions []Question) error {
	e.questions = questions
	for _, q := range questions {
		request, file := q.Request()
		if len(request) == 0 {
			return errors.New("a question of no octets")
		}
		e.size += len(request)
		if file != nil {
			e.file, e.alone = file, true
		}
	}
	if n := len(questions); n == 0 || n > MaxTogether || n > 1 && e.alone || e.size > MaxRequest {
		return fmt.Errorf("%d questions, of %d octets, do not go in one message", n, e.size)
	}
	return nil
}

// run has e be part of an exchange, and waits for a worker while all are asked. e says what became of it.
//
// Errors: those of ctx, wrapped; why workers cannot be started, when there is none.
func (p *Pool) run(ctx context.Context, e *errand) error {
	for {
		if err := p.take(ctx, e); err != nil {
			return err
		}
		if e.process != nil {
			p.lead(ctx, e)
		}
		if !errors.Is(e.failed, errUnread) {
			return nil
		}
	}
}

// take waits until e has a worker, for which giveBack must follow, or has been taken along. Errors: as those of run.
func (p *Pool) take(ctx context.Context, e *errand) error {
	e.process, e.err, e.several, e.answered, e.failed = nil, nil, false, 0, nil
	p.mu.Lock()
	if err := p.faultLocked(); err != nil {
		p.mu.Unlock()
		return err
	}
	p.waiting = append(p.waiting, e)
	p.offerLocked()
	p.mu.Unlock()
	select {
	case <-e.turn: // nearly always: without a look at ctx, which would make a channel of it
		return e.err
	default:
	}
	select {
	case <-e.turn:
	case <-ctx.Done():
		if p.leave(e) {
			return fmt.Errorf("waiting for a worker: %w", ctx.Err())
		}
		<-e.turn // it has been told, or the exchange is under way
	}
	return e.err
}

// leave takes e off the queue, if it is there.
func (p *Pool) leave(e *errand) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.Index(p.waiting, e)
	if at >= 0 {
		p.waiting = slices.Delete(p.waiting, at, at+1)
	}
	return at >= 0
}

// offerLocked gives workers that nobody asks to those who wait longest. p.mu is held.
func (p *Pool) offerLocked() {
	for _, s := range p.slots {
		if len(p.waiting) == 0 {
			return
		}
		if s.process == nil || s.held {
			continue
		}
		e := p.waiting[0]
		p.waiting = slices.Delete(p.waiting, 0, 1)
		s.held = true
		e.slot, e.process = s, s.process
		e.turn <- struct{}{} // has room: it is told once for each time in the queue
	}
}

// sendAwayLocked tells those who wait that there is no worker. p.mu is held.
func (p *Pool) sendAwayLocked(why error) {
	for _, e := range p.waiting {
		e.err = why
		e.turn <- struct{}{} // has room, see offerLocked
	}
	p.waiting = nil
}

// gather takes along what else waits and fits, those who wait longest first. An errand that does not fit keeps its place in the queue.
func (p *Pool) gather(e *errand) {
	e.company = append(e.company[:0], e)
	count, size := len(e.questions), e.size
	if !e.alone {
		p.mu.Lock()
		p.waiting = slices.DeleteFunc(p.waiting, func(other *errand) bool {
			if other.alone || count+len(other.questions) > MaxTogether || size+other.size > MaxRequest {
				return false
			}
			count, size = count+len(other.questions), size+other.size
			e.company = append(e.company, other)
			return true
		})
		p.mu.Unlock()
	}
	for _, one := range e.company {
		one.several = count > 1
	}
}

// lead has an exchange with the worker of e about e and what it takes along.
func (p *Pool) lead(ctx context.Context, e *errand) {
	p.gather(e)
	failed := errNoAnswer // unless it is had to its end: Accept reads what may be hostile
	defer func() {
		p.giveBack(e.slot, e.process, failed == nil)
		for _, one := range e.company {
			one.failed = failed
		}
		for _, other := range e.company[1:] {
			other.turn <- struct{}{} // has room, see offerLocked
		}
	}()
	failed = e.exchange(ctx)
	p.tally.exchange(failed)
}

// exchange asks the worker of e.
//
// Errors: errUnread, errEnded; errLate; errNoAnswer and those of Question.Accept; those of the socket.
func (e *errand) exchange(ctx context.Context) error {
	e.process.begin()
	for _, one := range e.company {
		for _, q := range one.questions {
			request, _ := q.Request()
			e.process.add(request)
		}
	}
	if err := e.process.send(e.file); err != nil {
		return err
	}
	var answers []byte
	var err error
	if e.several {
		answers, err = e.process.awaitSeveral()
	} else {
		answers, err = e.process.await(ctx)
	}
	if err != nil {
		return err
	}
	for _, one := range e.company {
		if answers, err = one.accept(answers); err != nil {
			return err
		}
	}
	if len(answers) > 0 {
		return errNoAnswer
	}
	return nil
}

// accept hands the first of answers to the questions of e, as far as they go, and returns the others.
func (e *errand) accept(answers []byte) (rest []byte, err error) {
	for _, q := range e.questions {
		if len(answers) == 0 {
			break
		}
		answer, rest, ok := cutOne(answers)
		if !ok {
			return nil, errNoAnswer
		}
		if err := q.Accept(answer); err != nil {
			return nil, err
		}
		answers = rest
		e.answered++
	}
	return answers, nil
}
