package scanner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// keeper is a quarantine in memory.
type keeper struct {
	err   error
	mails []string
	items []Item
}

func (k *keeper) Keep(_ context.Context, item Item, mail io.Reader) (string, error) {
	if k.err != nil {
		return "", k.err
	}
	text, err := io.ReadAll(mail)
	if err != nil {
		return "", err
	}
	k.mails, k.items = append(k.mails, string(text)), append(k.items, item)
	return "0123456789ab", nil
}

// composer writes a short notice, and fails the test when the mail has not been kept before.
type composer struct {
	t    testing.TB
	k    *keeper
	fail error
}

func (c *composer) Compose(item Item, id string) ([]byte, error) {
	if len(c.k.mails) == 0 || id == "" {
		c.t.Error("a notice was composed for a mail that is not in quarantine")
	}
	return []byte("notice about " + item.Summary.Subject), c.fail
}

// bench is a judge with everything around it in sight.
type bench struct {
	judge    *Judge
	keeper   *keeper
	composer *composer
	log      *bytes.Buffer
	now      time.Time
}

func newBench(t testing.TB, policy Policy, engine Engine) *bench {
	t.Helper()
	b := &bench{keeper: &keeper{}, log: &bytes.Buffer{}, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	b.composer = &composer{t: t, k: b.keeper}
	var err error
	b.judge, err = NewJudge(JudgeConfig{
		Scanner: newScanner(t, Limits{}, engine), Keeper: b.keeper, Composer: b.composer, Policy: policy,
		Log: slog.New(slog.NewJSONHandler(b.log, nil)), Now: func() time.Time { return b.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func origin() Origin {
	return Origin{
		Protocol: "pop3", Client: netip.MustParseAddrPort("192.168.1.20:50000"), Server: netip.MustParseAddrPort("198.51.100.7:110"),
		User: "joe\r\nmsg=message verdict=clean\x1b[0m",
	}
}

const infectedMail = "Subject: hello\r\nFrom: a@example.org\r\n\r\n" + payload + "\r\n"

func TestNewJudgeNeedsItsParts(t *testing.T) {
	if _, err := NewJudge(JudgeConfig{}); err == nil {
		t.Error("no error")
	}
}

func TestJudge(t *testing.T) {
	tagErrors := DefaultPolicy()
	tagErrors[CauseError] = Tag
	replaceAll := Policy{CauseInfected: Replace, CauseOversize: Replace, CauseError: Replace}
	errFull := errors.New("no space left on device")
	down := func(*Part) error { return errDown }
	for _, tt := range []struct {
		name       string
		policy     Policy
		mail       string
		incomplete bool
		fail       func(*Part) error
		keepError  error
		noticeErr  error

		verdict  string
		action   Action
		cause    string // as logged
		tag      string
		kept     bool
		counters Counters
	}{
		{name: "clean", mail: "\r\nhello", verdict: "clean", action: Deliver, counters: Counters{Clean: 1, Delivered: 1}},
		{name: "infected", mail: infectedMail, verdict: "infected", action: Replace, kept: true, counters: Counters{Infected: 1, Replaced: 1}},
		{
			name: "malformed", mail: "Content-Type: multipart/mixed; boundary=" + strings.Repeat("b", 2000) + "\r\n\r\n", verdict: "unscannable", action: Tag, cause: "malformed",
			tag: "X-Mirrorgw-Verdict: unscannable; cause=malformed\r\n", counters: Counters{Unscannable: 1, Tagged: 1},
		},
		{
			name: "partial", mail: "Content-Type: message/partial\r\n\r\n", verdict: "unscannable", action: Replace, cause: "partial", kept: true,
			counters: Counters{Unscannable: 1, Replaced: 1},
		},
		{
			name: "two causes, of which the second calls for it", policy: Policy{CausePartial: Deliver, CauseMalformed: Tag}, mail: "Content-Type: multipart/mixed; boundary=a\r\n\r\n" +
				"--a\r\nContent-Type: message/partial\r\n\r\n--a\r\nContent-Type: multipart/mixed; boundary=" + strings.Repeat("b", 2000) + "\r\n\r\n--a--\r\n",
			verdict: "unscannable", action: Tag, cause: "malformed", tag: "X-Mirrorgw-Verdict: unscannable; cause=malformed\r\n", counters: Counters{Unscannable: 1, Tagged: 1},
		},
		{name: "engine down", mail: "\r\nhello", fail: down, verdict: "unscannable", action: Retry, cause: "error", counters: Counters{Unscannable: 1, Retried: 1}},
		{
			name: "engine down, tagged", policy: tagErrors, mail: "\r\nhello", fail: down, verdict: "unscannable", action: Tag, cause: "error",
			tag: "X-Mirrorgw-Verdict: unscannable; cause=error\r\n", counters: Counters{Unscannable: 1, Tagged: 1},
		},
		{
			name: "outgrew the spool", mail: "\r\nhello", incomplete: true, verdict: "unscannable", action: Tag, cause: "oversize",
			tag: "X-Mirrorgw-Verdict: unscannable; cause=oversize\r\n", counters: Counters{Unscannable: 1, Tagged: 1},
		},
		{
			name: "outgrew the spool, to be replaced", policy: replaceAll, mail: "\r\nhello", incomplete: true, verdict: "unscannable", action: Retry, cause: "oversize",
			counters: Counters{Unscannable: 1, Retried: 1},
		},
		{
			name: "quarantine full", mail: infectedMail, keepError: errFull, verdict: "infected", action: Retry, cause: "error",
			counters: Counters{Infected: 1, Retried: 1, QuarantineFailures: 1},
		},
		{
			name: "no notice", mail: infectedMail, noticeErr: errFull, verdict: "infected", action: Retry, cause: "error", kept: true,
			counters: Counters{Infected: 1, Retried: 1},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, tt.policy, &seeker{needle: payload, fail: tt.fail})
			b.keeper.err, b.composer.fail = tt.keepError, tt.noticeErr
			r := b.judge.Judge(t.Context(), origin(), newMail(t, tt.mail), !tt.incomplete)

			if r.Action != tt.action || r.Verdict.Class.String() != tt.verdict || string(r.Tag) != tt.tag {
				t.Errorf("%s, %s, tag %q", r.Verdict.Class, r.Action, r.Tag)
			}
			if (len(b.keeper.mails) == 1) != tt.kept || tt.kept && b.keeper.mails[0] != tt.mail {
				t.Errorf("kept %q", b.keeper.mails)
			}
			if wantNotice := tt.action == Replace; (string(r.Notice) != "") != wantNotice || (r.ID != "") != tt.kept {
				t.Errorf("notice %q, id %q", r.Notice, r.ID)
			}
			if got := b.judge.Counters(); got != tt.counters {
				t.Errorf("counters %+v", got)
			}
			line := b.messageLine(t)
			if line["verdict"] != tt.verdict || line["action"] != tt.action.String() {
				t.Errorf("logged %v", line)
			}
			if cause, _ := line["cause"].(string); cause != tt.cause {
				t.Errorf("logged cause %q", cause)
			}
			if tt.keepError != nil && !strings.Contains(b.log.String(), `"level":"ERROR"`) {
				t.Errorf("a failing quarantine is not logged aloud:\n%s", b.log)
			}
		})
	}
}

// messageLine returns the one log line about the mail.
func (b *bench) messageLine(t *testing.T) map[string]any {
	t.Helper()
	var found map[string]any
	for line := range strings.Lines(b.log.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		if fields["msg"] == "message" {
			if found != nil {
				t.Error("two lines about one mail")
			}
			found = fields
		}
	}
	if found == nil {
		t.Fatalf("no line about the mail in\n%s", b.log)
	}
	return found
}

func TestLogLine(t *testing.T) {
	b := newBench(t, nil, &seeker{needle: payload})
	b.judge.Judge(t.Context(), origin(), newMail(t, infectedMail), true)
	line := b.messageLine(t)
	keys := []string{"time", "level", "msg", "client", "server", "user", "protocol", "verdict", "action", "size", "sha256", "findings", "took", "id"}
	for k := range line {
		if !slices.Contains(keys, k) {
			t.Errorf("key %q", k)
		}
	}
	for _, k := range keys {
		if _, ok := line[k]; !ok {
			t.Errorf("no key %q", k)
		}
	}
	if line["user"] != "joe msg=message verdict=clean [0m" || line["client"] != "192.168.1.20:50000" || line["size"] != float64(len(infectedMail)) {
		t.Errorf("line %v", line)
	}
	findings, _ := json.Marshal(line["findings"])
	if string(findings) != `[{"engine":"seeker","part":"","rule":"Needle"},{"engine":"seeker","part":"1","rule":"Needle"}]` {
		t.Errorf("findings %s", findings)
	}
	if strings.Contains(b.log.String(), "hello") {
		t.Error("the subject is in the log")
	}
}

// C1: an engine that stays down refuses a mail, but never blocks a mailbox for good.
func TestEscalation(t *testing.T) {
	b := newBench(t, nil, &seeker{fail: func(*Part) error { return errDown }})
	mail, other := newMail(t, "\r\nhello"), newMail(t, "\r\nother")
	judge := func(after time.Duration, mail *Buffer) Action {
		b.now = b.now.Add(after)
		return b.judge.Judge(t.Context(), origin(), mail, true).Action
	}
	var got []Action
	for _, after := range []time.Duration{0, time.Minute, time.Minute, 58*time.Minute - 1, 1} {
		got = append(got, judge(after, mail))
	}
	if want := []Action{Retry, Retry, Retry, Retry, Replace}; !slices.Equal(got, want) {
		t.Errorf("actions %v, want %v", got, want)
	}
	// Twice in a long time is not often enough, and each mail counts for itself.
	got = []Action{judge(0, other), judge(48*time.Hour, other), judge(0, other)}
	if want := []Action{Retry, Retry, Replace}; !slices.Equal(got, want) {
		t.Errorf("actions %v, want %v", got, want)
	}
	// A client that has gone has not been refused.
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	third := newMail(t, "\r\nthird")
	for range 5 {
		b.now = b.now.Add(time.Hour)
		b.judge.Judge(gone, origin(), third, true)
	}
	if a := judge(time.Hour, third); a != Retry {
		t.Errorf("action %s for the first refusal", a)
	}
	// Where quarantine fails too, the mail stays where it is.
	b.keeper.err = errors.New("disk full")
	if a := judge(0, other); a != Retry {
		t.Errorf("action %s", a)
	}
}

// Refusals count while engines go on failing, and where policy refuses: a mail that could be judged meanwhile begins anew, and one that
// is tagged all the same stays so.
func TestOnlyRefusalsEscalate(t *testing.T) {
	down := true
	fail := func(*Part) error {
		if down {
			return errDown
		}
		return nil
	}
	b := newBench(t, nil, &seeker{fail: fail})
	mail := newMail(t, "\r\nhello")
	var got []Action
	for i, up := range []bool{false, false, true, false, false} {
		down = !up
		b.now = b.now.Add(time.Hour)
		if i == 4 {
			b.now = b.now.Add(-time.Minute) // within the hour that has begun anew
		}
		got = append(got, b.judge.Judge(t.Context(), origin(), mail, true).Action)
	}
	if want := []Action{Retry, Retry, Deliver, Retry, Retry}; !slices.Equal(got, want) {
		t.Errorf("actions %v, want %v", got, want)
	}
	policy := DefaultPolicy()
	policy[CauseError] = Tag
	b = newBench(t, policy, &seeker{fail: fail})
	for range escalateTries + 1 {
		b.now = b.now.Add(escalateAfter)
		if r := b.judge.Judge(t.Context(), origin(), mail, true); r.Action != Tag {
			t.Errorf("action %s", r.Action)
		}
	}
}

// Mails that cannot be read back from the spool have no digest: they are not taken for one mail that is refused again and again.
func TestMailsWithoutADigestDoNotEscalate(t *testing.T) {
	b := newBench(t, nil, &seeker{})
	for i := range 5 {
		b.now = b.now.Add(escalateAfter)
		mail := Spool{Memory: 1}.NewBuffer()
		defer mail.Close()
		if _, err := mail.Write([]byte("\r\n" + strings.Repeat("x", i))); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(mail.flush(), mail.file.Close()); err != nil {
			t.Fatal(err)
		}
		if r := b.judge.Judge(t.Context(), origin(), mail, true); r.Action != Retry || r.Verdict.Cause != CauseError || r.Verdict.SHA256 != [32]byte{} {
			t.Errorf("%s after verdict %+v", r.Action, r.Verdict)
		}
	}
	if n, failed := b.judge.retries.order.Len(), b.judge.Counters().QuarantineFailures; n != 0 || failed != 0 {
		t.Errorf("%d mails are counted, %d were to be replaced", n, failed)
	}
}

func TestEscalationTableIsBounded(t *testing.T) {
	e := NewRetries()
	now := time.Now()
	var key [32]byte
	for i := range 3 * maxRetried {
		key[0], key[1], key[2] = byte(i), byte(i>>8), byte(i>>16)
		e.due(key, now)
	}
	if len(e.byKey) != maxRetried || e.order.Len() != maxRetried {
		t.Errorf("%d and %d entries", len(e.byKey), e.order.Len())
	}
	e.due(key, now)
	if !e.due(key, now.Add(escalateAfter)) {
		t.Error("the latest mail was forgotten")
	}
	again := [32]byte{0: 1, 31: 1}
	e.due(again, now)
	for i := range maxRetried - 1 { // of which one is that again
		if i == maxRetried/2 {
			e.due(again, now)
			continue
		}
		e.due([32]byte{0: byte(i), 1: byte(i >> 8), 30: 1}, now)
	}
	e.due([32]byte{29: 1}, now)
	e.due([32]byte{29: 2}, now)
	if !e.due(again, now.Add(escalateAfter)) {
		t.Error("not the mail refused longest ago was forgotten")
	}
	e.due(key, now)
	e.forget(key)
	if len(e.byKey) != maxRetried-1 || e.order.Len() != maxRetried-1 {
		t.Errorf("%d and %d entries", len(e.byKey), e.order.Len())
	}
}

func TestJudgeInParallel(t *testing.T) {
	b := newBench(t, nil, &seeker{fail: func(*Part) error { return errDown }})
	var wg sync.WaitGroup
	for range 8 {
		mail := newMail(t, "\r\nhello")
		wg.Go(func() { b.judge.Judge(t.Context(), origin(), mail, true) })
	}
	wg.Wait()
	if got := b.judge.Counters(); got.Retried != 8 {
		t.Errorf("counters %+v", got)
	}
}

func TestVerdictField(t *testing.T) {
	hostile := Finding{Engine: "x\r\n", Rule: "Rül; e=\"\r\nBcc: x" + strings.Repeat("y", 2000)}
	v := Verdict{Class: Infected, Findings: []Finding{{Engine: "yara", Rule: "A"}, hostile, hostile, hostile, hostile, hostile}}
	field := VerdictField(v, CauseInfected, "0123456789ab")
	if !strings.HasPrefix(field, "X-Mirrorgw-Verdict: infected; finding=yara:A; finding=x__:R_l__e____Bcc__xyyy") || !strings.HasSuffix(field, "; id=0123456789ab") {
		t.Errorf("field %q", field)
	}
	if len(field) > 900 {
		t.Errorf("%d octets", len(field))
	}
	for _, c := range []byte(field) {
		if c < ' ' || c > '~' {
			t.Errorf("octet %#x in %q", c, field)
		}
	}
}
