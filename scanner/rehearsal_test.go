package scanner

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// unhurriedTime is no divisor of rehearseAfter: an answer and the rehearsal do not come at once.
const unhurriedTime = 7 * time.Millisecond

// unhurried is an engine that looks for the payload, and takes its time for each part.
func unhurried() *seeker {
	return &seeker{needle: payload, fail: func(*Part) error {
		time.Sleep(unhurriedTime)
		return nil
	}}
}

// storehouse opens crates. Contents that begin with locked or torn have a cause, and those that begin with bomb have no end.
func storehouse() crate {
	return crate{open: func(part *Part, out Contents) (bool, error) {
		content, err := regionBytes(part)
		switch word, _, _ := strings.Cut(string(content), " "); {
		case err != nil:
			return true, err
		case word == "locked":
			out.Note(CauseEncrypted, "it asks for a password")
		case word == "torn":
			out.Note(CauseMalformed, "it is torn")
		case word == "bomb":
			return true, out.Member("", "", zeros{})
		}
		return false, nil
	}}
}

// crateOf returns a crate of n different members and a last one.
func crateOf(n int, last string) string {
	var b strings.Builder
	b.WriteString("crate[")
	for i := range n {
		fmt.Fprintf(&b, "a=member %d,", i)
	}
	return b.String() + "a=" + last + "]"
}

// payloadPart is a part that holds the payload where the whole mail does not show it.
const payloadPart = "--b\nContent-Transfer-Encoding: base64\n\nTUFMV0FSRS1GT1ItVEVTVFMvMDEyMzQ1Njc4OQ==\n"

// Where an engine takes 7 ms for each part, mails without end have their verdict well within a second all the same. What was found
// before is named, and what is known of the parts that no engine was asked about counts.
func TestRehearsal(t *testing.T) {
	const soon = int(rehearseAfter/unhurriedTime) + 1 // questions, one after the other, until the first answer after the rehearsal
	swap := func(part int, by string) string {
		return strings.Replace(manyParts(20_000), fmt.Sprintf("--b\n\npart %d\n", part-1), by, 1)
	}
	deep := strings.Repeat("crate[a=", 250) + strings.Repeat("]", 250)
	large := strings.ReplaceAll(manyParts(20_000), "\npart", "\n"+strings.Repeat("part ", 12)+"part")
	for _, tt := range []struct {
		name, mail string
		cause      Cause
		also       []Cause
		detail     string
		findings   string
		asked      int // one after the other
	}{
		{"20,000 parts", manyParts(20_000), CauseBudget, nil, "more than 10000 parts", "", soon},
		{"20,000 large parts", large, CauseBudget, nil, "more than 10000 parts", "", rehearseParts},
		{"20,000 members", "\n" + crateOf(20_000, ""), CauseBudget, nil, "more than 10000 parts", "", soon},
		{"octets", "\n" + crateOf(300, "bomb"), CauseBudget, nil, "expands to more than 10485760 octets", "", soon},
		{"depth", "\n" + crateOf(300, deep), CauseBudget, nil, "nested more than 16 deep", "", soon},
		{"done at once", nested(250), CauseBudget, nil, "nested more than 16 deep", "", 1},
		{"a cause in front", swap(3, "--b\n\nlocked\n"), CauseBudget, []Cause{CauseEncrypted}, "more than 10000 parts", "", soon},
		{"a cause behind", swap(900, "--b\n\nlocked\n"), CauseBudget, []Cause{CauseEncrypted}, "more than 10000 parts", "", soon},
		{"found in all of it", manyParts(20_000) + payload, CauseInfected, []Cause{CauseBudget}, "", "seeker:Needle", soon},
		{"found in front", swap(20, payloadPart), CauseInfected, []Cause{CauseBudget}, "", "seeker:Needle@20", soon},
		{"within the limits", strings.TrimSuffix(manyParts(1000), "\n"), CauseNone, nil, "", "", 1001},
		{"found behind", strings.Replace(manyParts(1000), "--b\n\npart 899\n", payloadPart, 1), CauseInfected, nil, "", "seeker:Needle@900", 1001},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var quota Quota
				engine := unhurried()
				s, err := New(Config{
					Engines: []Engine{engine}, Openers: []Opener{storehouse()}, Limits: Limits{Expanded: 10 << 20},
					Spool: Spool{Dir: t.TempDir(), Quota: &quota},
				})
				if err != nil {
					t.Fatal(err)
				}
				v := s.scan(t.Context(), newMail(t, tt.mail), true, true, nil)
				var findings []string
				for _, f := range v.Findings {
					findings = append(findings, f.String())
				}
				if v.Cause != tt.cause || !slices.Equal(v.Also, tt.also) || !strings.Contains(v.Detail, tt.detail) || strings.Join(findings, " ") != tt.findings {
					t.Errorf("%+v", v)
				}
				asked := tt.asked
				if len(tt.mail) > togetherSize && asked > 1 { // about the whole mail beside the others
					asked++
				}
				if len(engine.asked) != asked || v.Took != time.Duration(tt.asked)*unhurriedTime {
					t.Errorf("%d questions, %v", len(engine.asked), v.Took)
				}
				if c := quota.Counters(); c.Memory != 0 || c.Disk != 0 {
					t.Errorf("still held: %+v", c)
				}
			})
		})
	}
}

