package pop3

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// FuzzCutter: what is left is the beginning of the message, up to as many lines as wanted behind the first blank one,
// however it is written.
func FuzzCutter(f *testing.F) {
	f.Add("a: b\r\n\r\none\r\ntwo\r\n", uint8(1), false, uint8(0))
	f.Add("a: b\n\none\ntwo\n", uint8(1), true, uint8(2))
	f.Add("\r\n\r\n", uint8(0), false, uint8(0))
	f.Add("a\r\n\n\r\r\n\r\nx", uint8(3), false, uint8(1))
	f.Fuzz(func(t *testing.T, wire string, lines uint8, lfOnly bool, piece uint8) {
		var got bytes.Buffer
		c := &cutter{w: &got, lines: uint64(lines), lfOnly: lfOnly}
		for chunk := range slices.Chunk([]byte(wire), int(piece)+1) {
			if n, err := c.Write(chunk); n != len(chunk) || err != nil {
				t.Fatalf("Write(%q) = %d, %v", chunk, n, err)
			}
		}
		eol := "\r\n"
		if lfOnly {
			eol = "\n"
		}
		var want strings.Builder
		body, left := false, int(lines)
		for _, line := range strings.SplitAfter(wire, eol) {
			if body && left == 0 {
				break
			}
			want.WriteString(line)
			if body {
				left--
			} else if line == eol || lfOnly && line == "\r\n" {
				body = true
			}
		}
		if got.String() != want.String() {
			t.Fatalf("TOP %d of %q is %q, want %q", lines, wire, got.String(), want.String())
		}
	})
}

func TestFieldsOnly(t *testing.T) {
	for _, tt := range []struct {
		wire   string
		lfOnly bool
		want   bool
	}{
		{"", false, true},
		{"\r\n", false, true},
		{"A: b\r\n", false, true},
		{"A: b\r\n\r\n", false, true},
		{"A: b\r\n c\r\n\td\r\n\r\n", false, true},
		{"A:\x80\xff\r\n", false, true},
		{"A: b\n\n", true, true},
		{"A: b\n", false, false},
		{"A: b", false, false},
		{" a\r\n", false, false},
		{":\r\n", false, false},
		{"A b: c\r\n", false, false},
		{"A\r\n", false, false},
		{"A: b\r\n\r\n\r\n", false, false},
		{"A: b\r\n\r\nC: d\r\n", false, false},
		{"A: b\rc\r\n", false, false},
		{"A: b\x00\r\n", false, false},
		{"\xc3\xa9: x\r\n", false, false},
	} {
		if got := fieldsOnly([]byte(tt.wire), tt.lfOnly); got != tt.want {
			t.Errorf("fieldsOnly(%q, %v) = %v", tt.wire, tt.lfOnly, got)
		}
	}
}
