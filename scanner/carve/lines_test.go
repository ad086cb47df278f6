package carve

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// Law: the lines of a text are what cutting it at CR LF, LF and CR makes, wherever buffers end.
func FuzzLines(f *testing.F) {
	f.Add("a\r\nb\n\rc\r\r\n\n", 0)
	f.Add("a=b\rc", 32<<10-3)
	f.Add("\r\n", 64<<10-1)
	f.Fuzz(func(t *testing.T, text string, ahead int) {
		ahead = max(ahead, 0) % (80 << 10)
		text = strings.Repeat("x", ahead) + text + strings.Repeat("y\r\n", 20) + text
		want := strings.Split(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"), "\n")
		if want[len(want)-1] == "" {
			want = want[:len(want)-1]
		}
		lines := newLineReader(io.NewSectionReader(strings.NewReader(text), 0, int64(len(text))))
		var got []string
		var l line
		for at := int64(0); ; at = l.next {
			err := lines.next(&l)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || l.at != at {
				t.Fatalf("a line at %d, want %d: %v", l.at, at, err)
			}
			full := text[l.at : l.at+int64(l.length)]
			if !strings.HasPrefix(full, string(l.text)) || !l.cut && len(l.text) < l.length {
				t.Fatalf("%.20q does not begin %.20q", l.text, full)
			}
			if end := text[l.at+int64(l.length) : l.next]; l.cr != (end == "\r") {
				t.Fatalf("end %q", end)
			}
			got = append(got, full)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d octets: got %s, want %s", len(text), short(got), short(want))
		}
	})
}

func short(lines []string) string {
	var b strings.Builder
	for _, l := range lines[:min(len(lines), 8)] {
		fmt.Fprintf(&b, "%d:%.10q ", len(l), l)
	}
	return b.String()
}
