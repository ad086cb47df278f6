package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"mirrorgw/scanner"
)

// stubMatcher says where a stub's rule matches.
type stubMatcher struct{ closed bool }

func (*stubMatcher) Name() string { return "stub" }

func (m *stubMatcher) Close() error {
	m.closed = true
	return nil
}

func (*stubMatcher) Matches(_ context.Context, part *scanner.Part) ([]scanner.Match, error) {
	return []scanner.Match{{Rule: "EICAR", String: "$a", Offset: 7, Length: 68, Text: `X5\x00` + part.Path, More: 3}}, nil
}

// explaining are the rooms of a stub that says where it matches.
func explaining(m *stubMatcher) rooms {
	r := (&stub{}).rooms()
	r.openMatcher = func([]string) (matcher, error) { return m, nil }
	return r
}

func TestScanExplains(t *testing.T) {
	hostile := strings.Replace(eicarMail, "filename=", "filename=\"\x1b[2J\u202e\u009b1m"+strings.Repeat("long", 300)+"\"; x=", 1)
	if hostile == eicarMail {
		t.Fatal("the mail's attachment has no file name")
	}
	dir := tree(t, map[string]string{"a": cleanMail, "b\x1b": hostile})
	m := &stubMatcher{}
	code, stdout, stderr := call(t, explaining(m), "scan", "--explain", dir)
	if code != exitNo || stderr != "" || !m.closed {
		t.Errorf("exit %d, %q, closed %v", code, stderr, m.closed)
	}
	if strings.ContainsAny(stdout, "\x1b\u202e\u009b") {
		t.Errorf("a terminal would obey:\n%q", stdout)
	}
	for line := range strings.Lines(stdout) {
		if len(line) > 450 {
			t.Errorf("a line of %d octets", len(line))
		}
	}
	text := squeezeLines(stdout)
	for _, want := range []string{
		dir + "/a", "verdict clean", "action deliver", "whole mail " + itoa(len(cleanMail)) + " octets",
		`"` + dir + `/b\x1b"`, "verdict infected", "action replace, as scan.policy says of infected", "cause infected",
		`EICAR $a at 7, 68 octets: X5\x002 and 3 times more`,
	} {
		if !strings.Contains("\n"+text, "\n"+want+"\n") {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if !strings.Contains(text, "spent ") || !strings.Contains(text, "): EICAR\n") || !strings.Contains(text, "mails: 1 clean, 1 infected, 0 unscannable, ") || strings.Contains(text, "VERDICT") {
		t.Errorf("got\n%s", text)
	}
}

func TestScanExplainsInJSON(t *testing.T) {
	dir := tree(t, map[string]string{"a": eicarMail})
	_, stdout, _ := call(t, explaining(&stubMatcher{}), "scan", "--explain", "--json", dir)
	var list []struct {
		Verdict     string
		Explanation scanner.Explanation
	}
	if err := json.Unmarshal([]byte(stdout), &list); err != nil || len(list) != 1 {
		t.Fatalf("%v: %q", err, stdout)
	}
	e := list[0].Explanation
	if len(e.Parts) < 3 || len(e.Causes) != 1 || e.Spent.Parts == 0 || strings.Contains(stdout, "null") {
		t.Errorf("got %q", stdout)
	}
	matched := 0
	for _, p := range e.Parts {
		for _, a := range p.Said {
			matched += len(a.Matches)
		}
	}
	if matched != 1 {
		t.Errorf("%d matches in %q", matched, stdout)
	}
	if _, stdout, _ := call(t, explaining(&stubMatcher{}), "scan", "--json", dir); strings.Contains(stdout, "explanation") {
		t.Errorf("nobody asked for it: %q", stdout)
	}
}

func TestScanExplainsWithRulesThatDoNotCompile(t *testing.T) {
	r := (&stub{}).rooms()
	r.openMatcher = func([]string) (matcher, error) { return nil, errors.New("a.yar:1: syntax error") }
	if code, stdout, stderr := call(t, r, "scan", "--explain", "x"); code != exitIncomplete || stdout != "" || stderr != "mirrorgw: a.yar:1: syntax error\n" {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
}

func TestShortTime(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 1234: "1µs", 1234567: "1.23ms", 12345678901: "12.35s",
	} {
		if got := shortTime(d); got != want {
			t.Errorf("%d: got %s, want %s", d, got, want)
		}
	}
}
