package main

import (
	"context"
	"iter"
	"runtime"
	"sync"

	"mirrorgw/scanner"
)

// pace says how many mails are judged at once, and how many results are kept back at most because an earlier mail takes longer.
type pace struct{ atOnce, ahead int }

// fullPace is that of a scan for verdicts alone.
func fullPace() pace { return pace{atOnce: runtime.GOMAXPROCS(0), ahead: 1024} }

// judgement is what became of one letter.
type judgement struct {
	path    string
	verdict scanner.Verdict
	told    *scanner.Explanation // nil unless it was asked for
	err     error                // why there is no verdict
	leftOut int                  // see letter
}

// judging is a scan under way: one goroutine finds letters, others judge them, and results puts
// what they answer in order again.
//
//	find ── job ──► work  (several)
//	   └─── answer channel, in order ──► results
//
// All of them end when the letters do. When ctx ends they end too, but each only after what it waits for: a read of standard
// input cannot be called off.
type judging struct {
	scan    scan
	spool   scanner.Spool
	jobs    chan job
	order   chan (<-chan judgement)
	working sync.WaitGroup
}

// job is a letter with the place for the answer.
type job struct {
	letter letter
	answer chan<- judgement // takes one without a reader; closed when there is none
}

// scan judges one mail. What it tells beside the verdict may be nil.
type scan func(ctx context.Context, mail *scanner.Buffer, complete bool) (scanner.Verdict, *scanner.Explanation)

// plainScan is the scan that tells nothing.
func plainScan(sc *scanner.Scanner) scan {
	return func(ctx context.Context, mail *scanner.Buffer, complete bool) (scanner.Verdict, *scanner.Explanation) {
		return sc.Scan(ctx, mail, complete), nil
	}
}

func startJudging(ctx context.Context, scan scan, at pace, spool scanner.Spool, f finder) *judging {
	j := &judging{scan: scan, spool: spool, jobs: make(chan job), order: make(chan (<-chan judgement), at.ahead)}
	j.working.Go(func() { // ends with the letters or ctx
		defer close(j.order)
		defer close(j.jobs)
		f.find(ctx, func(l letter) bool { return j.enqueue(ctx, l) })
	})
	for range at.atOnce {
		j.working.Go(func() { // ends with the jobs
			for job := range j.jobs {
				j.judge(ctx, job)
			}
		})
	}
	return j
}

// wait returns when all goroutines have ended.
func (j *judging) wait() { j.working.Wait() }

// enqueue takes a letter over. It returns false when ctx has ended.
func (j *judging) enqueue(ctx context.Context, l letter) bool {
	answer := make(chan judgement, 1)
	select {
	case j.order <- answer:
	case <-ctx.Done():
		l.close()
		return false
	}
	if l.err != nil || l.leftOut > 0 {
		if ctx.Err() == nil { // else the error may be that of ctx
			answer <- judgement{path: l.path, err: l.err, leftOut: l.leftOut}
		}
		close(answer)
		return true
	}
	select {
	case j.jobs <- job{l, answer}:
		return true
	case <-ctx.Done():
		l.close()
		close(answer)
		return false
	}
}

// judge answers one job, unless ctx ends meanwhile: a mail whose examination was called off was not judged.
func (j *judging) judge(ctx context.Context, job job) {
	l := job.letter
	defer close(job.answer)
	defer l.close()
	made := judgement{path: l.path}
	if made.err = l.hold(ctx, j.spool); made.err == nil {
		made.verdict, made.told = j.scan(ctx, l.mail, l.complete)
	}
	if ctx.Err() == nil {
		job.answer <- made
	}
}

// results returns the judgements in the order of the letters. When ctx ends it returns those that are there already.
func (j *judging) results(ctx context.Context) iter.Seq[judgement] {
	return func(yield func(judgement) bool) {
		for {
			answer, ok := receive(ctx, j.order)
			if !ok {
				return
			}
			if made, ok := receive(ctx, answer); ok && !yield(made) {
				return
			}
		}
	}
}

// receive returns the next value of ch, waiting for it until ctx ends. ok is false when there is none.
func receive[T any](ctx context.Context, ch <-chan T) (v T, ok bool) {
	select {
	case v, ok = <-ch:
	case <-ctx.Done():
		select {
		case v, ok = <-ch:
		default:
		}
	}
	return v, ok
}
