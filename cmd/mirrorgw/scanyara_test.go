//go:build !noyara

package main

import (
	"strings"
	"testing"
)

func TestScanAsksTheEngineThatIsBuiltIn(t *testing.T) {
	dir := tree(t, map[string]string{"clean": cleanMail, "eicar": eicarMail, "spotted": "Subject: x\n\nleopard\n"})
	code, stdout, stderr := call(t, builtIn(), "scan", "--json", dir)
	list := elements(t, stdout)
	if code != exitNo || stderr != "" || len(list) != 3 || list[0].Verdict != "clean" || list[1].Verdict != "infected" || list[2].Verdict != "clean" {
		t.Errorf("exit %d, %q, %+v", code, stderr, list)
	}
	rule := write(t, "rule.yar", `rule leopard { strings: $a = "leopard" condition: $a }`)
	config := write(t, "m.yaml", valid(t.TempDir())+"scan: {yara: {rules: ["+rule+"]}}\n")
	_, stdout, _ = call(t, builtIn(), "scan", "--json", "-c", config, dir)
	if list := elements(t, stdout); len(list) != 3 || list[2].Verdict != "infected" || list[2].Findings[0].Rule != "leopard" {
		t.Errorf("got %+v", list)
	}
}

// Rules that do not compile are an error of the configuration to every command that needs them.
func TestScanWithRulesThatDoNotCompile(t *testing.T) {
	rule := write(t, "rule.yar", "rule a {\n\tcondition: nonsense\n}\n")
	for _, c := range []struct {
		rules, want string
		hunt        int
	}{
		{rule, "mirrorgw: " + rule + ":2: ", exitUsage},
		{"/nope.yar", "mirrorgw: yara rules: stat /nope.yar: no such file or directory\n", exitNo},
	} {
		config := write(t, "m.yaml", valid(t.TempDir())+"scan: {yara: {rules: ["+c.rules+"]}}\n")
		code, stdout, stderr := call(t, builtIn(), "scan", "-c", config, rule)
		if code != exitIncomplete || stdout != "" || !strings.HasPrefix(stderr, c.want) {
			t.Errorf("exit %d, %q, %q", code, stdout, stderr)
		}
		if code, _, stderr := call(t, builtIn(), "quarantine", "hunt", "-c", config); code != c.hunt || !strings.HasPrefix(stderr, c.want) {
			t.Errorf("hunt: exit %d, %q", code, stderr)
		}
	}
}
