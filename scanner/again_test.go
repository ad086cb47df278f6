package scanner

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// nameSeeker is a NameEngine that finds programs by their names.
type nameSeeker struct{ careless bool }

func (*nameSeeker) Name() string        { return "names" }
func (n *nameSeeker) NamesMatter() bool { return !n.careless }

func (n *nameSeeker) Scan(_ context.Context, part *Part) (Findings, error) {
	var found Findings
	for _, name := range part.Names {
		if strings.HasSuffix(name, ".exe") {
			found = append(found, Finding{Engine: n.Name(), Rule: "exe", Part: part.Path})
		}
	}
	return found, nil
}

// enclose returns a mail with an attachment for each name=content.
func enclose(attachments ...string) string {
	var b strings.Builder
	b.WriteString("Content-Type: multipart/mixed; boundary=b\r\n\r\n")
	for _, a := range attachments {
		name, content, _ := strings.Cut(a, "=")
		fmt.Fprintf(&b, "--b\r\nContent-Type: a/b; name=%q\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n", name, base64.StdEncoding.EncodeToString([]byte(content)))
	}
	return b.String() + "--b--\r\n"
}

// A content that stands in several places is judged once, and found in each leaf of the mail that has it; its names are judged one
// by one.
func TestContentSeenAgain(t *testing.T) {
	for _, c := range []struct {
		name     string
		careless bool
		mail     []string
		want     []string
	}{
		{"in two leaves", false, []string{"a=" + payload, "b=x", "c=" + payload}, []string{"seeker:Needle@1", "seeker:Needle@3"}},
		{
			"inside two leaves", false,
			[]string{"a=crate[x=" + payload + "]", "b=crate[x=" + payload + "]"},
			[]string{"seeker:Needle@1", "seeker:Needle@1/1", "seeker:Needle@2", "seeker:Needle@2/1"},
		},
		{"inside and as a leaf", false, []string{"a=crate[x=" + payload + "]", "b=" + payload}, []string{"seeker:Needle@1", "seeker:Needle@1/1", "seeker:Needle@2"}},
		{"not what begins alike", false, append(slices.Repeat([]string{"a=x"}, 9), "a="+payload, "a=x"), []string{"seeker:Needle@10"}},
		{"the second name", false, []string{"a.txt=x", "a.exe=x"}, []string{"names:exe@2"}},
		{"the first name", false, []string{"a.exe=x", "a.txt=x"}, []string{"names:exe@1"}},
		{"both names", false, []string{"a.exe=x", "b.exe=x"}, []string{"names:exe@1", "names:exe@2"}},
		{"the second name inside", false, []string{"a=crate[a.txt=x,b.exe=x,c.exe=x,=x]"}, []string{"names:exe@1/1"}},
		{"names and content", false, []string{"a.exe=" + payload, "a.txt=" + payload}, []string{"seeker:Needle@1", "names:exe@1", "seeker:Needle@2"}},
		{"names do not matter", true, []string{"a.txt=x", "a.exe=x"}, nil},
	} {
		engine := &seeker{needle: payload}
		s, err := New(Config{Engines: []Engine{engine, &nameSeeker{careless: c.careless}}, Openers: []Opener{crate{}}})
		if err != nil {
			t.Fatal(err)
		}
		v := s.Scan(t.Context(), newMail(t, enclose(c.mail...)), true)
		var got []string
		for _, f := range v.Findings {
			got = append(got, f.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: found %q, want %q", c.name, got, c.want)
		}
		asked := engine.parts()
		for i := range asked {
			_, asked[i], _ = strings.Cut(asked[i], `"`)
		}
		if all := len(asked); all != len(slices.Compact(slices.Sorted(slices.Values(asked)))) {
			t.Errorf("%s: an engine that does not go by names was asked twice about one content: %q", c.name, asked)
		}
	}
}

// Findings in many places stay bounded.
func TestFindingsSeenAgainAreBounded(t *testing.T) {
	s := newScanner(t, Limits{}, &seeker{needle: payload})
	if v := s.Scan(t.Context(), newMail(t, enclose(slices.Repeat([]string{"a=" + payload}, 5000)...)), true); len(v.Findings) != maxFindings {
		t.Errorf("%d findings", len(v.Findings))
	}
}
