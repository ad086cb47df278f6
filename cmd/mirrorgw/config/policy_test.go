package config

import (
	"slices"
	"strings"
	"testing"

	"mirrorgw/scanner"
)

// Every cause takes every action, and each pair says in words what it does.
func TestEveryPolicyIsReadAndShown(t *testing.T) {
	for cause := range scanner.DefaultPolicy() {
		for _, action := range []scanner.Action{scanner.Deliver, scanner.Tag, scanner.Replace, scanner.Retry} {
			f, err := Parse("f", []byte(minimal+"scan: {policy: {"+string(cause)+": "+action.String()+"}}\n"), Overrides{})
			if err != nil {
				t.Fatal(err)
			}
			want := scanner.DefaultPolicy()
			want[cause] = action
			for c, a := range want {
				if got := f.Config.Scan.Policy[c]; got != a {
					t.Errorf("%s: %s: %s is %s, want %s", cause, action, c, got, a)
				}
			}
			var b strings.Builder
			if err := Write(&b, &f.Config); err != nil {
				t.Fatal(err)
			}
			words := map[scanner.Action]string{scanner.Deliver: "as it came", scanner.Tag: "X-Mirrorgw-Verdict", scanner.Replace: "a notice, the original is kept", scanner.Retry: "stays on the server"}
			_, line, _ := strings.Cut(b.String(), "    "+string(cause)+": "+action.String()+"  # ")
			line, _, _ = strings.Cut(line, "\n")
			if !strings.Contains(line, "the client gets ") || !strings.Contains(line, words[action]) {
				t.Errorf("%s: %s is shown as %q", cause, action, line)
			}
			if third := strings.Contains(line, "third"); third != (cause == scanner.CauseError && action == scanner.Retry) {
				t.Errorf("%s: %s is shown as %q", cause, action, line)
			}
		}
	}
}

// Of all pairs of cause and action those are warned of that hand over what is to be feared, and those that refuse a mail for ever.
func TestEveryPolicyIsWarnedOf(t *testing.T) {
	feared := []scanner.Cause{scanner.CauseInfected, scanner.CausePartial, scanner.CauseBudget, scanner.CauseError}
	for cause := range scanner.DefaultPolicy() {
		for action, want := range map[scanner.Action]bool{
			scanner.Deliver: slices.Contains(feared, cause), scanner.Tag: slices.Contains(feared, cause), scanner.Replace: false, scanner.Retry: cause != scanner.CauseError,
		} {
			f, err := Parse("f", []byte(minimal+"scan: {policy: {"+string(cause)+": "+action.String()+"}}\n"), Overrides{})
			if err != nil {
				t.Fatal(err)
			}
			if warnings := f.Warnings(); (len(warnings) == 1) != want || want && !strings.Contains(warnings.Error(), "scan.policy."+string(cause)+": "+action.String()+" ") {
				t.Errorf("%s: %s: %v", cause, action, warnings)
			}
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"", ""},
		{"scan: {policy: {encrypted: deliver, oversize: replace, malformed: replace, partial: replace, infected: replace}}", ""},
		{"shadow: true", "f:3:9: shadow: true stops no mail, whatever is found in it"},
		{"intercept: []", "f:3:12: intercept has no rule: all mail is forwarded unscanned"},
		{"scan: {policy: {infected: deliver}}", "f:3:27: scan.policy.infected: deliver hands over what an engine found; to try the gateway out there is shadow: true"},
		{"scan: {policy: {infected: tag}}", "f:3:27: scan.policy.infected: tag hands over what an engine found; to try the gateway out there is shadow: true"},
		{"scan: {policy: {error: tag}}", "f:3:24: scan.policy.error: tag hands mail over unscanned whenever an engine is down"},
		{"scan: {policy: {budget: tag}}", "f:3:25: scan.policy.budget: tag hands over what was made not to be scanned; replace keeps it in quarantine"},
		{
			"scan: {policy: {malformed: retry, infected: retry}}",
			"f:3:28: scan.policy.malformed: retry refuses such a mail for ever, since it will be judged the same again; replace keeps it in quarantine\n" +
				"f:3:45: scan.policy.infected: retry refuses such a mail for ever, since it will be judged the same again; replace keeps it in quarantine",
		},
	} {
		f, err := Parse("f", []byte(minimal+c.file+"\n"), Overrides{})
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Warnings().Error(); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.file, got, c.want)
		}
	}
}
