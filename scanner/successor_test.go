package scanner

import (
	"maps"
	"testing"
	"time"
)

// A successor judges by what it is made of, and remembers what its predecessor counted and refused.
func TestSuccessor(t *testing.T) {
	b := newBench(t, nil, &seeker{fail: func(*Part) error { return errDown }})
	mail := newMail(t, "\r\nhello")
	b.judge.Judge(t.Context(), origin(), mail, true)
	b.judge.Judge(t.Context(), origin(), mail, true)
	b.now = b.now.Add(time.Hour)

	now := func() time.Time { return b.now }
	same, err := b.judge.Successor(JudgeConfig{Scanner: newScanner(t, Limits{}, &seeker{fail: func(*Part) error { return errDown }}), Keeper: b.keeper, Composer: b.composer, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if r := same.Judge(t.Context(), origin(), mail, true); r.Action != Replace {
		t.Errorf("the third refusal, an hour after the first: %s", r.Action)
	}
	policy := DefaultPolicy()
	policy[CauseInfected] = Tag
	other, err := same.Successor(JudgeConfig{Scanner: newScanner(t, Limits{}, &seeker{needle: payload}), Keeper: b.keeper, Composer: b.composer, Policy: policy, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if r := other.Judge(t.Context(), origin(), newMail(t, infectedMail), true); r.Action != Tag || r.Verdict.Class != Infected {
		t.Errorf("by the new scanner and policy: %s, %s", r.Verdict.Class, r.Action)
	}

	want := Counters{Infected: 1, Unscannable: 3, Tagged: 1, Replaced: 1, Retried: 2}
	rulings := map[RulingKind]uint64{{"pop3", Unscannable, Retry}: 2, {"pop3", Unscannable, Replace}: 1, {"pop3", Infected, Tag}: 1}
	for _, j := range []*Judge{b.judge, same, other} {
		if got := j.Counters(); got != want {
			t.Errorf("counters %+v, want %+v", got, want)
		}
		if got := j.Rulings(); !maps.Equal(got, rulings) {
			t.Errorf("rulings %v, want %v", got, rulings)
		}
	}
	if _, err := b.judge.Successor(JudgeConfig{}); err == nil {
		t.Error("a judge without a scanner")
	}
}
