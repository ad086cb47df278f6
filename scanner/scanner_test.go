package scanner

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

func TestNewWithoutEngine(t *testing.T) {
	if _, err := New(Config{}); !errors.Is(err, ErrNoEngine) {
		t.Errorf("error %v", err)
	}
}

// nested returns a mail in which payload sits inside depth multiparts.
func nested(depth int) string {
	var b strings.Builder
	for i := range depth {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	b.WriteString("Content-Transfer-Encoding: base64\n\nTUFMV0FSRS1GT1ItVEVTVFMvMDEyMzQ1Njc4OQ==\n")
	return b.String()
}

func manyParts(n int) string {
	var b strings.Builder
	b.WriteString("Content-Type: multipart/mixed; boundary=b\n\n")
	for i := range n {
		fmt.Fprintf(&b, "--b\n\npart %d\n", i)
	}
	return b.String()
}

func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		name   string
		limits Limits
		mail   string
		cause  Cause
		detail string
	}{
		{"message size met", Limits{Message: 100}, strings.Repeat("x", 100), CauseNone, ""},
		{"message size", Limits{Message: 100}, strings.Repeat("x", 101), CauseOversize, "101 octets, the limit is 100"},
		{"depth met", Limits{Depth: 5}, nested(5), CauseInfected, ""},
		{"depth", Limits{Depth: 4}, nested(5), CauseBudget, "nested more than 4 deep"},
		{"default depth", Limits{}, nested(17), CauseBudget, "nested more than 16 deep"},
		{"parts met", Limits{Parts: 11}, manyParts(10), CauseNone, ""},
		{"parts", Limits{Parts: 10}, manyParts(10), CauseBudget, "more than 10 parts"},
		{"expanded met", Limits{Expanded: 61}, manyParts(10), CauseNone, ""},
		{"expanded", Limits{Expanded: 60}, manyParts(10), CauseBudget, "expands to more than 60 octets"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := newScanner(t, tt.limits, &seeker{needle: payload}).Scan(t.Context(), newMail(t, tt.mail), true)
			if v.Cause != tt.cause || !strings.Contains(v.Detail, tt.detail) {
				t.Errorf("cause %q, detail %q", v.Cause, v.Detail)
			}
		})
	}
}

// Messages in messages are as bounded as multiparts.
func TestNestedMessages(t *testing.T) {
	mail := strings.Repeat("Content-Type: message/rfc822\n\n", 300) + payload
	engine := &seeker{}
	v := newScanner(t, Limits{}, engine).Scan(t.Context(), newMail(t, mail), true)
	if v.Cause != CauseBudget || len(engine.parts()) > DefaultMaxDepth+1 {
		t.Errorf("cause %q, %d parts", v.Cause, len(engine.parts()))
	}
	// A bomb does not hide what was found before it went off.
	v = newScanner(t, Limits{}, &seeker{needle: payload}).Scan(t.Context(), newMail(t, mail), true)
	if v.Class != Infected || !slices.Equal(v.Also, []Cause{CauseBudget}) {
		t.Errorf("verdict %s, also %v", v.Class, v.Also)
	}
}

func TestIncompleteMailIsOversize(t *testing.T) {
	engine := &seeker{needle: payload}
	v := newScanner(t, Limits{}, engine).Scan(t.Context(), newMail(t, payload), false)
	if v.Class != Unscannable || v.Cause != CauseOversize || len(engine.asked) != 0 {
		t.Errorf("verdict %s, cause %q, engine asked about %q", v.Class, v.Cause, engine.asked)
	}
	if v.SHA256 != sha256.Sum256([]byte(payload)) || v.Size != int64(len(payload)) {
		t.Errorf("size %d, sha256 %x", v.Size, v.SHA256)
	}
}

var errDown = errors.New("connection refused")

func TestEngineErrors(t *testing.T) {
	always := func(*Part) error { return errDown }
	inPart := func(p *Part) error {
		if p.Path != "" {
			return errDown
		}
		return nil
	}
	for _, tt := range []struct {
		name    string
		engines []Engine
		mail    string
		class   Class
		cause   Cause
		also    []Cause
	}{
		{"always", []Engine{&seeker{fail: always}}, "\nhello", Unscannable, CauseError, nil},
		{"in a part", []Engine{&seeker{fail: inPart}}, "\nhello", Unscannable, CauseError, nil},
		{"one of two", []Engine{&seeker{}, &seeker{fail: always}}, "\nhello", Unscannable, CauseError, nil},
		{"a finding outweighs it", []Engine{&seeker{fail: always}, &seeker{needle: payload}}, "\n" + payload, Infected, CauseInfected, []Cause{CauseError}},
		{"it outweighs a defect", []Engine{&seeker{fail: always}}, "Content-Type: multipart/mixed; boundary=" + strings.Repeat("b", 2000) + "\n\n", Unscannable, CauseError, []Cause{CauseMalformed}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := newScanner(t, Limits{}, tt.engines...).Scan(t.Context(), newMail(t, tt.mail), true)
			if v.Class != tt.class || v.Cause != tt.cause || !slices.Equal(v.Also, tt.also) {
				t.Errorf("verdict %s, cause %q, also %q, detail %q", v.Class, v.Cause, v.Also, v.Detail)
			}
			if tt.cause == CauseError && !strings.Contains(v.Detail, errDown.Error()) {
				t.Errorf("detail %q", v.Detail)
			}
		})
	}
	// An engine that is down is not asked about every part of a large mail.
	down := &seeker{fail: always}
	newScanner(t, Limits{}, down).Scan(t.Context(), newMail(t, manyParts(1000)), true)
	if len(down.asked) != maxFailures {
		t.Errorf("asked %d times", len(down.asked))
	}
}

