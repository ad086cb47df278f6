package scanner

import (
	"context"
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
