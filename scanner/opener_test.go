package scanner

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

// crate is an Opener of contents such as "crate[name=content,name=content]": what it finds may be a crate again.
type crate struct {
	open func(part *Part, out Contents) (mine bool, err error) // what it does instead, where mine
}

func (crate) Name() string { return "crate" }

func (c crate) Open(_ context.Context, part *Part, out Contents) error {
	if c.open != nil {
		if mine, err := c.open(part, out); mine {
			return err
		}
	}
	content, err := regionBytes(part)
	if err != nil {
		return err
	}
	inner, ok := bytes.CutPrefix(bytes.TrimSpace(content), []byte("crate["))
	if !ok {
		return nil
	}
	inner = bytes.TrimSuffix(inner, []byte("]"))
	for len(inner) > 0 {
		depth := 0
		end := bytes.IndexFunc(inner, func(c rune) bool {
			switch c {
			case '[':
				depth++
			case ']':
				depth--
			}
			return c == ',' && depth == 0
		})
		member := inner
		if end < 0 {
			inner = nil
		} else {
			member, inner = inner[:end], inner[end+1:]
		}
		name, text, _ := bytes.Cut(member, []byte("="))
		if err := out.Member(string(name), "", bytes.NewReader(text)); err != nil {
			return err
		}
	}
	return nil
}

func scanWith(t *testing.T, limits Limits, o Opener, mail string) (Verdict, *seeker) {
	t.Helper()
	engine := &seeker{needle: payload}
	s, err := New(Config{Engines: []Engine{engine}, Openers: []Opener{o}, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	return s.Scan(t.Context(), newMail(t, mail), true), engine
}

func TestOpenersFindingsAreJudged(t *testing.T) {
	v, engine := scanWith(t, Limits{}, crate{}, "Subject: x\n\ncrate[a=one,b=crate[c="+payload+"]]")
	want := []string{
		`1 text/plain  "crate[a=one,b=crate[c=` + payload + `]]"`,
		`1/1  a "one"`,
		`1/2  b "crate[c=` + payload + `]"`,
		`1/2/1  c "` + payload + `"`,
	}
	if got := engine.parts(); !slices.Equal(got, want) {
		t.Errorf("the engine was asked about\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if v.Class != Infected || !slices.ContainsFunc(v.Findings, func(f Finding) bool { return f.Part == "1/2/1" }) {
		t.Errorf("verdict %v %v", v.Class, v.Findings)
	}
}

func TestOpenersAreBounded(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("crate[n=", n) + "end" + strings.Repeat("]", n) }
	endless := func(out Contents) error {
		return out.Member("", "", io.MultiReader(strings.NewReader("x"), zeros{}))
	}
	for _, test := range []struct {
		name   string
		limits Limits
		opener crate
		mail   string
		cause  Cause
		detail string
	}{
		{name: "depth at the limit", limits: Limits{Depth: 5}, mail: nested(5), cause: CauseNone},
		{name: "depth", limits: Limits{Depth: 5}, mail: nested(6), cause: CauseBudget, detail: "nested more than 5 deep"},
		{name: "parts at the limit", limits: Limits{Parts: 3}, mail: "crate[a=1,b=2]", cause: CauseNone},
		{name: "parts", limits: Limits{Parts: 3}, mail: "crate[a=1,b=2,c=3]", cause: CauseBudget, detail: "more than 3 parts"},
		{
			name: "octets", limits: Limits{Expanded: 1 << 20}, mail: "open me", cause: CauseBudget, detail: "expands to more than 1048576",
			opener: crate{open: func(_ *Part, out Contents) (bool, error) { return true, endless(out) }},
		},
		{
			name: "a note", mail: "open me", cause: CauseEncrypted, detail: "a.zip asks for a password (part 1)",
			opener: crate{open: func(part *Part, out Contents) (bool, error) {
				if part.Path == "1" {
					out.Note(CauseEncrypted, "a.zip asks for a password")
				}
				return true, nil
			}},
		},
		{
			name: "an error", mail: "open me", cause: CauseError, detail: "crate failed on part 1: torn",
			opener: crate{open: func(*Part, Contents) (bool, error) { return true, errors.New("torn") }},
		},
		{
			name: "a panic", mail: "open me", cause: CauseError, detail: "crate failed on part 1: panic",
			opener: crate{open: func(*Part, Contents) (bool, error) { panic("text of a mail") }},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			v, _ := scanWith(t, test.limits, test.opener, "Subject: x\n\n"+test.mail)
			if v.Cause != test.cause || !strings.Contains(v.Detail, test.detail) {
				t.Errorf("cause %q, %q; want %q, %q", v.Cause, v.Detail, test.cause, test.detail)
			}
			if (v.Class == Clean) != (test.cause == CauseNone) {
				t.Errorf("class %v", v.Class)
			}
		})
	}
}

// zeros is a reader without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestTornMemberIsJudged: what of a member can be read is judged, and the opener learns that it was torn.
func TestTornMemberIsJudged(t *testing.T) {
	torn := errors.New("torn")
	var got error
	v, _ := scanWith(t, Limits{}, crate{open: func(part *Part, out Contents) (bool, error) {
		if part.Path == "" {
			got = out.Member("a", "", io.MultiReader(strings.NewReader(payload), iotest.ErrReader(torn)))
		}
		return true, nil
	}}, "\nopen me")
	if v.Class != Infected {
		t.Errorf("verdict %v %q", v.Class, v.Detail)
	}
	if !errors.Is(got, torn) {
		t.Errorf("Member returned %v", got)
	}
}

// TestExpect: what states more than may be expanded is not even begun.
func TestExpect(t *testing.T) {
	for _, test := range []struct {
		states int64
		want   Class
	}{{100, Clean}, {101, Unscannable}} {
		v, engine := scanWith(t, Limits{Expanded: 100 + int64(len("text"))}, crate{open: func(part *Part, out Contents) (bool, error) {
			if part.Path != "1" {
				return true, nil
			}
			if err := out.Expect(test.states); err != nil {
				return true, err
			}
			return true, out.Member("a", "", strings.NewReader("content"))
		}}, "Subject: x\n\ntext")
		if v.Class != test.want || v.Class == Unscannable && (v.Cause != CauseBudget || len(engine.parts()) != 1) {
			t.Errorf("a part that states %d octets: %+v, parts %q", test.states, v, engine.parts())
		}
	}
}

// cycle is an Opener of contents that hold each other in turn: n of them, and then the first again; or, for n = 0, ever other ones.
type cycle struct{ n int }

func (cycle) Name() string { return "cycle" }

func (c cycle) Open(_ context.Context, part *Part, out Contents) error {
	text, err := io.ReadAll(part.Reader())
	if err != nil {
		return err
	}
	at, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return nil // none of its kinds
	}
	if at++; c.n > 0 {
		at %= c.n
	}
	return out.Member("", "", strings.NewReader(strconv.Itoa(at)))
}

// Archives that hold each other in a circle are judged once each, of whatever length the circle is. Where each differs from all before,
// as archives do that hold themselves but for a checksum, the depth is the bound.
func TestCircles(t *testing.T) {
	for n, want := range []Cause{CauseBudget, CauseNone, CauseNone, CauseNone} {
		v, engine := scanWith(t, Limits{}, cycle{n}, crlf("\n0"))
		if v.Cause != want || len(engine.asked) != 1+max(n, 1) && n > 0 {
			t.Errorf("a circle of %d: %+v, asked about %q", n, v, engine.asked)
		}
	}
}
