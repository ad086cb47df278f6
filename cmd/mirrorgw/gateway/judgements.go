package gateway

import (
	"context"
	"io"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/scanner"
	"mirrorgw/stack"
)

// newIntake returns what decides about new mail flows. It opens files, and starts nothing.
func (m *Mirror) newIntake() *intake {
	i := &intake{
		setBypass: m.forwarder.SetBypass,
		setIntake: m.stack.SetIntake,
		gauge:     openMemoryGauge("/", m.cfg.Limits.Memory).pressure,
		relieve:   debug.FreeOSMemory,
		waiting:   m.judgements.waiting,
		log:       m.log,
	}
	i.configure(m.cfg)
	return i
}

// watchIntake looks again and again until ctx ends.
func (m *Mirror) watchIntake(ctx context.Context) {
	ticker := time.NewTicker(intakeInterval)
	defer ticker.Stop()
	for {
		m.intake.look(time.Now())
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Bypass has new mail flows forwarded unscanned, for a time or with 0 without end, or no longer; it is a control.BypassFunc.
func (m *Mirror) Bypass(on bool, d time.Duration) (control.Intake, error) {
	return m.intake.request(on, d, time.Now())
}

// clientLimits says in the stack's words what clients may have.
func clientLimits(b config.Bounds) stack.Limits {
	return stack.Limits{Flows: b.Sessions, PerClient: b.PerClient, PerClientRate: b.PerClientRate}
}

// takeOnLimits puts in place what cfg says of limits.
func (m *Mirror) takeOnLimits(cfg *config.Config) {
	m.stack.SetLimits(clientLimits(cfg.Limits))
	m.quota.SetLimits(cfg.Limits.SpoolMemory, cfg.Limits.SpoolDisk)
	m.intake.configure(cfg)
}

// judgements knows which mails wait for their verdict. It is safe for concurrent use; its zero value is ready.
type judgements struct {
	mu      sync.Mutex
	begun   map[uint64]time.Time // guarded by mu, like the rest
	next    uint64
	reached time.Time // when the last verdict was

	refused atomic.Uint64 // mails that were not judged for want of memory
}

// begin takes note of a mail. end must follow, which is told whether its verdict was reached.
func (j *judgements) begin(now time.Time) (end func(now time.Time, reached bool)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.begun == nil {
		j.begun = make(map[uint64]time.Time)
	}
	id := j.next
	j.next++
	j.begun[id] = now
	return func(now time.Time, reached bool) {
		j.mu.Lock()
		defer j.mu.Unlock()
		delete(j.begun, id)
		if reached {
			j.reached = now
		}
	}
}

// waiting returns for how long a mail has waited in which no verdict was reached; 0 when none waits.
func (j *judgements) waiting(now time.Time) time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	longest := time.Duration(0)
	for _, begun := range j.begun {
		if begun.Before(j.reached) {
			begun = j.reached
		}
		longest = max(longest, now.Sub(begun))
	}
	return longest
}

// watchedJudge is a judge whose work is watched over, and who does none while memory is short.
type watchedJudge struct {
	judge  *scanner.Judge
	mirror *Mirror
}

// Judge implements pop3.Judge.
func (w watchedJudge) Judge(ctx context.Context, o scanner.Origin, mail *scanner.Buffer, complete bool) scanner.Ruling {
	if !w.mirror.intake.mayScan() {
		w.mirror.judgements.refused.Add(1)
		r := w.judge.Refuse(o, mail, noticeMemoryLow)
		w.mirror.noteVerdict(o, r.Verdict)
		return r
	}
	end := w.mirror.judgements.begin(time.Now())
	reached := false
	defer func() { end(time.Now(), reached) }()
	r := w.judge.Judge(ctx, o, mail, complete)
	reached = ctx.Err() == nil && !hasFailed(r.Verdict)
	w.mirror.noteVerdict(o, r.Verdict)
	return r
}

// Early implements pop3.Early.
func (w watchedJudge) Early(ctx context.Context, mail io.ReaderAt) *scanner.Early {
	if !w.mirror.intake.mayScan() {
		return nil
	}
	return w.judge.Early(ctx, mail)
}

// hasFailed says whether a judgement ended in an error, which is no sign that any engine works.
func hasFailed(v scanner.Verdict) bool {
	return v.Cause == scanner.CauseError || slices.Contains(v.Also, scanner.CauseError)
}
