package scanner

import (
	"bytes"
	"strings"
	"testing"
)

// Law: runs of lines, where there are any, are what comes line by line without them, up to the same boundaries. Each octet of picks is
// a line.
func FuzzRuns(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 0}, 0)
	f.Add([]byte{8, 0, 8, 2, 8, 3, 1, 3, 3, 4, 4}, lineBuffer-20)
	f.Add([]byte{9, 5, 9, 2}, 3*lineBuffer)
	f.Add([]byte{7, 8, 8}, lineBuffer-3) // the buffer ends behind the a
	picks := []string{
		"text\r\n", "text\n", "--b\r\n", "--b--\n", "--c\n", "--bb\r\n", "-\r\n", "\r\n", "a--b\r\n", "----------", "cr\r",
	}
	f.Fuzz(func(t *testing.T, lines []byte, ahead int) {
		text := strings.Repeat("x", max(ahead, 0)%(64<<10))
		for _, pick := range lines {
			text += picks[int(pick)%len(picks)]
		}
		for _, open := range [][]string{nil, {"b"}, {"b", "c"}} {
			if got, want := read(t, text, open, true), read(t, text, open, false); got != want {
				t.Errorf("%q within %q: got %q, want %q", text, open, got, want)
			}
		}
	})
}

// read returns the lines of text within the open multiparts, with what ends them, by runs or without.
func read(t *testing.T, text string, open []string, runs bool) string {
	var got bytes.Buffer
	l := newLines(strings.NewReader(text), int64(len(text)))
	for _, boundary := range open {
		l.push(boundary)
	}
	for {
		if runs {
			at := l.at()
			if run := l.run(); len(run) > 0 {
				if string(run) != text[at:l.at()] {
					t.Fatalf("%q: a run %q at %d", text, run, at)
				}
				got.Write(run)
			}
		}
		piece, _, ok, m, err := l.next()
		switch {
		case err != nil:
			t.Fatal(err)
		case ok:
			got.Write(piece)
			continue
		case m.level == atEOF:
			return got.String()
		}
		got.WriteString("[" + string(rune('0'+m.level)))
		if m.closing {
			got.WriteString("closed")
		}
		got.WriteString("]")
	}
}
