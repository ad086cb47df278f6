package carve

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
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
	f.Add("some text\r\nother text\rmore text\nlast text\r\n\rx y\r", 32<<10)
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
			n, end, cr := lines.passUncounted()
			if n == 0 {
				n, _, end = lines.passProse()
			}
			got = append(got, want[len(got):len(got)+n]...)
			if ends := text[int(lines.at)-end : lines.at]; n > 0 && (cr != (ends == "\r") || !cr && ends != "\r\n" && (ends != "\n" || strings.HasSuffix(text[:int(lines.at)-end], "\r"))) {
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
// counted of it. Each octet is a line of picks, which ends in LF or, with 128 on top, in CR.
func FuzzCalm(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0, 0, 9, 0, 0, 8, 0, 0, 4, 0, 0, 0})
	f.Add([]byte{5, 2, 0, 0, 3, 0, 0, 6, 0, 2, 7, 0, 0, 10, 0, 0, 11, 0, 0, 12, 0, 0})
	f.Add([]byte{0, 3, 0, 0, 2, 0, 0, 4, 0, 0})
	f.Add([]byte{14, 5, 2, 3, 6, 2, 0, 0, 0, 13, 0, 0, 13, 2, 0, 0, 0})
	picks := []string{
		"QUJDQUJDQUJDQUJDQUJDQUJDQUJD", "some text", "", "--b", "--c", "Content-Transfer-Encoding: base64", "Content-Type: text/plain",
		" QUJDQUJDQUJDQUJDQUJDQUJDQUJD", "QUJDQUJDQUJDQUJDQUJDQUJDQUJD=", "Q", "begin 644 x", "begin-base64 644 x", "QUJD-_JDQUJDQUJDQUJDQUJDQUJD", " ",
		"Content-Type: multipart/mixed; boundary=b",
		"see https://example.org", "a=b c", "a=3Db =", "\x01: x", "\x01x", "\xff\xfe", "\v", "\vx", "\x00x:", "Content-Type:", "=x y",
		"some text ", "be gone", "-x", "(x)", "x: y", "a=b", "=", "begin", "x y=", "\ttext", "Boundary", "a\x00b", "tab\t", "-", "a--b",
	}
	f.Add([]byte{1, 15, 1, 16, 1, 17, 1, 18, 1, 19, 1, 20, 1, 21, 1, 22, 1, 23, 1, 24, 1, 25, 1, 129, 143, 144, 1, 145, 1, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40})
	f.Add([]byte{1, 13, 1, 1, 15, 16, 1, 17, 1, 18, 1, 19, 1, 20, 1, 21, 1, 22, 1, 23, 1, 1, 24, 1, 25, 1, 26, 1, 27, 1, 28, 1, 29, 1})
	f.Add([]byte{1, 3, 1, 2, 1, 5, 1, 2, 1, 1, 0, 1, 0, 14, 1, 3, 1, 1, 10, 1, 1, 3})
	f.Fuzz(func(t *testing.T, lines []byte) {
		s := &search{bounded: true, fields: true, headless: true}
		for at, pick := range lines {
			text, cr := []byte(picks[int(pick&127)%len(picks)]), pick >= 128
			l := line{
				text: text, cr: cr, at: int64(at), next: int64(at + 1), length: len(text),
				colons: strings.Contains(string(text), ":"), equals: strings.Contains(string(text), "="),
			}
			before := *s
			before.starts = slices.Clone(s.starts)
			s.line(&l, 1)
			if !before.calm() {
				continue
			}
			end := map[bool]string{false: "\n", true: "\r"}[cr]
			reader := newLineReader([]byte(string(text)+end), nil)
			reader.fill()
			n, trailing, _ := reader.passProse()
			uncounted, _, _ := reader.passUncounted()
			switch {
			case before.digits && allDigits(text) && !cr:
				before.sofar.lines++
			case !before.digits && n > 0:
				before.prose(n, trailing)
			case !before.digits && uncounted > 0:
				before.sofar = s.sofar
			default:
				continue
			}
			if !reflect.DeepEqual(before, *s) {
				t.Fatalf("line %d of %v made of %+v %+v", at, lines, before, *s)
			}
		}
	})
}

// Law: what a search finds does not depend on which lines it passes over, wherever buffers end and however the content is read.
func FuzzFind(f *testing.F) {
	f.Add([]byte("Content-Type: a/b\r\n\r\nx\r\n--b\r\n\r\nbegin 644 x\r\nabc\r\nend\r\n"), 0, 1)
	f.Add([]byte("a=b\rc: d\n\n--x\n"), 30_000, 2)
	f.Add([]byte("\r\n\r\nQUJDQUJDQUJDQUJDQUJDQUJDQUJD\r\nQUJDQUJDQUJDQUJDQUJDQUJDQUJD\r\nQUJD=\r\nQUJD\r\n"), 100_000, 3)
	f.Add([]byte("\n\r\n\r\r\n \t\n=ybegin name=x\n"), 200_000, 4)
	f.Add([]byte("some text\rx y\r\rQUJDQUJDQUJDQUJDQUJDQUJDQUJD\r--b\rother text\r=ybegin name=x\r"), 32_700, 6)
	f.Fuzz(func(t *testing.T, text []byte, ahead, seed int) {
		content := append(noiseOf(seed, max(ahead, 0)%300_000), text...)
		content = append(content, noiseOf(seed+2, len(content)%1000)...)
		content = append(content, bytes.Repeat(append(slices.Clip(text), '\n'), 3)...)
		for _, whole := range []bool{false, true} {
			want := plainFind(t, content, whole)
			for _, lines := range []*lineReader{
				newLineReader(content, nil),
				newLineReader(nil, io.NewSectionReader(bytes.NewReader(content), 0, int64(len(content)))),
			} {
				got, err := find(t.Context(), lines, whole)
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range []*search{got, want} { // what counts of the lines so far is in the extents of the starts
					s.sofar = traits{}
					for i := range s.starts {
						s.starts[i].already = traits{}
					}
				}
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("%d octets, whole %v: found\n%+v, plainly\n%+v", len(content), whole, got, want)
				}
			}
		}
	})
}

// plainFind is find without the lines that it passes over.
func plainFind(t *testing.T, content []byte, whole bool) *search {
	s := &search{bounded: true, fields: true, headless: whole}
	lines := newLineReader(content, nil)
	var l line
	before, lf := 0, false
	for {
		err := lines.next(&l)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		s.line(&l, before)
		if before = int(l.next-l.at) - l.length; l.cr && l.length == 0 && lf {
			before = 2
		}
		lf = before == 1 && !l.cr
	}
	s.end(lines.at, true)
	slices.SortStableFunc(s.starts, func(a, b start) int { return rank(a) - rank(b) })
	return s
}

// noiseOf returns n octets as they stand in a compressed file, or, of odd seeds, with many more line ends and signs in them.
func noiseOf(seed, n int) []byte {
	noise := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(noise) // never fails
	if seed%2 != 0 {
		for i, c := range noise {
			if c < 64 {
				noise[i] = "\r\n:= \t-bB(\x00\v\x01A~/"[c%16]
			}
		}
	}
	return noise
}