// An engine's findings count although it failed afterwards.
type halfway struct{}

func (halfway) Name() string { return "halfway" }
func (halfway) Scan(_ context.Context, p *Part) (Findings, error) {
	return Findings{{Engine: "halfway", Rule: "Early", Part: p.Path}}, errDown
}

func TestFindingsOfAFailedEngineCount(t *testing.T) {
	v := newScanner(t, Limits{}, halfway{}).Scan(t.Context(), newMail(t, "\nx"), true)
	if v.Class != Infected || v.Findings[0].Rule != "Early" {
		t.Errorf("verdict %s, findings %v", v.Class, v.Findings)
	}
}

func TestTime(t *testing.T) {
	for _, tt := range []struct {
		name  string
		takes time.Duration // each call of the engine
		parts int
		cause Cause
	}{
		{"in time", time.Second, 58, CauseNone},
		{"many parts, each quick", time.Second, 200, CauseBudget},
		{"an engine that hangs", time.Hour, 3, CauseError},
		{"a part that takes half the time", 61 * time.Second, 3, CauseBudget},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				engine := slow{takes: tt.takes}
				v := newScanner(t, Limits{}, engine).Scan(t.Context(), newMail(t, manyParts(tt.parts)), true)
				if v.Cause != tt.cause || v.Took > DefaultMaxTime {
					t.Errorf("cause %q (%s) after %v", v.Cause, v.Detail, v.Took)
				}
			})
		})
	}
}

// slow is an engine that takes its time and gives up when told.
type slow struct{ takes time.Duration }

func (slow) Name() string { return "slow" }
func (s slow) Scan(ctx context.Context, _ *Part) (Findings, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(s.takes):
		return nil, nil
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	engine := &seeker{hang: func(p *Part) bool { cancel(); return true }}
	v := newScanner(t, Limits{}, engine).Scan(ctx, newMail(t, manyParts(10)), true)
	if v.Class != Unscannable || v.Cause != CauseError || len(engine.asked) != 1 {
		t.Errorf("verdict %s, cause %q, asked %d times", v.Class, v.Cause, len(engine.asked))
	}
}

// Mails that look like bombs cost little, with a cause. The bound is on this thread's own time, since other tests compete for
// the processors, and generous, since the race detector slows everything; a quadratic parser takes minutes.
func TestBombsEndSoon(t *testing.T) {
	deepTypes := strings.Repeat("Content-Type: multipart/mixed; boundary=b\n\n--b\n", 20_000)
	for _, tt := range []struct {
		name, mail string
		cause      Cause
	}{
		{"20,000 parts", manyParts(20_000), CauseBudget},
		{"20,000 equal parts", "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nx\n", 20_000), CauseBudget},
		{"20,000 deep", deepTypes, CauseBudget},
		{"250 deep", nested(250), CauseBudget},
		{"header line of 1 MB", "Subject: " + strings.Repeat("x", 1<<20) + "\n\nx", CauseNone},
		{"5,000 header fields", strings.Repeat("Received: x\n", 5000) + "\nx", CauseNone},
		{"100,000 types", strings.Repeat("Content-Type: text/plain\n", 100_000) + "\nx", CauseNone},
		{"2,000 folds", "Subject: x\n" + strings.Repeat(" y\n", 2000) + "\nx", CauseNone},
		{"20,000 parameters", "Content-Type: text/plain" + strings.Repeat(";a=b", 20_000) + "\n\nx", CauseNone},
		{"300,000 dashes", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n" + strings.Repeat("--\n", 300_000), CauseNone},
		{"blanks in quoted-printable", "Content-Transfer-Encoding: quoted-printable\n\n" + strings.Repeat(" ", 1<<20), CauseNone},
		{"equals signs", "Content-Transfer-Encoding: quoted-printable\n\n" + strings.Repeat("=", 1<<20), CauseNone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			scanner, mail := newScanner(t, Limits{}, quiet{}), newMail(t, tt.mail)
			before := threadTime(t)
			v := scanner.Scan(t.Context(), mail, true)
			if took := threadTime(t) - before; took > 5*time.Second {
				t.Errorf("took %v", took)
			}
			if v.Cause != tt.cause {
				t.Errorf("cause %q (%s), want %q", v.Cause, v.Detail, tt.cause)
			}
		})
	}
}