// Law: but for a mail that meets a limit, a verdict is the same with a rehearsal and without; of one that does, no cause is left out,
// and nothing is found that is not found without.
func TestRehearsalChangesNoVerdict(t *testing.T) {
	var stopped, within, infected int
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 5))
		limits := Limits{Parts: 150 + r.IntN(600), Depth: 6 + r.IntN(4), Expanded: 10_000 + r.Int64N(40_000)}
		mail := randomMail(r)
		scan := func(rehearsed bool) (v Verdict, asked int) {
			synctest.Test(t, func(t *testing.T) {
				engine := unhurried()
				s, err := New(Config{Engines: []Engine{engine}, Openers: []Opener{storehouse()}, Limits: limits})
				if err != nil {
					t.Fatal(err)
				}
				v, asked = s.scan(t.Context(), newMail(t, mail), true, rehearsed, nil), len(engine.asked)
			})
			v.Took = 0
			return v, asked
		}
		with, askedWith := scan(true)
		without, askedWithout := scan(false)
		if len(with.Findings) > 0 {
			infected++
		}
		if askedWith == askedWithout {
			within++
			if !reflect.DeepEqual(with, without) {
				t.Fatalf("seed %d: %+v with a rehearsal, %+v without", seed, with, without)
			}
			continue
		}
		stopped++
		causes := func(v Verdict) map[Cause]bool {
			all := map[Cause]bool{v.Cause: true}
			for _, c := range v.Also {
				all[c] = true
			}
			delete(all, CauseInfected)
			return all
		}
		if askedWith > askedWithout || !causes(with)[CauseBudget] || !maps.Equal(causes(with), causes(without)) || !prefix(with.Findings, without.Findings) {
			t.Fatalf("seed %d: %+v with a rehearsal, %+v without", seed, with, without)
		}
	}
	t.Logf("%d mails within the limits or of few parts, %d cut short; in %d something was found", within, stopped, infected)
	if stopped < 30 || within < 30 || infected < 30 || infected > 90 {
		t.Error("the mails are too much alike")
	}
}

func prefix(short, long []Finding) bool {
	return len(short) <= len(long) && slices.Equal(short, long[:len(short)])
}

// randomMail returns a mail of up to some hundreds of parts, some of which are crates, mails and multiparts in their turn.
func randomMail(r *rand.Rand) string {
	var b strings.Builder
	hostile := r.IntN(2) == 0
	var fill func(level int)
	var packed func(level int) string
	packed = func(level int) string {
		switch n := r.IntN(1000); {
		case n < 2 && hostile:
			return payload
		case n < 12:
			return "locked " + fmt.Sprint(r.IntN(10))
		case n < 20:
			return "torn"
		case n < 60 && level > 0:
			members := make([]string, r.IntN(20))
			for i := range members {
				members[i] = "n=" + packed(level-1)
			}
			return "crate[" + strings.Join(members, ",") + "]"
		default:
			return "text " + fmt.Sprint(r.IntN(1000))
		}
	}
	fill = func(level int) {
		switch n := r.IntN(100); {
		case n == 0 && hostile:
			b.WriteString("Content-Transfer-Encoding: base64\n\nTUFMV0FSRS1GT1ItVEVTVFMvMDEyMzQ1Njc4OQ==\n")
		case n < 5:
			b.WriteString("Content-Type: message/rfc822\n\n")
			fill(level - 1)
		case n < 10 && level > 0:
			boundary := fmt.Sprintf("b%d", level)
			b.WriteString("Content-Type: multipart/mixed; boundary=" + boundary + "\n\n")
			for range r.IntN(30) {
				b.WriteString("--" + boundary + "\n")
				fill(level - 1)
			}
			b.WriteString("--" + boundary + "--\n")
		default:
			b.WriteString("\n" + packed(3) + "\n")
		}
	}
	b.WriteString("Content-Type: multipart/mixed; boundary=top\n\n")
	for range 50 + r.IntN(200) {
		b.WriteString("--top\n")
		fill(2)
	}
	return b.String()
}

// A rehearsal that takes too long tells nothing, and is given up.
func TestRehearsalIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened atomic.Int64 // the rehearsal is beside
		engine := unhurried()
		s, err := New(Config{Engines: []Engine{engine}, Limits: Limits{Time: 80 * time.Second}, Openers: []Opener{crate{open: func(*Part, Contents) (bool, error) {
			opened.Add(1)
			time.Sleep(300 * time.Millisecond)
			return true, nil
		}}}})
		if err != nil {
			t.Fatal(err)
		}
		v := s.scan(t.Context(), newMail(t, strings.TrimSuffix(manyParts(200), "\n")), true, true, nil)
		if v.Class != Clean || len(engine.asked) != 201 || opened.Load() != 201+34 || v.Took != 201*(300*time.Millisecond+unhurriedTime) {
			t.Errorf("%+v, %d questions, opened %d times", v, len(engine.asked), opened.Load())
		}
	})
}

