package config

import (
	"slices"
	"strings"
	"testing"

	"mirrorgw/scanner"
)

func TestDifferences(t *testing.T) {
	parse := func(text string) *Config {
		t.Helper()
		f, err := Parse("f", []byte(text), Overrides{})
		if err != nil {
			t.Fatal(err)
		}
		return &f.Config
	}
	for _, c := range []struct{ a, b, want string }{
		{minimal, minimal, ""},
		{
			minimal, "addresses: [192.168.1.2/24, 'fd00:1::2/64']\nrouters: [192.168.1.1]\ndevice: {mac: '02:00:5e:10:00:01', queues: 2}\n" +
				"intercept: [{stls: pass, skip: {clients: [192.168.1.9]}}]\nscan: {yara: {rules: [/a]}}\nspool: {dir: /s}\nmetrics: {listen: ''}\n",
			"device.mac device.queues addresses intercept[0].skip.clients intercept[0].stls spool.dir scan.yara.rules metrics.listen",
		},
		{minimal, minimal + "intercept: []\n", "intercept"},
		{minimal, minimal + "log: {level: debug}\nscan: {limits: {depth: 3}}\n", "scan.limits.depth log.level"},
	} {
		a, b := parse(c.a), parse(c.b)
		for _, got := range [][]string{Differences(a, b), Differences(b, a)} {
			if strings.Join(got, " ") != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		}
	}
	a, b := Default(), Default()
	a.Scan.Policy[scanner.CauseInfected], b.Scan.Policy[scanner.CauseError] = scanner.Deliver, scanner.Deliver
	delete(b.Scan.Policy, scanner.CauseBudget)
	if got := Differences(a, b); !slices.Equal(got, []string{"scan.policy.budget", "scan.policy.error", "scan.policy.infected"}) {
		t.Errorf("%s", got)
	}
}

// Each key that Differences names is one the file has a place for: else what is said about it points nowhere.
func TestDifferencesNameKeysOfTheFile(t *testing.T) {
	f, err := Parse("f", []byte(everything), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range Differences(Default(), &f.Config) {
		if _, ok := f.places[key]; !ok {
			t.Errorf("%s has no place in the file", key)
		}
	}
}
