package scanner

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// unhurried is an engine that looks for the payload, and takes 5 ms for each part.
func unhurried() *seeker {
	return &seeker{needle: payload, fail: func(*Part) error {
		time.Sleep(5 * time.Millisecond)
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

// Where an engine takes 5 ms for each part, mails without end have their verdict well within a second all the same. What was found
// before is named, and what is known of the parts that no engine was asked about counts.
func TestRehearsal(t *testing.T) {
	const walked = rehearseParts     // the multipart is one of the parts, and the whole mail is none
	const opened = rehearseParts + 1 // there is no multipart
	swap := func(part int, by string) string {
		return strings.Replace(manyParts(20_000), fmt.Sprintf("--b\n\npart %d\n", part-1), by, 1)
	}
	deep := strings.Repeat("crate[a=", 250) + strings.Repeat("]", 250)
	for _, tt := range []struct {
		name, mail string
		cause      Cause
		also       []Cause
		detail     string
		findings   string
		asked      int
	}{
		{"20,000 parts", manyParts(20_000), CauseBudget, nil, "more than 10000 parts", "", walked},
		{"20,000 members", "\n" + crateOf(20_000, ""), CauseBudget, nil, "more than 10000 parts", "", opened},
		{"octets", "\n" + crateOf(300, "bomb"), CauseBudget, nil, "expands to more than 10485760 octets", "", opened},
		{"depth", "\n" + crateOf(300, deep), CauseBudget, nil, "nested more than 16 deep", "", opened},
		{"few parts", nested(250), CauseBudget, nil, "nested more than 16 deep", "", 1},
		{"a cause in front", swap(3, "--b\n\nlocked\n"), CauseBudget, []Cause{CauseEncrypted}, "more than 10000 parts", "", walked},
		{"a cause behind", swap(900, "--b\n\nlocked\n"), CauseBudget, []Cause{CauseEncrypted}, "more than 10000 parts", "", walked},
		{"found in all of it", manyParts(20_000) + payload, CauseInfected, []Cause{CauseBudget}, "", "seeker:Needle", walked},
		{"found in front", swap(60, payloadPart), CauseInfected, []Cause{CauseBudget}, "", "seeker:Needle@60", walked},
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
				v := s.Scan(t.Context(), newMail(t, tt.mail), true)
				var findings []string
				for _, f := range v.Findings {
					findings = append(findings, f.String())
				}
				if v.Cause != tt.cause || !slices.Equal(v.Also, tt.also) || !strings.Contains(v.Detail, tt.detail) || strings.Join(findings, " ") != tt.findings {
					t.Errorf("%+v", v)
				}
				waits := tt.asked
				if len(tt.mail) > togetherSize && waits > 1 { // for the whole mail beside the others
					waits--
				}
				if len(engine.asked) != tt.asked || v.Took != time.Duration(waits)*5*time.Millisecond {
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
				if !rehearsed {
					s.rehearser = nil
				}
				v, asked = s.Scan(t.Context(), newMail(t, mail), true), len(engine.asked)
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
		opened := 0
		engine := unhurried()
		s, err := New(Config{Engines: []Engine{engine}, Limits: Limits{Time: 80 * time.Second}, Openers: []Opener{crate{open: func(*Part, Contents) (bool, error) {
			opened++
			time.Sleep(300 * time.Millisecond)
			return true, nil
		}}}})
		if err != nil {
			t.Fatal(err)
		}
		v := s.Scan(t.Context(), newMail(t, strings.TrimSuffix(manyParts(200), "\n")), true)
		if v.Class != Clean || len(engine.asked) != 201 || opened != 201+34 || v.Took != (201+34)*300*time.Millisecond+201*5*time.Millisecond {
			t.Errorf("%+v, %d questions, opened %d times", v, len(engine.asked), opened)
		}
	})
}

// A spool that is full while a mail is rehearsed, and has room again when its parts are there, says nothing of the mail.
func TestRehearsalMeetsAFullSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var quota Quota
		opened := 0
		engine := unhurried()
		s, err := New(Config{
			Engines: []Engine{called{"e", func(ctx context.Context, part *Part) (Findings, error) {
				quota.SetLimits(0, 0)
				return engine.Scan(ctx, part)
			}}},
			Openers: []Opener{crate{open: func(part *Part, _ Contents) (bool, error) {
				if part.Path == "1" {
					if opened++; opened == 2 {
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
		v := s.Scan(t.Context(), newMail(t, text), true)
		if full := quota.Counters().Full; v.Class != Clean || opened != 2 || full != 1 || len(engine.asked) != 201 {
			t.Errorf("%+v, opened %d times, full %d times, %d questions", v, opened, full, len(engine.asked))
		}
	})
}

// Who asks for an explanation is told which parts no engine was asked about, and which limit the mail would have met.
func TestRehearsalIsExplained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := unhurried()
		_, told := explain(t, Limits{}, manyParts(20_000), engine)
		if len(told.Parts) != 1+rehearseParts || told.LeftOut != told.Spent.Parts-1-rehearseParts || told.Spent.Parts != DefaultMaxParts+1 {
			t.Errorf("%d parts, %d left out, %+v", len(told.Parts), told.LeftOut, told.Spent)
		}
		if said := told.Parts[len(told.Parts)-1].Said; len(said) != 0 {
			t.Errorf("of the part at which it ended: %+v", said)
		}
	})
}
