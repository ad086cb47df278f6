//go:build !noyara

package yara

import (
	"bytes"
	"math"
	"os"
	"testing"

	"mirrorgw/scanner"
)

// TestStretches: a body that is a stretch of the mail's file is all that the rules see of it, whoever runs them and wherever in a page it
// begins.
func TestStretches(t *testing.T) {
	rule := writeRules(t, "stretch.yar", `rule Stretch { strings: $begin = "begins" $end = "ends" $b = "--b" condition: $begin at 0 and $end at filesize - 4 and not $b }`)
	for _, workers := range []int{0, 1} {
		s, err := scanner.New(scanner.Config{Engines: []scanner.Engine{newEngine(t, workers, rule)}, Spool: scanner.Spool{Dir: t.TempDir(), Memory: 1}})
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{10, 1000, 100_000} {
			body := "begins" + string(bytes.Repeat([]byte(" "), size-10)) + "ends"
			mail := scanner.Spool{Dir: t.TempDir(), Memory: 1}.NewBuffer()
			defer mail.Close()
			part := "--b\r\n\r\n" + body + "\r\n"
			if _, err := mail.Write([]byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n\r\n" + part + "--b\r\n\r\nother\r\n" + part + "--b--\r\n")); err != nil {
				t.Fatal(err)
			}
			v := s.Scan(t.Context(), mail, true)
			if len(v.Findings) != 2 || v.Findings[0].Part != "2" || v.Findings[1].Part != "4" || v.Cause != scanner.CauseInfected || len(v.Also) > 0 {
				t.Errorf("%d workers, %d octets: %+v", workers, size, v)
			}
		}
	}
}

// TestMapStretch: what is mapped is what stands there, and nothing is that does not.
func TestMapStretch(t *testing.T) {
	f, err := memoryFile("test")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	page := int64(os.Getpagesize())
	content := bytes.Repeat([]byte("0123456789"), int(page))
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	all := int64(len(content))
	for _, s := range []struct {
		at, size int64
		ok       bool
	}{
		{0, all, true},
		{1, all - 1, true},
		{page, page, true},
		{page - 1, 2, true},
		{3*page + 5, 4*page - 7, true},
		{all, 0, true},
		{7, 0, true},
		{0, all + 1, false},
		{1, all, false},
		{all + 1, 0, false},
		{-1, 1, false},
		{1, -1, false},
		{math.MaxInt64, 1, false},
		{1, math.MaxInt64, false},
		{math.MinInt64, math.MinInt64, false},
	} {
		m, err := mapStretch(f, s.at, s.size)
		if (err == nil) != s.ok || err == nil && !bytes.Equal(m.content, content[s.at:s.at+s.size]) {
			t.Errorf("%d at %d: %d octets, %v", s.size, s.at, len(m.content), err)
		}
		m.close()
	}
}