// A spool that is full while a mail is rehearsed, and has room again when its parts are there, says nothing of the mail.
func TestRehearsalMeetsAFullSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var quota Quota
		var opened atomic.Int64
		engine := unhurried()
		s, err := New(Config{
			Engines: []Engine{called{"e", func(ctx context.Context, part *Part) (Findings, error) {
				defer quota.SetLimits(0, 0)
				return engine.Scan(ctx, part)
			}}},
			Openers: []Opener{crate{open: func(part *Part, _ Contents) (bool, error) {
				if part.Path == "1" {
					if opened.Add(1) == 2 {
						quota.SetLimits(1, 1)
					}
				}
				return true, nil
			}}},
			Spool: Spool{Dir: t.TempDir(), Quota: &quota},
		})
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(strings.TrimSuffix(manyParts(200), "\n"), "--b\n", "--b\nContent-Transfer-Encoding: quoted-printable\n")
		v := s.scan(t.Context(), newMail(t, text), true, true, nil)
		if full := quota.Counters().Full; v.Class != Clean || opened.Load() != 2 || full != 1 || len(engine.asked) != 201 {
			t.Errorf("%+v, opened %d times, full %d times, %d questions", v, opened.Load(), full, len(engine.asked))
		}
	})
}

// A bomb of few parts keeps no engine busy, where the policy has the same in store for it and for a virus. What another engine has found in it by
// then is named.
func TestBombsCallEnginesOff(t *testing.T) {
	settled, lenient := DefaultPolicy(), DefaultPolicy()
	lenient[CauseBudget] = Tag
	for _, tt := range []struct {
		name, mail string
		policy     Policy
		busy       time.Duration // the engine, where it is not called off
		class      Class
		took       time.Duration
		calledOff  uint64
	}{
		{"settled", "\ncrate[a=bomb]", settled, 3 * time.Second, Unscannable, rehearseAfter, 1},
		{"settled and found", "Subject: " + payload + "\n\ncrate[a=bomb]", settled, 3 * time.Second, Infected, rehearseAfter, 1},
		{"within the limits", "\ncrate[a=b]", settled, 100 * time.Second, Clean, 100 * time.Second * 3, 0},
		{"tagged", "\ncrate[a=bomb]", lenient, 3 * time.Second, Unscannable, 3 * time.Second * 3, 0},
		{"large", "\ncrate[a=bomb]" + strings.Repeat(" ", rehearseSize), settled, 3 * time.Second, Unscannable, 3 * time.Second * 2, 0},
		{"little time", "\ncrate[a=bomb]", settled, 3 * time.Second, Unscannable, rehearseAfter, 1},
		{"quick", "\ncrate[a=bomb]", settled, 10 * time.Millisecond, Unscannable, 30 * time.Millisecond, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				busy := called{"busy", func(ctx context.Context, part *Part) (Findings, error) {
					select {
					case <-time.After(tt.busy):
						return Findings{}, nil
					case <-ctx.Done():
						return Findings{}, ctx.Err()
					}
				}}
				limit := 1000 * time.Second
				if tt.name == "little time" { // of which the engine had half
					limit = 2 * rehearseAfter
				}
				var log bytes.Buffer
				s, err := New(Config{
					Engines: []Engine{&seeker{needle: payload}, busy}, Openers: []Opener{storehouse()},
					Limits: Limits{Expanded: 10 << 20, Time: limit}, Log: slog.New(slog.NewTextHandler(&log, nil)),
				})
				if err != nil {
					t.Fatal(err)
				}
				kept := &keeper{}
				judge, err := NewJudge(JudgeConfig{Scanner: s, Keeper: kept, Composer: &composer{t: t, k: kept}, Policy: tt.policy})
				if err != nil {
					t.Fatal(err)
				}
				v := judge.Judge(t.Context(), Origin{}, newMail(t, tt.mail), true).Verdict
				budget := v.Cause == CauseBudget || slices.Contains(v.Also, CauseBudget)
				if v.Class != tt.class || v.Took != tt.took || judge.Counters().CalledOff != tt.calledOff || budget != (tt.class != Clean) || v.Cause == CauseError || slices.Contains(v.Also, CauseError) || log.Len() > 0 {
					t.Errorf("%+v\n%s", v, &log)
				}
			})
		})
	}
}

func TestSettles(t *testing.T) {
	actions := []Action{Retry, Replace, Tag, Deliver}
	for _, infected := range actions {
		for _, budget := range actions {
			p := Policy{CauseInfected: infected, CauseBudget: budget}
			if want := infected == budget && (budget == Retry || budget == Replace); p.Settles(CauseBudget) != want {
				t.Errorf("infected %v, budget %v: %v", infected, budget, !want)
			}
		}
	}
}
