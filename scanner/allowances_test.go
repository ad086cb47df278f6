package scanner_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"mirrorgw/scanner"
	"mirrorgw/scanner/notice"
	"mirrorgw/scanner/quarantine"
)

// suspicion finds something in every mail, or in none.
type suspicion bool

func (suspicion) Name() string { return "suspicion" }

func (s suspicion) Scan(context.Context, *scanner.Part) (scanner.Findings, error) {
	if !s {
		return nil, nil
	}
	return scanner.Findings{{Rule: "Anything"}}, nil
}

func newSuspiciousJudge(t *testing.T, s suspicion, keeper scanner.Keeper, allowances scanner.Allowances) *scanner.Judge {
	t.Helper()
	scan, err := scanner.New(scanner.Config{Engines: []scanner.Engine{s}})
	if err != nil {
		t.Fatal(err)
	}
	composer, err := notice.New(notice.Config{})
	if err != nil {
		t.Fatal(err)
	}
	judge, err := scanner.NewJudge(scanner.JudgeConfig{Scanner: scan, Keeper: keeper, Composer: composer, Allowances: allowances})
	if err != nil {
		t.Fatal(err)
	}
	return judge
}

func judged(t *testing.T, judge *scanner.Judge, mail string, complete bool) scanner.Ruling {
	t.Helper()
	buffer := scanner.Spool{}.NewBuffer()
	t.Cleanup(func() { buffer.Close() })
	if _, err := io.WriteString(buffer, mail); err != nil {
		t.Fatal(err)
	}
	return judge.Judge(t.Context(), scanner.Origin{Protocol: "pop3"}, buffer, complete)
}

// A mail that was released is delivered when it is fetched again, and only that one.
func TestReleasedMailIsDelivered(t *testing.T) {
	dir := t.TempDir()
	store, err := quarantine.Open(dir, quarantine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	judge := newSuspiciousJudge(t, true, store, store)
	r := judged(t, judge, "Subject: one\r\n\r\n", true)
	if r.Action != scanner.Replace || len(r.Notice) == 0 {
		t.Fatalf("%+v", r)
	}
	if _, err := quarantine.At(dir).Release(r.ID); err != nil { // by another process
		t.Fatal(err)
	}
	if r := judged(t, judge, "Subject: one\r\n\r\n", true); r.Action != scanner.Deliver || r.Verdict.Class != scanner.Infected || r.Notice != nil || r.ID != "" {
		t.Errorf("released, and yet %+v", r)
	}
	if r := judged(t, judge, "Subject: one\r\n\r\n", false); r.Action != scanner.Tag {
		t.Errorf("a mail that begins like a released one: %+v", r)
	}
	if r := judged(t, judge, "Subject: one\r\n\r\n\r\n", true); r.Action != scanner.Replace {
		t.Errorf("another mail: %+v", r)
	}
	if c := judge.Counters(); c.Allowed != 1 || c.Delivered != 1 || c.Infected != 3 {
		t.Errorf("counters %+v", c)
	}
	if err := store.Delete(r.ID); err != nil {
		t.Fatal(err)
	}
	if r := judged(t, judge, "Subject: one\r\n\r\n", true); r.Action != scanner.Replace {
		t.Errorf("the release was taken back: %+v", r)
	}
}

type nothingAllowed struct{ t *testing.T }

func (n nothingAllowed) Allowed([sha256.Size]byte) bool {
	n.t.Error("asked about a clean mail")
	return false
}

// Clean mail costs no look at the disk.
func TestNobodyAsksAboutCleanMail(t *testing.T) {
	store, err := quarantine.Open(t.TempDir(), quarantine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	judge := newSuspiciousJudge(t, false, store, nothingAllowed{t})
	if r := judged(t, judge, "Subject: one\r\n\r\n", true); r.Action != scanner.Deliver {
		t.Errorf("%+v", r)
	}
}

// C7: where the quarantine has no room the mail is refused for now: no notice, and no delivery either.
func TestFullQuarantineRefuses(t *testing.T) {
	store, err := quarantine.Open(t.TempDir(), quarantine.Config{Limits: quarantine.Limits{Max: 100}})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	judge := newSuspiciousJudge(t, true, store, store)
	if r := judged(t, judge, strings.Repeat("x", 60), true); r.Action != scanner.Replace {
		t.Fatalf("%+v", r)
	}
	r := judged(t, judge, strings.Repeat("y", 60), true)
	if r.Action != scanner.Retry || r.Notice != nil || r.ID != "" || !strings.Contains(r.Verdict.Detail, quarantine.ErrFull.Error()) {
		t.Errorf("%+v", r)
	}
	if c := judge.Counters(); c.QuarantineFailures != 1 || c.Retried != 1 {
		t.Errorf("counters %+v", c)
	}
	if _, err := store.Keep(t.Context(), scanner.Item{Verdict: scanner.Verdict{Size: 50}}, strings.NewReader("")); !errors.Is(err, quarantine.ErrFull) {
		t.Error(err)
	}
}

// book is a ledger in memory.
type book []string

func (b *book) Delivered(_ time.Time, o scanner.Origin, v scanner.Verdict) {
	*b = append(*b, fmt.Sprintf("%s %s %d", o.Protocol, v.Class, v.Size))
}

// What a client gets is noted, and what it does not get is not.
func TestLedger(t *testing.T) {
	store, err := quarantine.Open(t.TempDir(), quarantine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	composer, err := notice.New(notice.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var got book
	for _, tt := range []struct {
		found  suspicion
		shadow bool
		policy scanner.Policy
		mail   string
	}{
		{mail: "1"},
		{found: true, mail: "22"},
		{found: true, mail: "333", shadow: true},
		{found: true, mail: "4444", policy: scanner.Policy{scanner.CauseInfected: scanner.Tag}},
		{found: true, mail: "55555", policy: scanner.Policy{scanner.CauseInfected: scanner.Retry}},
	} {
		scan, err := scanner.New(scanner.Config{Engines: []scanner.Engine{tt.found}})
		if err != nil {
			t.Fatal(err)
		}
		judge, err := scanner.NewJudge(scanner.JudgeConfig{Scanner: scan, Keeper: store, Composer: composer, Policy: tt.policy, Shadow: tt.shadow, Ledger: &got})
		if err != nil {
			t.Fatal(err)
		}
		judged(t, judge, tt.mail, true)
	}
	if want := (book{"pop3 clean 1", "pop3 infected 3", "pop3 infected 4"}); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