// threadTime returns how long the processors have worked for the calling thread.
func threadTime(t *testing.T) time.Duration {
	t.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func TestFindingsAreBounded(t *testing.T) {
	mail := strings.ReplaceAll(manyParts(200), "\npart", "\n"+payload)
	v := newScanner(t, Limits{}, &seeker{needle: payload}).Scan(t.Context(), newMail(t, mail), true)
	if v.Class != Infected || len(v.Findings) != maxFindings {
		t.Errorf("verdict %s, %d findings", v.Class, len(v.Findings))
	}
}

func TestSelfTest(t *testing.T) {
	for _, tt := range []struct {
		engine Engine
		want   string // part of the error, "" for none
	}{
		{&seeker{needle: string(Canary())}, ""},
		{&seeker{needle: "something else"}, "does not find the EICAR"},
		{&seeker{needle: "e"}, "does not find the EICAR"},
		{halfway{}, errDown.Error()},
		{always{}, "rule Everything matches a harmless"},
	} {
		err := SelfTest(t.Context(), tt.engine)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("error %v, want %q", err, tt.want)
		}
	}
	if sum := sha256.Sum256(Canary()); fmt.Sprintf("%x", sum) != "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f" {
		t.Errorf("the canary is not the EICAR test file: %x", sum)
	}
}

// always is an engine that sees evil everywhere.
type always struct{}

func (always) Name() string { return "always" }
func (always) Scan(context.Context, *Part) (Findings, error) {
	return Findings{{Engine: "always", Rule: "Everything"}}, nil
}

func TestPolicy(t *testing.T) {
	strict := DefaultPolicy()
	strict[CauseMalformed] = Retry
	soft := Policy{CauseInfected: Deliver, CauseError: Replace}
	for _, tt := range []struct {
		policy  Policy
		verdict Verdict
		action  Action
		cause   Cause
	}{
		{nil, Verdict{Class: Clean}, Deliver, CauseNone},
		{nil, Verdict{}, Retry, CauseNone},
		{DefaultPolicy(), Verdict{Class: Infected, Cause: CauseInfected, Also: []Cause{CauseError}}, Replace, CauseInfected},
		{DefaultPolicy(), Verdict{Cause: CauseMalformed}, Tag, CauseMalformed},
		{DefaultPolicy(), Verdict{Cause: CausePartial, Also: []Cause{CauseMalformed}}, Replace, CausePartial},
		{strict, Verdict{Cause: CausePartial, Also: []Cause{CauseMalformed}}, Retry, CauseMalformed},
		{DefaultPolicy(), Verdict{Cause: CausePartial, Also: []Cause{CauseBudget, CauseEncrypted}}, Replace, CausePartial},
		{soft, Verdict{Class: Infected, Cause: CauseInfected, Also: []Cause{CauseError}}, Deliver, CauseInfected},
		{soft, Verdict{Cause: CauseError}, Replace, CauseError},
		{soft, Verdict{Cause: CauseBudget}, Retry, CauseBudget},
	} {
		if action, cause := tt.policy.Decide(tt.verdict); action != tt.action || cause != tt.cause || action != tt.policy.Action(tt.verdict) {
			t.Errorf("%+v: %s for %q, want %s for %q", tt.verdict, action, cause, tt.action, tt.cause)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	for _, size := range []int{4 << 10, 1 << 20} {
		attachment := strings.Repeat(strings.Repeat("QUJD", 19)+"\r\n", size/78)
		mail := crlf("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n--b\nContent-Transfer-Encoding: base64\n\n") + attachment + "--b--\r\n"
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			s := newScanner(b, Limits{}, quiet{})
			buffer := newMail(b, mail)
			b.SetBytes(int64(len(mail)))
			b.ReportAllocs()
			for b.Loop() {
				if v := s.Scan(b.Context(), buffer, true); v.Class != Clean {
					b.Fatal(v.Detail)
				}
			}
		})
	}
}

// quiet is an engine that costs nothing.
type quiet struct{}

func (quiet) Name() string                                  { return "quiet" }
func (quiet) Scan(context.Context, *Part) (Findings, error) { return nil, nil }

// C7: a part that finds no room is an error, not a clean part.
func TestSpoolFails(t *testing.T) {
	s, err := New(Config{Engines: []Engine{&seeker{}}, Spool: Spool{Dir: t.TempDir() + "/gone", Memory: 10}})
	if err != nil {
		t.Fatal(err)
	}
	const field = "Content-Transfer-Encoding: quoted-printable\n\n" // what stands in the mail as it is needs no room
	v := s.Scan(t.Context(), newMail(t, field+"small"), true)
	if v.Class != Clean {
		t.Errorf("verdict %s (%s) of a small mail", v.Class, v.Detail)
	}
	v = s.Scan(t.Context(), newMail(t, field+"this does not fit into ten octets"), true)
	if v.Class != Unscannable || v.Cause != CauseError || !strings.Contains(v.Detail, "spooling") {
		t.Errorf("verdict %s, cause %q, detail %q", v.Class, v.Cause, v.Detail)
	}
}
