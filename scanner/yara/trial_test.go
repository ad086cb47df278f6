//go:build !noyara

package yara

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
)

// TestSlowConditionIsNamed hides a slow rule among many quick ones.
func TestSlowConditionIsNamed(t *testing.T) { each(t, testSlowConditionIsNamed) }

func testSlowConditionIsNamed(t *testing.T, workers int) {
	var rules strings.Builder
	for i := range 1500 {
		if i == 700 {
			rules.WriteString("rule Slow { condition: for any i in (0..filesize) : (uint8(i) == 1 and uint8(i+1) == 2 and uint8(i+2) == 3 and uint8(i) == 9) }\n")
		}
		fmt.Fprintf(&rules, "rule Quick_%d { strings: $a = \"quick%d_\" $b = { 4D 5A %02X %02X 11 22 } condition: any of them }\n", i, i, i%256, i/256)
	}
	path := writeRules(t, "many.yar", rules.String())
	e := namesSlow(t, workers, path, "rule Slow in "+path+" takes some ")
	// All rules are at work again.
	if got := scanContent(t, e, []byte("quick3_ \x01\x02\x03 quick1499_"), false); got != "Quick_3 Quick_1499" {
		t.Errorf("found %q", got)
	}
}

// TestSlowStringsAreNamed hides a slow string among files of quick ones.
func TestSlowStringsAreNamed(t *testing.T) { each(t, testSlowStringsAreNamed) }

func testSlowStringsAreNamed(t *testing.T, workers int) {
	dir := t.TempDir()
	for i := range 20 {
		text := fmt.Sprintf("rule Quick { strings: $a = \"quick%d\" condition: $a }\n", i)
		if i == 13 {
			text += "rule Slow { strings: $a = /[a-z ]{3,200}[a-z ]{3,200}/ condition: #a > 1000000 }\n"
		}
		if err := os.WriteFile(fmt.Sprintf("%s/%d.yar", dir, i), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	namesSlow(t, workers, dir, "strings of the rules in "+dir+"/13.yar take some ")
}

// namesSlow says whether an engine calls one thing slow, and tells of it in the log.
func namesSlow(t *testing.T, workers int, path, want string) *Engine {
	t.Helper()
	var log bytes.Buffer
	e, err := New(Config{Rules: []string{path}, Workers: workers, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	if slow := e.Slow(); len(slow) != 1 || !strings.HasPrefix(slow[0].String(), want) {
		t.Errorf("slow are %v", slow)
	}
	if strings.Count(log.String(), `msg="slow rule" what="`+want) != 1 {
		t.Errorf("the log says\n%s", log.String())
	}
	return e
}

// TestRulesWithoutEndAreRefused: what takes for ever on a few thousand octets would keep every mail.
func TestRulesWithoutEndAreRefused(t *testing.T) {
	path := writeRules(t, "endless.yar", "rule Quick { condition: false }\nrule Endless { condition: for all i in (0..filesize*filesize) : (uint8(i % filesize) >= 0) }\n")
	e, err := New(Config{Rules: []string{path}, Workers: 1})
	if err == nil {
		e.Close()
		t.Error("no error")
	} else if !strings.Contains(err.Error(), "rule Endless in "+path) {
		t.Errorf("got %v", err)
	}
}

// TestVariables: rules made for other scanners know what a part is called.
func TestVariables(t *testing.T) { each(t, testVariables) }

func testVariables(t *testing.T, workers int) {
	e := newEngine(t, workers, writeRules(t, "variables.yar", `
rule Name { condition: filename == "invoice.EXE" and filepath contains "dir" and extension == ".exe" }
rule Type { condition: filetype == "EXE" and owner == "" and md5 == "" }
rule None { condition: filename == "" and extension == "" and filetype == "" }
rule Size { condition: filesize == 3 and extension matches /^\.e/ }
`))
	for _, tt := range []struct {
		name    string
		content string
		want    string
	}{
		{"dir/invoice.EXE", "MZx", "Name Type Size"},
		{`dir\invoice.EXE`, "xyz", "Name Size"},
		{"", "text", "None"},
		{"a\x00.exe", "xyz", "Size"},
		{strings.Repeat("n", 5000), "text", ""},
	} {
		for _, inFile := range []bool{false, true} {
			part := newPart(t, []byte(tt.content), inFile)
			part.Name = tt.name
			found, err := e.Scan(t.Context(), part)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range found {
				got = append(got, f.Rule)
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("%.20q in a file %v: %q, want %q", tt.name, inFile, got, tt.want)
			}
		}
	}
}
