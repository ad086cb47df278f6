package carve

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Law: the lines of a text are what cutting it at CR LF, LF and CR makes, wherever buffers end.
func FuzzLines(f *testing.F) {
	f.Add("a\r\nb\n\rc\r\r\n\n", 0)
	f.Add("a=b\rc", 32<<10-3)
	f.Add("\r\n", 64<<10-1)
	f.Add("a:b\n=\nc\n:", 32<<10-2)
	f.Fuzz(func(t *testing.T, text string, ahead int) {
		ahead = max(ahead, 0) % (80 << 10)
		text = strings.Repeat("x", ahead) + text + strings.Repeat("y\r\n", 20) + text
		want := strings.Split(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"), "\n")
		if want[len(want)-1] == "" {
			want = want[:len(want)-1]
		}
		for _, pass := range []bool{false, true} {
			linesAre(t, newLineReader([]byte(text), nil), text, want, pass)
			linesAre(t, newLineReader(nil, io.NewSectionReader(strings.NewReader(text), 0, int64(len(text)))), text, want, pass)
		}
	})
}

// linesAre checks the lines that are read of text. pass: those like the one before are passed over where they are digits.
func linesAre(t *testing.T, lines *lineReader, text string, want []string, pass bool) {
	var got []string
	var l line
	for at := int64(0); ; at = lines.at {
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
		if !l.colons && strings.Contains(string(l.text), ":") || !l.equals && strings.Contains(string(l.text), "=") {
			t.Fatalf("%q: colons %v, equals %v", l.text, l.colons, l.equals)
		}
		got = append(got, full)
		if pass {
			for range lines.passDigits(&l) {
				next := want[len(got)]
				if len(next) != l.length || !allDigits([]byte(next)) {
					t.Fatalf("passed over %q", next)
				}
				got = append(got, next)
			}
			n, _, end := lines.passProse()
			got = append(got, want[len(got):len(got)+n]...)
			if ends := text[int(lines.at)-end : lines.at]; n > 0 && ends != "\n" && (ends != "\r\n" || strings.HasSuffix(text[:int(lines.at)-end], "\r")) {
				t.Fatalf("passed over %q, the last of %d that ends in %q", got[len(got)-n:], n, ends)
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d octets: got %s, want %s", len(text), short(got), short(want))
	}
}

func short(lines []string) string {
	var b strings.Builder
	for _, l := range lines[:min(len(lines), 8)] {
		fmt.Fprintf(&b, "%d:%.10q ", len(l), l)
	}
	return b.String()
}

// Law: where the search is calm, a line of digits behind another changes nothing but their number, and one of prose nothing but what is
// counted of it. Each octet is a line of picks.
func FuzzCalm(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0, 0, 9, 0, 0, 8, 0, 0, 4, 0, 0, 0})
	f.Add([]byte{5, 2, 0, 0, 3, 0, 0, 6, 0, 2, 7, 0, 0, 10, 0, 0, 11, 0, 0, 12, 0, 0})
	f.Add([]byte{0, 3, 0, 0, 2, 0, 0, 4, 0, 0})
	f.Add([]byte{14, 5, 2, 3, 6, 2, 0, 0, 0, 13, 0, 0, 13, 2, 0, 0, 0})
	picks := []string{
		"QUJDQUJDQUJDQUJDQUJDQUJDQUJD", "some text", "", "--b", "--c", "Content-Transfer-Encoding: base64", "Content-Type: text/plain",
		" QUJDQUJDQUJDQUJDQUJDQUJDQUJD", "QUJDQUJDQUJDQUJDQUJDQUJDQUJD=", "Q", "begin 644 x", "begin-base64 644 x", "QUJD-_JDQUJDQUJDQUJDQUJDQUJD", " ",
		"Content-Type: multipart/mixed; boundary=b",
		"some text ", "be gone", "-x", "(x)", "x: y", "a=b", "=", "begin", "x y=", "\ttext", "Boundary", "a\x00b", "tab\t", "-", "a--b",
	}
	f.Add([]byte{1, 13, 1, 1, 15, 16, 1, 17, 1, 18, 1, 19, 1, 20, 1, 21, 1, 22, 1, 23, 1, 1, 24, 1, 25, 1, 26, 1, 27, 1, 28, 1, 29, 1})
	f.Add([]byte{1, 3, 1, 2, 1, 5, 1, 2, 1, 1, 0, 1, 0, 14, 1, 3, 1, 1, 10, 1, 1, 3})
	f.Fuzz(func(t *testing.T, lines []byte) {
		s := &search{bounded: true, fields: true, headless: true}
		for at, pick := range lines {
			text := []byte(picks[int(pick)%len(picks)])
			l := line{
				text: text, at: int64(at), next: int64(at + 1), length: len(text),
				colons: strings.Contains(string(text), ":"), equals: strings.Contains(string(text), "="),
			}
			before := *s
			before.starts = slices.Clone(s.starts)
			s.line(&l, 1)
			if !before.calm() {
				continue
			}
			reader := newLineReader([]byte(string(text)+"\n"), nil)
			reader.fill()
			switch n, trailing, _ := reader.passProse(); {
			case before.digits && allDigits(text):
				before.sofar.lines++
			case !before.digits && n > 0:
				before.prose(n, trailing)
			default:
				continue
			}
			if !reflect.DeepEqual(before, *s) {
				t.Fatalf("line %d of %v made of %+v %+v", at, lines, before, *s)
			}
		}
	})
}
