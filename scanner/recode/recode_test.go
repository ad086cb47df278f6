package recode_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"mirrorgw/scanner"
	"mirrorgw/scanner/recode"
)

// take is a scanner.Contents that keeps what it is given.
type take struct{ contents, types []string }

func (t *take) Member(_, mediaType string, content io.Reader) error {
	b, err := io.ReadAll(content)
	t.contents = append(t.contents, string(b))
	t.types = append(t.types, mediaType)
	return err
}

func (t *take) Excerpt(int64, int64) error { return errors.New("not wanted") }

func (t *take) Text(content io.Reader) error { return t.Member("", "text/html", content) }

func (t *take) Expect(int64) error { return nil }

func (t *take) Note(scanner.Cause, string) {}

// open returns what is handed out of content, which is the same whether that is in memory or in a file.
func open(t testing.TB, path, content string) *take {
	t.Helper()
	var outs [2]take
	for i, memory := range [...]int64{1 << 20, 1} {
		b := scanner.Spool{Memory: memory}.NewBuffer()
		defer b.Close()
		if _, err := io.WriteString(b, content); err != nil {
			t.Fatal(err)
		}
		if err := (recode.Opener{}).Open(t.Context(), scanner.NewPart(path, "", "text/html", b), &outs[i]); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(outs[0].contents, outs[1].contents) || !slices.Equal(outs[0].types, outs[1].types) {
		t.Errorf("in memory %.100q, in a file %.100q", outs[0].contents, outs[1].contents)
	}
	return &outs[0]
}

// wide returns text in UTF-16 or, with 4 octets, UTF-32.
func wide(text string, octets int, big bool) string {
	var b []byte
	put := func(v uint32) {
		for i := range octets {
			shift := i
			if big {
				shift = octets - 1 - i
			}
			b = append(b, byte(v>>(8*shift)))
		}
	}
	if octets == 4 {
		for _, r := range text {
			put(uint32(r))
		}
		return string(b)
	}
	for _, u := range utf16.Encode([]rune(text)) {
		put(uint32(u))
	}
	return string(b)
}

// utf7 returns text in UTF-7 with everything shifted but letters, or with all of it shifted.
func utf7(text string, all bool) string {
	var b strings.Builder
	var run []rune
	flush := func() {
		if len(run) > 0 {
			b.WriteString("+" + base64.RawStdEncoding.EncodeToString([]byte(wide(string(run), 2, true))) + "-")
			run = nil
		}
	}
	for _, r := range text {
		if !all && ('a' <= r && r <= 'z' || r == ' ') {
			flush()
			b.WriteRune(r)
		} else {
			run = append(run, r)
		}
	}
	flush()
	return b.String()
}

const page = "<html><script>alert(\"ä 𝄞 1+1\")</script></html>"

func TestCharsets(t *testing.T) {
	for _, big := range []bool{false, true} {
		for _, octets := range []int{2, 4} {
			for _, mark := range []string{"", "\uFEFF"} {
				out := open(t, "1", wide(mark+page, octets, big))
				if !slices.Contains(out.contents, page) {
					t.Errorf("%d octets, big %v, mark %q: %q", octets, big, mark, out.contents)
				}
			}
		}
	}
	for _, high := range []string{"語", "𝄞", strings.Repeat("語", 40)} { // a shift that does not begin with a Latin letter
		if out := open(t, "1", utf7(high+page, true)); !slices.Contains(out.contents, high+page) {
			t.Errorf("UTF-7 behind %q: %q", high, out.contents)
		}
	}
	for _, all := range []bool{false, true} {
		if out := open(t, "1", utf7(page, all)); !slices.Contains(out.contents, page) {
			t.Errorf("UTF-7 %q: %q", utf7(page, all), out.contents)
		}
	}
	if out := open(t, "1", "x +ADw-p+AD4 y+-z+AGEAYg"); !slices.Contains(out.contents, "x <p> y+z"+"ab") {
		t.Errorf("%q", out.contents)
	}
	for _, text := range []string{"", "a", page, "call +49 221 or +A", "\x00\x01\x02\x03\x00\x00\x00\x00 a b", "name: data\n"} {
		if out := open(t, "1", text); len(out.contents) > 0 {
			t.Errorf("%q gave %q", text, out.contents)
		}
	}
	if out := open(t, "", wide(page, 2, false)); len(out.contents) > 0 {
		t.Errorf("the whole mail gave %q", out.contents)
	}
}

func TestDataURLs(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte(page))
	for _, test := range []struct {
		html       string
		want, typs []string
	}{
		{`<a href="data:text/html;base64,` + encoded + `">`, []string{page}, []string{"text/html"}},
		{`<a href='DATA:Text/HTML;charset=utf-8;BASE64,` + encoded + `'>`, []string{page}, []string{"text/html"}},
		{`<a href="data:text/html; base64 ,` + encoded + `">`, []string{page}, []string{"text/html"}},
		{`<a href="data:;base64,` + encoded[:20] + "\r\n\t" + url.QueryEscape(encoded[20:]) + `">`, []string{page}, []string{""}},
		{`<a href="data:text/html,` + url.PathEscape(page) + `">`, []string{page}, []string{"text/html"}},
		{`url(data:image/svg+xml,` + url.PathEscape("<svg>") + `)`, []string{"<svg>"}, []string{"image/svg+xml"}},
		{`data:,a%zz%4`, []string{"a%zz%4"}, []string{""}},
		{`<img src="data:a/b,one"><img src="data:a/c,two">`, []string{"one", "two"}, []string{"a/b", "a/c"}},
		{`<img src="data:a/b,data:a/c,two">`, []string{"data:a/c,two"}, []string{"a/b"}},
		{"data:a/b;base64,QUJD,data:text/html;base64," + encoded, []string{"ABCu\xabZ", page}, []string{"a/b", "text/html"}},
		{"`data:text/html;base64," + encoded + "`AAAA", []string{page}, []string{"text/html"}},
		{`<a href="data:no comma">`, nil, nil},
	} {
		for _, ahead := range []int{0, 1, 32<<10 - 16, 32<<10 - 12, 32<<10 - 8, 64 << 10} { // where windows end
			out := open(t, "1", strings.Repeat(" ", ahead)+test.html)
			if !slices.Equal(out.contents, test.want) || !slices.Equal(out.types, test.typs) {
				t.Errorf("%s behind %d octets: %q %q, want %q %q", test.html, ahead, out.contents, out.types, test.want, test.typs)
			}
		}
	}
}

