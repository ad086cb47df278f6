//go:build !noyara

package yara

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mirrorgw/scanner"
)

const matcherRules = `
rule words { strings: $a = "needle" $b = /x{3,}/ $none = "nowhere" condition: any of them }
rule size { condition: filesize > 3 }
rule other { strings: $c = "nowhere" condition: $c }
`

func newMatcher(t *testing.T) *Matcher {
	t.Helper()
	m, err := NewMatcher(Config{Rules: []string{writeRules(t, "m.yar", matcherRules)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func TestMatcher(t *testing.T) {
	m := newMatcher(t)
	content := []byte("a needle, " + strings.Repeat("\x00needle", 20) + " xxxx")
	for _, inFile := range []bool{false, true} {
		found, err := m.Matches(t.Context(), newPart(t, content, inFile))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range found {
			if at := f.Offset; !bytes.HasPrefix(content[at:at+f.Length], []byte(f.Text)) {
				t.Errorf("%q is not at %d", f.Text, at)
			}
			got = append(got, fmt.Sprintf("%s %s %d %d %s", f.Rule, f.String, f.Offset, f.Length, f.Text))
		}
		want := []string{"words $a 2 6 needle"}
		for i := range maxPerString - 1 {
			want = append(want, fmt.Sprintf("words $a %d 6 needle", 11+7*i))
		}
		want = append(want, "words $b 151 4 xxxx")
		if i := slices.IndexFunc(found, func(f scanner.Match) bool { return f.More > 0 }); i != maxPerString-1 || found[i].More != 21-maxPerString {
			t.Errorf("more: %+v", found)
		}
		got = slices.DeleteFunc(got, func(s string) bool { return strings.HasPrefix(s, "words $b") && s != "words $b 151 4 xxxx" })
		if !slices.Equal(got, want) {
			t.Errorf("file %v: got\n%s\nwant\n%s", inFile, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestMatcherIsBounded(t *testing.T) {
	var rules strings.Builder
	for i := range 2 * maxMatches {
		fmt.Fprintf(&rules, "rule r%d { strings: $a = \"needle\" condition: $a }\n", i)
	}
	m, err := NewMatcher(Config{Rules: []string{writeRules(t, "many.yar", rules.String())}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	content := "needle" + strings.Repeat(" ", 1000)
	if found, err := m.Matches(t.Context(), newPart(t, []byte(content), false)); err != nil || len(found) != maxMatches {
		t.Errorf("%d matches, %v", len(found), err)
	}
	m = newMatcher(t)
	long := strings.Repeat("x", 3000)
	found, err := m.Matches(t.Context(), newPart(t, []byte(long), false))
	if err != nil || len(found) == 0 || found[0].Length != 512 || len(found[0].Text) != maxText {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestMatcherWithRulesThatDoNotCompile(t *testing.T) {
	if _, err := NewMatcher(Config{Rules: []string{writeRules(t, "bad.yar", "rule {")}}); err == nil || !strings.Contains(err.Error(), "bad.yar:1: ") {
		t.Errorf("got %v", err)
	}
}
