package scanner

import (
	"context"
	"strings"
	"testing"
)

// pen is a Rewriter that strikes out the first octet of each mail.
type pen struct {
	spool Spool
	asked int
}

func (p *pen) Rewrite(_ context.Context, mail *Buffer) []Edit {
	p.asked++
	text := p.spool.NewBuffer()
	if _, err := text.Write([]byte("instead\r\n")); err != nil {
		panic(err)
	}
	return []Edit{{At: 0, End: 1, Text: text}}
}

// Only mails that are wholly there and are delivered or tagged are changed, and neither in shadow mode nor once they were released.
func TestRewrite(t *testing.T) {
	for _, tt := range []struct {
		name, mail string
		incomplete bool
		shadow     bool
		edits      int
	}{
		{"clean", "Subject: x\r\n\r\nhello", false, false, 1},
		{"tagged", "Content-Type: multipart/mixed\r\nContent-Transfer-Encoding: x\r\n\r\n", false, false, 1},
		{"infected", infectedMail, false, false, 0},
		{"not all there", "Subject: x\r\n\r\nhello", true, false, 0},
		{"shadow mode", "Subject: x\r\n\r\nhello", false, true, 0},
	} {
		quota := &Quota{}
		p := &pen{spool: Spool{Quota: quota}}
		b := newBench(t, nil, &seeker{needle: payload})
		b.judge.rewriter, b.judge.shadow = p, tt.shadow
		r := b.judge.Judge(t.Context(), origin(), newMail(t, tt.mail), !tt.incomplete)
		if len(r.Edits) != tt.edits || p.asked != tt.edits || b.judge.Counters().Rewritten != uint64(tt.edits) {
			t.Errorf("%s: %s with %d edits, asked %d, counted %d", tt.name, r.Action, len(r.Edits), p.asked, b.judge.Counters().Rewritten)
		}
		if logged := b.messageLine(t)["rewritten"]; tt.edits > 0 && logged != float64(tt.edits) || tt.edits == 0 && logged != nil {
			t.Errorf("%s: logged %v", tt.name, logged)
		}
		if r.Close(); quota.Counters().Memory != 0 {
			t.Errorf("%s: %d octets are not given back", tt.name, quota.Counters().Memory)
		}
	}
}

// The rest of a mail that is kept is changed too. It stays in the spool's memory, and where there is none left the whole mail is replaced.
func TestRewriteOfTheRest(t *testing.T) {
	for _, c := range []struct {
		memory int64
		kept   bool
	}{{0, true}, {14 << 10, false}} {
		b := newBench(t, nil, &seeker{needle: payload})
		quota := &Quota{}
		quota.SetLimits(c.memory, 0)
		scanner, err := New(Config{Engines: []Engine{&seeker{needle: payload}}, Spool: Spool{Quota: quota, Dir: t.TempDir()}})
		if err != nil {
			t.Fatal(err)
		}
		judge, err := NewJudge(JudgeConfig{Scanner: scanner, Keeper: b.keeper, Composer: b.composer, Parts: parts{}, Rewriter: &pen{}})
		if err != nil {
			t.Fatal(err)
		}
		r := judge.Judge(t.Context(), origin(), newMail(t, strings.Replace(mixed(), "epilogue", strings.Repeat("x", 4<<10), 1)), true)
		held, rewritten := int64(0), uint64(0)
		if c.kept {
			held, rewritten = int64(cap(r.Notice)), 1
		}
		counters := judge.Counters()
		if r.KeptRest != c.kept || strings.HasPrefix(string(r.Notice), "instead\r\n") != c.kept || counters.Rewritten != rewritten || counters.NoRoomForRest != 1-rewritten {
			t.Errorf("kept %t, %+v, %.20q", r.KeptRest, counters, r.Notice)
		}
		if got := quota.Counters().Memory; got != held {
			t.Errorf("%d octets are held, want %d", got, held)
		}
		if r.Close(); quota.Counters().Memory != 0 {
			t.Errorf("%d octets are held when the ruling is closed", quota.Counters().Memory)
		}
	}
}
