package scanner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// pointer is a Matcher of an engine, and remembers what it was asked about.
type pointer struct {
	name  string
	count int
	err   error
	asked []string
}

func (p *pointer) Name() string { return p.name }

func (p *pointer) Matches(_ context.Context, part *Part) ([]Match, error) {
	p.asked = append(p.asked, part.Path)
	return make([]Match, p.count), p.err
}

const explainedMail = `From: a@example.org
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; name="a.txt"

same
--b
Content-Type: multipart/alternative; boundary=c

--c

same
--c
Content-Type: application/x-crate; name*=utf-8''b%1b%5b2J.bin

crate[inner=` + payload + `,other=same]
--c--
--b
Content-Type: message/rfc822

Subject: inner
Content-Type: multipart/mixed; boundary=d

--d

end
--d--
--b--
`

func explain(t *testing.T, limits Limits, mail string, engine Engine, matchers ...Matcher) (Verdict, *Explanation) {
	t.Helper()
	s, err := New(Config{Engines: []Engine{engine}, Openers: []Opener{crate{}}, Limits: limits, Cache: 10})
	if err != nil {
		t.Fatal(err)
	}
	b := newMail(t, crlf(mail))
	first := s.Scan(t.Context(), b, true)
	v, told := s.Explain(t.Context(), b, true, matchers...)
	v.Took, first.Took = 0, 0
	if got, want := fmt.Sprint(v), fmt.Sprint(first); got != want {
		t.Errorf("explained %s, judged %s", got, want)
	}
	return v, told
}

func TestExplain(t *testing.T) {
	p, stranger := &pointer{name: "seeker", count: 1}, &pointer{name: "other"}
	_, told := explain(t, Limits{}, explainedMail, &seeker{needle: payload}, stranger, p)
	var got []string
	for _, e := range told.Parts {
		line := fmt.Sprintf("%d %s|%s|%s|%s|%s|%d", e.Depth, e.Path, e.Found, e.Type, e.Holds, e.Name, e.Size)
		if e.Same != nil {
			line += " as " + *e.Same
		}
		for _, a := range e.Said {
			line += fmt.Sprintf(" %s%q%d", a.Engine, a.Rules, len(a.Matches))
		}
		got = append(got, line)
	}
	size := len(crlf(explainedMail))
	want := []string{
		fmt.Sprintf(`0 |mail||multipart/mixed||%d seeker["Needle"]1`, size),
		`1 1|walk|text/plain||a.txt|4 seeker[]0`,
		`1 2|walk|multipart/alternative|||0`,
		`2 2.1|walk|text/plain|||4 as 1`,
		fmt.Sprintf(`2 2.2|walk|application/x-crate||b [2J.bin|%d seeker["Needle"]1`, len(payload)+len("crate[inner=,other=same]")),
		fmt.Sprintf(`3 2.2/1|crate|||inner|%d seeker["Needle"]1`, len(payload)),
		`3 2.2/|crate|||other|4 as 1`,
		fmt.Sprintf(`1 3|walk|message/rfc822|multipart/mixed||%d seeker[]0`, len(crlf("Subject: inner\nContent-Type: multipart/mixed; boundary=d\n\n--d\n\nend\n--d--"))),
		`3 3.1|walk|text/plain|||3 seeker[]0`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !slices.Equal(p.asked, []string{"", "2.2", "2.2/1"}) || stranger.asked != nil {
		t.Errorf("asked %q and %q", p.asked, stranger.asked)
	}
	if s := told.Spent; s.Parts == 0 || s.PartsMax != DefaultMaxParts || s.Depth != 3 || s.DepthMax != DefaultMaxDepth || s.Expanded == 0 || s.ExpandedMax != DefaultMaxExpanded || s.TimeMax != DefaultMaxTime {
		t.Errorf("spent %+v", s)
	}
	if len(told.Causes) != 1 || told.Causes[0].Cause != CauseInfected {
		t.Errorf("causes %+v", told.Causes)
	}
}

func TestExplainTellsWhatWentWrong(t *testing.T) {
	engine := &seeker{fail: func(p *Part) error {
		if p.Path == "1" {
			return &Obstacle{Cause: CauseEncrypted, Detail: "locked"}
		}
		return errors.New("broken")
	}}
	var mail strings.Builder
	mail.WriteString("Content-Type: multipart/mixed; boundary=b\n\n")
	for i := range 5 {
		fmt.Fprintf(&mail, "--b\n\n%d\n", i)
	}
	v, told := explain(t, Limits{}, mail.String()+"--b--\n", engine)
	if v.Class != Unscannable || len(told.Causes) != 2 || told.Causes[0].Cause != CauseError || told.Causes[1] != (Reason{CauseEncrypted, "seeker: locked (part 1)"}) {
		t.Errorf("%v, causes %+v", v, told.Causes)
	}
	var got []string
	for _, p := range told.Parts {
		for _, a := range p.Said {
			got = append(got, fmt.Sprintf("%s %v %s", p.Path, a.Asked, a.Error))
		}
	}
	if want := []string{" true broken", "1 true locked", "2 true broken", "3 true broken", "4 false ", "5 false "}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	failing := &pointer{name: "seeker", err: errors.New("no rules")}
	_, told = explain(t, Limits{}, "\n"+payload+"\n", &seeker{needle: payload}, failing)
	if got := told.Parts[0].Said[0].Error; got != "where it matches: no rules" {
		t.Errorf("got %q", got)
	}
}

func TestExplanationIsBounded(t *testing.T) {
	var mail strings.Builder
	mail.WriteString("Content-Type: multipart/mixed; boundary=b\n\n")
	for i := range maxExplained + 10 {
		fmt.Fprintf(&mail, "--b\nContent-Type: a/b; name=%0250d\n\n%d\n", i, i)
	}
	p := &pointer{name: "seeker", count: maxMatches + 1}
	_, told := explain(t, Limits{Parts: 2 * maxExplained}, mail.String()+payload, &seeker{needle: payload}, p)
	if len(told.Parts) != maxExplained || told.LeftOut != 11 {
		t.Errorf("%d parts, %d left out", len(told.Parts), told.LeftOut)
	}
	if n := len(told.Parts[0].Said[0].Matches); n != maxMatches {
		t.Errorf("%d matches", n)
	}
	if len(p.asked) != 1 {
		t.Errorf("asked of parts that are left out: %q", p.asked)
	}
}
