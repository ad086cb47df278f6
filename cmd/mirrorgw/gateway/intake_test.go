package gateway

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/cmd/mirrorgw/unscanned"
	"mirrorgw/scanner"
	"mirrorgw/stack"
)

// intakeBench is an intake with everything around it in sight.
type intakeBench struct {
	*intake
	share    float64
	relieved int
	waits    time.Duration
	bypass   bool
	how      stack.Intake
	log      bytes.Buffer
	time     time.Time
}

func newIntakeBench(t *testing.T, yaml string) *intakeBench {
	t.Helper()
	f, err := config.Parse("f", []byte("addresses: [192.168.1.2/24]\nrouters: [192.168.1.1]\n"+yaml), config.Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	b := &intakeBench{time: time.Unix(1_800_000_000, 0)}
	b.intake = &intake{
		setBypass: func(on bool) { b.bypass = on },
		setIntake: func(i stack.Intake) { b.how = i },
		gauge:     func() (float64, string) { return b.share, "figures" },
		relieve:   func() { b.relieved++ },
		waiting:   func(time.Time) time.Duration { return b.waits },
		log:       slog.New(slog.NewTextHandler(&b.log, nil)),
	}
	b.configure(&f.Config)
	return b
}

// after lets time pass, in steps as the gateway has them.
func (b *intakeBench) after(d time.Duration) {
	for end := b.time.Add(d); b.time.Before(end); {
		b.time = b.time.Add(intakeInterval)
		b.look(b.time)
	}
}

// want holds what becomes of new flows against what should.
func (b *intakeBench) want(t *testing.T, when string, state control.IntakeState, reason string) {
	t.Helper()
	s := b.state()
	how := map[control.IntakeState]stack.Intake{control.IntakeRefuse: stack.Excuse, control.IntakeReset: stack.Reset}[state]
	if s.State != state || !strings.Contains(s.Reason, reason) || b.bypass != (state == control.IntakeForward) || b.how != how {
		t.Errorf("%s: %+v, bypass %v, stack %v; want %s for %q", when, s, b.bypass, b.how, state, reason)
	}
}

// B13: at 88 % of the memory no mail is judged and new sessions are refused, at 95 % not even answered, and back at 82 %.
func TestMemoryGuard(t *testing.T) {
	b := newIntakeBench(t, "")
	for _, c := range []struct {
		share float64
		state control.IntakeState
		scans bool
	}{
		{0.5, control.IntakeServe, true},
		{0.87, control.IntakeServe, true},
		{0.88, control.IntakeRefuse, false},
		{0.83, control.IntakeRefuse, false},
		{0.94, control.IntakeRefuse, false},
		{0.95, control.IntakeReset, false},
		{0.89, control.IntakeReset, false},
		{0.87, control.IntakeRefuse, false},
		{0.81, control.IntakeServe, true},
		{0.87, control.IntakeServe, true},
		{0.99, control.IntakeReset, false},
		{0.10, control.IntakeServe, true},
	} {
		b.share = c.share
		b.after(memoryRelief) // so that memory was given back before
		reason := ""
		if !c.scans {
			reason = "memory"
		}
		b.want(t, strconv.FormatFloat(c.share, 'g', -1, 64), c.state, reason)
		if b.mayScan() != c.scans {
			t.Errorf("%v: scans %v", c.share, b.mayScan())
		}
	}
	if b.relieved == 0 {
		t.Error("memory was never given back first")
	}
	if n := strings.Count(b.log.String(), "served and scanned again"); n != 2 {
		t.Errorf("its ends are logged %d times:\n%s", n, b.log.String())
	}
}

// What garbage collection gives back is no reason to refuse anybody.
func TestGarbageIsNoReason(t *testing.T) {
	b := newIntakeBench(t, "")
	b.share = 0.97
	b.relieve = func() {
		b.share = 0.4
		if !b.mu.TryLock() {
			t.Error("every mail waits for the collection")
			return
		}
		b.mu.Unlock()
	}
	b.after(time.Second)
	b.want(t, "after a collection", control.IntakeServe, "")
}

func TestMemoryGuardForwards(t *testing.T) {
	b := newIntakeBench(t, "limits: {memory_action: forward}\n")
	b.share = 0.97
	b.after(time.Second)
	b.want(t, "out of memory", control.IntakeForward, "memory")
}

// A bypass is loud, ends by itself, outlives a reload, and can be called off.
func TestBypassIntake(t *testing.T) {
	b := newIntakeBench(t, "")
	b.after(time.Second)
	if b.log.Len() != 0 {
		t.Errorf("usual and logged: %s", b.log.String())
	}
	if _, err := b.request(true, 30*24*time.Hour, b.time); err == nil || !strings.Contains(err.Error(), "168h") {
		t.Errorf("a month: %v", err)
	}
	if now, err := b.request(true, 7*24*time.Hour, b.time); err != nil || !now.Until.Equal(b.time.Add(7*24*time.Hour)) {
		t.Errorf("a week: %+v, %v", now, err)
	}
	if now, err := b.request(true, 10*time.Minute, b.time); err != nil || now.State != control.IntakeForward || !now.Until.Equal(b.time.Add(10*time.Minute)) {
		t.Errorf("%+v, %v", now, err)
	}
	b.configure(config.Default())
	b.after(9 * time.Minute)
	b.want(t, "9 minutes later", control.IntakeForward, "by request")
	if n := strings.Count(b.log.String(), "BYPASS: new mail sessions are forwarded and NOT scanned"); n < 9 || n > 10 {
		t.Errorf("%d lines in 9 minutes", n)
	}
	b.after(2 * time.Minute)
	b.want(t, "11 minutes later", control.IntakeServe, "")
	if _, err := b.request(true, 0, b.time); err != nil {
		t.Fatal(err)
	}
	b.after(24 * time.Hour)
	b.want(t, "without end", control.IntakeForward, "by request")
	if now, err := b.request(false, 0, b.time); err != nil || now.State != control.IntakeServe {
		t.Errorf("%+v, %v", now, err)
	}
	b.want(t, "called off", control.IntakeServe, "")
}

func TestWatchdogIntake(t *testing.T) {
	for action, state := range map[string]control.IntakeState{"refuse": control.IntakeRefuse, "forward": control.IntakeForward} {
		b := newIntakeBench(t, "watchdog: {action: "+action+", after: 1m}\n")
		b.waits = time.Minute
		b.after(time.Second)
		b.want(t, "on time", control.IntakeServe, "")
		b.waits = 61 * time.Second
		b.after(time.Second)
		b.want(t, "stuck", state, "verdict")
		if !b.state().Failing {
			t.Error("it is not called a fault")
		}
		b.waits = 0
		b.after(time.Second)
		b.want(t, "over", control.IntakeServe, "")
	}
}

// Where one fault asks to refuse and the other to forward, sessions are refused, since they come again; by request they are forwarded.
func TestRefusalIsAboveForwarding(t *testing.T) {
	for _, yaml := range []string{
		"watchdog: {action: forward, after: 1m}\nlimits: {memory_action: refuse}\n",
		"watchdog: {action: refuse, after: 1m}\nlimits: {memory_action: forward}\n",
	} {
		b := newIntakeBench(t, yaml)
		b.share, b.waits = 0.9, 2*time.Minute
		b.after(time.Second)
		b.want(t, yaml, control.IntakeRefuse, "; ")
		if _, err := b.request(true, 0, b.time); err != nil {
			t.Fatal(err)
		}
		b.want(t, "by request", control.IntakeForward, "by request")
	}
}

// A mail that waits counts from the last verdict of any: as long as verdicts are reached there is progress.
func TestJudgements(t *testing.T) {
	var j judgements
	now := time.Unix(1_800_000_000, 0)
	if d := j.waiting(now); d != 0 {
		t.Errorf("idle: %v", d)
	}
	stuck := j.begin(now)
	other := j.begin(now.Add(10 * time.Second))
	if d := j.waiting(now.Add(15 * time.Second)); d != 15*time.Second {
		t.Errorf("both wait: %v", d)
	}
	failed := j.begin(now.Add(16 * time.Second))
	failed(now.Add(17*time.Second), false)
	if d := j.waiting(now.Add(18 * time.Second)); d != 18*time.Second {
		t.Errorf("a judgement failed, which is no progress: %v", d)
	}
	other(now.Add(20*time.Second), true)
	if d := j.waiting(now.Add(25 * time.Second)); d != 5*time.Second {
		t.Errorf("a verdict was reached: %v", d)
	}
	stuck(now.Add(30*time.Second), true)
	if d := j.waiting(now.Add(time.Hour)); d != 0 {
		t.Errorf("all are done: %v", d)
	}
}

// seenEngine is an engine that says err of any part.
type seenEngine struct{ err error }

func (seenEngine) Name() string { return "seen" }

func (s seenEngine) Scan(context.Context, *scanner.Part) (scanner.Findings, error) { return nil, s.err }

// While one mail hangs, others that end in an error, or whose client has gone, are no progress: the watchdog must see the one.
func TestOnlyAVerdictIsProgress(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		what     string
		ctx      context.Context
		err      error
		progress bool
	}{
		{"clean", t.Context(), nil, true},
		{"encrypted", t.Context(), &scanner.Obstacle{Cause: scanner.CauseEncrypted}, true},
		{"an engine that failed", t.Context(), errors.New("down"), false},
		{"nobody waits any more", gone, nil, false},
	} {
		s, err := scanner.New(scanner.Config{Engines: []scanner.Engine{seenEngine{c.err}}})
		if err != nil {
			t.Fatal(err)
		}
		var unused struct {
			scanner.Keeper
			scanner.Composer
		}
		judge, err := scanner.NewJudge(scanner.JudgeConfig{Scanner: s, Keeper: unused, Composer: unused, Policy: scanner.Policy{scanner.CauseEncrypted: scanner.Tag}})
		if err != nil {
			t.Fatal(err)
		}
		book, err := unscanned.Open(t.TempDir(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		m := &Mirror{intake: newIntakeBench(t, "").intake, book: book}
		m.judgements.begin(time.Now().Add(-time.Hour)) // hangs
		mail := scanner.Spool{}.NewBuffer()
		defer mail.Close()
		if _, err := mail.Write([]byte("Subject: hello\r\n\r\nhello\r\n")); err != nil {
			t.Fatal(err)
		}
		r := watchedJudge{judge, m}.Judge(c.ctx, scanner.Origin{}, mail, true)
		if progress := m.judgements.waiting(time.Now()) < time.Hour; progress != c.progress {
			t.Errorf("%s: progress %t after verdict %+v", c.what, progress, r.Verdict)
		}
	}
}
