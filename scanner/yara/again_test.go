//go:build !noyara

package yara

import (
	"encoding/base64"
	"fmt"
	"slices"
	"testing"

	"mirrorgw/scanner"
)

// A rule that goes by names is asked about each name of a content that a mail has twice.
func TestRulesSeeEachNameOfAContent(t *testing.T) {
	path := writeRules(t, "names.yar", "rule Program { condition: extension == \".exe\" }\n")
	part := func(name string) string {
		return fmt.Sprintf("--b\r\nContent-Type: a/b; name=%s\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n", name, base64.StdEncoding.EncodeToString([]byte("x")))
	}
	mail := scanner.Spool{}.NewBuffer()
	defer mail.Close()
	if _, err := mail.Write([]byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part("a.txt") + part("a.exe") + "--b--\r\n")); err != nil {
		t.Fatal(err)
	}
	each(t, func(t *testing.T, workers int) {
		if newEngine(t, workers).NamesMatter() {
			t.Error("the built-in rules go by names")
		}
		sc, err := scanner.New(scanner.Config{Engines: []scanner.Engine{newEngine(t, workers, path)}})
		if err != nil {
			t.Fatal(err)
		}
		v := sc.Scan(t.Context(), mail, true)
		if want := []scanner.Finding{{Engine: Name, Rule: "Program", Part: "2"}}; !slices.Equal(v.Findings, want) {
			t.Errorf("found %v, want %v", v.Findings, want)
		}
	})
}
