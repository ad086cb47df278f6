package main

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"slices"
	"testing"
)

// What is not wanted for its name is found in a mail's parts and in the archives among them.
func TestScanFindsNames(t *testing.T) {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	if _, err := w.Create("folder/Run.JS"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	attachment := func(name, content string) string {
		return "Content-Disposition: attachment; filename=\"" + name + "\"\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString([]byte(content)) + "\n"
	}
	dir := tree(t, map[string]string{
		"1": attachment("report.pdf", "x"), "2": attachment("invoice.pdf.SCR", "x"), "3": attachment("all.zip", archive.String()), "4": attachment("report.txt", "%PDF-1.7\n"),
	})
	cfg := write(t, "m.yaml", valid(t.TempDir())+"scan: {names: {block: ['*.js'], double_extensions: true, types: [application/pdf]}}\n")
	code, stdout, stderr := call(t, builtIn(), "scan", "--json", "-c", cfg, dir)
	var found []string
	for _, e := range elements(t, stdout) {
		rule := ""
		if len(e.Findings) > 0 {
			rule = e.Findings[0].Engine + ":" + e.Findings[0].Rule
		}
		found = append(found, rule)
	}
	if code != exitNo || stderr != "" || !slices.Equal(found, []string{"", "names:double-extension:pdf.scr", "names:extension:js", "names:type:application/pdf"}) {
		t.Errorf("exit %d, %q, %q", code, stderr, found)
	}
}
