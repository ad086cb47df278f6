package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// ordinary are the mails that packages of the distribution bring along for tests of their own.
func ordinary() []string {
	return []string{
		"/usr/lib/python3*/test/test_email/data/msg_*.txt",
		"/usr/lib/python3/dist-packages/flufl/bounce/tests/data/*.txt",
		"/usr/share/gocode/src/github.com/jhillyerd/enmime/testdata/mail/*.raw",
	}
}

// maxUnscannable is 2 % of them.
const maxUnscannable = 4

// TestOrdinaryMailsAreScanned: of the mails that others test with, odd ones among them, next to none is unscannable with
// YARA and clamd, and none is taken for infected.
func TestOrdinaryMailsAreScanned(t *testing.T) {
	scratch := t.TempDir()
	folder := filepath.Join(scratch, "mails")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	total := 0
	for i, pattern := range ordinary() {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			total++
			if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d-%s.eml", i, filepath.Base(file))), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if total < 100 {
		t.Fatalf("only %d mails were found: tools/setup.sh installs the packages that hold them", total)
	}
	source, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	known, err := payloads()
	if err != nil {
		t.Fatal(err)
	}
	program, err := buildGateway(t.Context(), source, scratch)
	if err != nil {
		t.Fatal(err)
	}
	clamd, err := startClamd(t.Context(), scratch, known)
	if err != nil {
		t.Fatal(err)
	}
	defer clamd.Kill()
	verdicts, err := askGateway(t.Context(), program, folder, scratch, known, clamd)
	if err != nil {
		t.Fatal(err)
	}
	if len(verdicts) != total {
		t.Errorf("%d verdicts of %d mails", len(verdicts), total)
	}
	unscannable := 0
	for name, v := range verdicts {
		switch v.Verdict {
		case "clean":
			if v.Action != "deliver" {
				t.Errorf("%s is clean, and the action is %s", name, v.Action)
			}
		case "unscannable":
			unscannable++
			t.Logf("%s: %s", name, v.Cause)
		default:
			t.Errorf("%s: %s", name, v.Verdict)
		}
	}
	t.Logf("%d ordinary mails, %d unscannable (%.1f %%)", total, unscannable, percent(unscannable, total))
	if unscannable > maxUnscannable {
		t.Errorf("%d of %d ordinary mails are unscannable, %d at most should be", unscannable, total, maxUnscannable)
	}
}
