package gateway

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/stack"
)

// The memory guard's thresholds, as shares of the limit. Each state ends well below where it began, lest it flicker.
const (
	memoryLow       = 0.88 // no mail is judged any more
	memoryLowEnd    = 0.82
	memoryGone      = 0.95 // no session begins any more
	memoryGoneEnd   = 0.88
	memoryRelief    = 10 * time.Second // at most so often memory is given back to the system first
	intakeInterval  = 500 * time.Millisecond
	intakeReminder  = time.Minute        // a state that is not the usual one is logged again after this
	maxBypass       = 7 * 24 * time.Hour // who wants it for longer has skip lists
	noticeWatchdog  = "mails wait for their verdict and none is reached"
	noticeMemoryLow = "memory is nearly used up"
)

// memoryLevel is how far memory is used up.
type memoryLevel uint8

const (
	memoryFine memoryLevel = iota
	memoryTight
	memorySpent
)

// intake decides what becomes of new mail flows. The administrator's bypass, the memory guard and the watchdog each have a say;
// forwarding of everything else none of them touches.
type intake struct {
	setBypass func(bool)         // the forwarder's
	setIntake func(stack.Intake) // the stack's
	gauge     func() (share float64, detail string)
	relieve   func()                            // gives memory back to the system
	waiting   func(now time.Time) time.Duration // how long a mail has waited while no verdict was reached
	log       *slog.Logger

	relieved time.Time // look's alone

	mu       sync.Mutex
	bounds   config.Bounds // all guarded by mu
	watchdog config.Watchdog
	bypass   bool      // by request
	until    time.Time // of bypass; the zero value: without end
	memory   memoryLevel
	detail   string         // of memory
	stuck    bool           // the watchdog's finding
	now      control.Intake // as it was last put in place
	reminded time.Time
}

// configure takes on what a reload may change.
func (i *intake) configure(cfg *config.Config) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.bounds, i.watchdog = cfg.Limits, cfg.Watchdog
}

// request switches the bypass on, for a time or with 0 without end, or off.
//
// Errors: a time that is too long.
func (i *intake) request(on bool, d time.Duration, now time.Time) (control.Intake, error) {
	if d < 0 || d > maxBypass {
		return control.Intake{}, fmt.Errorf("a bypass may last %v at most: for longer there are skip lists (intercept[].skip)", maxBypass)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.bypass, i.until = on, time.Time{}
	if on && d > 0 {
		i.until = now.Add(d)
	}
	i.applyLocked(now)
	return i.now, nil
}

// look finds out how things are and does what follows. It is called by one goroutine.
func (i *intake) look(now time.Time) {
	share, detail := i.gauge()
	if share >= memoryLow && now.Sub(i.relieved) >= memoryRelief && i.mayScan() {
		i.relieved = now
		i.relieve() // what is garbage is not in use. It takes its time, and without the lock every mail may go on
		share, detail = i.gauge()
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.memory, i.detail = i.memory.next(share), detail
	if i.bypass && !i.until.IsZero() && !now.Before(i.until) {
		i.bypass = false
	}
	i.stuck = i.waiting(now) > i.watchdog.After
	i.applyLocked(now)
}

// next returns the level that follows on l when share of the limit is in use.
func (l memoryLevel) next(share float64) memoryLevel {
	switch {
	case share >= memoryGone, l == memorySpent && share >= memoryGoneEnd:
		return memorySpent
	case share >= memoryLow, l != memoryFine && share >= memoryLowEnd:
		return memoryTight
	default:
		return memoryFine
	}
}

// applyLocked puts in place what the state asks for, and is loud about it.
func (i *intake) applyLocked(now time.Time) {
	next := i.wantedLocked()
	changed := next.State != i.now.State || next.Reason != i.now.Reason
	was := i.now
	i.now = next
	if changed {
		i.setBypass(next.State == control.IntakeForward)
		i.setIntake(map[control.IntakeState]stack.Intake{
			control.IntakeRefuse: stack.Excuse, control.IntakeReset: stack.Reset,
		}[next.State])
	}
	switch {
	case next.State == control.IntakeServe:
		if changed && was.State != "" {
			i.log.Warn("new mail sessions are served and scanned again", "before", string(was.State))
		}
	case changed || now.Sub(i.reminded) >= intakeReminder:
		i.reminded = now
		attrs := []any{"reason", next.Reason}
		if i.memory != memoryFine {
			attrs = append(attrs, "memory", i.detail)
		}
		if !next.Until.IsZero() {
			attrs = append(attrs, "until", next.Until)
		}
		if next.State == control.IntakeForward {
			i.log.Warn("BYPASS: new mail sessions are forwarded and NOT scanned", attrs...)
		} else {
			i.log.Warn("new mail sessions are refused for now", attrs...)
		}
	}
}

// wantedLocked returns what is to become of new flows. A request to forward is above all; else who refuses is above who
// forwards, since what is refused comes again.
func (i *intake) wantedLocked() control.Intake {
	var reasons []string
	forward, refuse := false, false
	say := func(reason string, action config.Action) {
		reasons = append(reasons, reason)
		forward = forward || action == config.Forward
		refuse = refuse || action == config.Refuse
	}
	if i.memory != memoryFine {
		say(noticeMemoryLow, i.bounds.MemoryAction)
	}
	if i.stuck {
		say(noticeWatchdog, i.watchdog.Action)
	}
	want := control.Intake{State: control.IntakeServe}
	switch {
	case i.bypass:
		reasons = append([]string{"by request"}, reasons...)
		want.State, want.Until = control.IntakeForward, i.until
	case refuse && i.memory == memorySpent:
		want.State = control.IntakeReset
	case refuse:
		want.State = control.IntakeRefuse
	case forward:
		want.State = control.IntakeForward
	}
	want.Reason = strings.Join(reasons, "; ")
	want.Failing = i.memory != memoryFine || i.stuck
	return want
}

// state returns what becomes of new flows now.
func (i *intake) state() control.Intake {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.now.State == "" {
		return control.Intake{State: control.IntakeServe}
	}
	return i.now
}

// mayScan says whether a mail may be judged now.
func (i *intake) mayScan() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.memory == memoryFine
}
