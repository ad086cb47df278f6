package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestQuarantineRelease(t *testing.T) {
	k := keep(t, eicarMail, cleanMail, "Subject: stays\n\n")
	code, stdout, stderr := k.call(t, "release", k.ids[0], "000000000000", k.ids[1])
	if code != exitNo || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "no such item in quarantine") {
		t.Errorf("exit %d, %q", code, stderr)
	}
	if want := k.ids[0] + " waits for its reader's next login\n" + k.ids[1] + " waits for its reader's next login\n"; stdout != want {
		t.Errorf("got %q, want %q", stdout, want)
	}
	code, stdout, stderr = k.call(t, "release", "--json", k.ids[0])
	var done []releasedItem
	if err := json.Unmarshal([]byte(stdout), &done); err != nil || code != exitDone || stderr != "" || len(done) != 1 || done[0] != (releasedItem{k.ids[0], "waiting"}) {
		t.Errorf("exit %d, %v, %q, %q", code, err, stdout, stderr)
	}
	for id, want := range map[string]string{k.ids[0]: "\nrelease waiting\n", k.ids[2]: "\nrelease\n"} {
		if _, stdout, _ := k.call(t, "show", id); !strings.Contains(squeezeLines(stdout), want) {
			t.Errorf("%q is not in %s", want, stdout)
		}
	}
	if code, stdout, _ := k.call(t, "release", "--json", "000000000000"); code != exitNo || stdout != "[]\n" {
		t.Errorf("exit %d, %q", code, stdout)
	}
}