// Laws: text comes back from UTF-16, UTF-7 and a URL as it was; and of nothing there comes more than one and a half times as much, for
// each of what may be in it.
func FuzzOpen(f *testing.F) {
	f.Add([]byte(page), 3)
	f.Add([]byte("+ADw-data:;base64,AAAA"), 1)
	f.Add([]byte("data:,%41data:,\"+AGE"), 5)
	f.Fuzz(func(t *testing.T, content []byte, ahead int) {
		text := "<p>" + strings.ReplaceAll(string(bytes.ToValidUTF8(content, nil)), "\uFEFF", "")
		for name, in := range map[string]string{
			"UTF-16": wide("\uFEFF"+text, 2, false),
			"UTF-7":  utf7(text, true),
			"URL":    strings.Repeat(" ", ahead&0xFFFF) + "data:;base64," + base64.StdEncoding.EncodeToString([]byte(text)),
		} {
			if out := open(t, "1", in); !slices.Contains(out.contents, text) {
				t.Errorf("%s: %q is not in %q", name, text, out.contents)
			}
		}
		total := 0
		for _, c := range open(t, "1", string(content)).contents {
			total += len(c)
		}
		if total > 3*len(content)+utf8.UTFMax {
			t.Error(fmt.Sprint(total), "octets of", len(content))
		}
	})
}
