package literal_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"mirrorgw/scanner"
	"mirrorgw/scanner/literal"
)

// take is a scanner.Contents that keeps what it is given.
type take struct{ contents []string }

func (t *take) Member(_, _ string, content io.Reader) error {
	b, err := io.ReadAll(content)
	t.contents = append(t.contents, string(b))
	return err
}

func (*take) Excerpt(int64, int64) error { return errors.New("not wanted") }

func (*take) Text(io.Reader) error { return errors.New("not wanted") }

func (*take) Expect(int64) error { return nil }

func (*take) Note(scanner.Cause, string) {}

// open returns what is handed out of content, which is the same whether that is in memory or in a file.
func open(t testing.TB, content string) []string {
	t.Helper()
	var outs [2]take
	for i, memory := range [...]int64{64 << 20, 1} {
		b := scanner.Spool{Memory: memory}.NewBuffer()
		defer b.Close()
		if _, err := io.WriteString(b, content); err != nil {
			t.Fatal(err)
		}
		if err := (literal.Opener{}).Open(t.Context(), scanner.NewPart("1", "", "text/html", b), &outs[i]); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(outs[0].contents, outs[1].contents) {
		t.Errorf("in memory %.200q, in a file %.200q", outs[0].contents, outs[1].contents)
	}
	return outs[0].contents
}

// begins says whether one of contents begins with want, or holds it behind others.
func begins(contents []string, want string) bool {
	return slices.ContainsFunc(contents, func(s string) bool { return strings.HasPrefix(s, want) || strings.Contains(s, "\n"+want) })
}

// secret returns n octets of all values.
func secret(n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return "MZ\x00" + string(b)
}

// each returns what format makes of each octet of content, joined.
func each(content, format, joint string) string {
	var list []string
	for _, c := range []byte(content) {
		list = append(list, fmt.Sprintf(format, c))
	}
	return strings.Join(list, joint)
}

// pieces returns text in pieces of n octets, joined.
func pieces(text string, n int, joint string) string {
	var list []string
	for piece := range slices.Chunk([]byte(text), n) {
		list = append(list, string(piece))
	}
	return strings.Join(list, joint)
}

func TestLiterals(t *testing.T) {
	b64 := func(content string) string { return base64.StdEncoding.EncodeToString([]byte(content)) }
	for name, text := range map[string]func(content string) string{
		"string":          func(c string) string { return `<script>var d = atob("` + b64(c) + `");</script>` },
		"attribute":       func(c string) string { return `<body onload="x(atob(&quot;` + b64(c) + `&quot;))">` },
		"url safe":        func(c string) string { return `d='` + base64.RawURLEncoding.EncodeToString([]byte(c)) + `'` },
		"element":         func(c string) string { return "<pkg:binaryData>" + pieces(b64(c), 76, "\r\n") + "</pkg:binaryData>" },
		"indented":        func(c string) string { return "<data>\n\t\t  " + pieces(b64(c), 60, "\n\t\t  ") + "\n\t</data>" },
		"folded":          func(c string) string { return "\nPHOTO;ENCODING=b:" + pieces(b64(c), 70, "\r\n ") + "\r\n" },
		"short line":      func(c string) string { return ">" + pieces(b64(c), 20, "\n") + "<" },
		"word ahead":      func(c string) string { return "See\n" + pieces(b64(c), 76, "\n") },
		"escaped slashes": func(c string) string { return `{"a":"` + strings.ReplaceAll(b64(c), "/", `\/`) + `"}` },
		"escaped ends":    func(c string) string { return `{"a":"` + pieces(b64(c), 64, `\r\n`) + `"}` },
		"sum":             func(c string) string { return `d="` + pieces(b64(c), 40, `"+"`) + `";` },
		"sum in lines":    func(c string) string { return `d="` + pieces(b64(c), 70, "\" +\r\n    \"") + `";` },
		"sum of a piece":  func(c string) string { b := b64(c); return `d='` + b[:4] + `'+'` + b[4:] + `';` },
		"pieces ahead":    func(c string) string { b := b64(c); return `d='` + b[:1] + `' + '` + b[1:6] + "' +\n '" + b[6:] + `';` },
		"basic":           func(c string) string { return `s = "` + pieces(b64(c), 70, "\" & _\r\n    \"") + `"` },
		"array":           func(c string) string { return `["` + pieces(b64(c), 50, `","`) + `"].join("")` },
		"behind others":   func(c string) string { return `["` + strings.Repeat("QUJD", 14) + `QU","` + b64(c) + `"]` },
		"behind codes":    func(c string) string { return each("data:application/zip;base64,", "&#%d;", "") + b64(c) },
		"behind blanks":   func(c string) string { return "=" + strings.Repeat(" ", 40) + each(c, "%d", ", ") },
		"behind a sign":   func(c string) string { return "a=&b=" + hex.EncodeToString([]byte(c)) + "<" },
		"continued":       func(c string) string { return "d=\"" + pieces(b64(c), 76, "\\\n") + `";` },
		"template":        func(c string) string { return "d=`\n" + pieces(b64(c), 76, "\n") + "\n`;" },
		"hexadecimal":     func(c string) string { return `h="` + hex.EncodeToString([]byte(c)) + `";` },
		"hex lines":       func(c string) string { return "\n" + pieces(strings.ToUpper(hex.EncodeToString([]byte(c))), 64, "\n") },
		"x":               func(c string) string { return `d="` + each(c, `\x%02x`, "") + `";` },
		"x in strings":    func(c string) string { return `d="` + pieces(each(c, `\x%02x`, ""), 64, `"+"`) + `";` },
		"octal":           func(c string) string { return `d="` + each(c, `\%03o`, "") + `";` },
		"u":               func(c string) string { return `d="` + each(c, `\u%04x`, "") + `";` },
		"percent":         func(c string) string { return `unescape("` + each(c, "%%%02X", "") + `")` },
		"percent u":       func(c string) string { return `unescape("` + each(c, "%%u%04X", "") + `")` },
		"references":      func(c string) string { return "<pre>" + each(c, "&#%d;", "") + "</pre>" },
		"references, hex": func(c string) string { return "<pre>" + each(c, "&#x%x;", "") + "</pre>" },
		"quoted": func(c string) string {
			return "KEY;ENCODING=QUOTED-PRINTABLE:" + pieces(each(c, "=%02X", ""), 75, "=\r\n")
		},
		"numbers":         func(c string) string { return "new Uint8Array([" + each(c, "%d", ",") + "])" },
		"numbers, spaced": func(c string) string { return "[byte[]] (" + each(c, "0x%02x", ", ") + ")" },
		"pairs":           func(c string) string { return `"a"=hex:` + each(c, "%02x", ",") },
		"pairs in lines":  func(c string) string { return "<" + pieces(each(c, "%02X", " "), 48, "\r\n") + ">" },
		"calendar, short": func(c string) string { return "BEGIN:VCALENDAR\r\nATTACH:" + pieces(b64(c), 1, "\r\n\t") },
	} {
		for _, n := range []int{62, 500, 5000, 70_000} {
			want := secret(n)
			got := open(t, text(want))
			if name == "calendar, short" {
				got = open(t, slices.MaxFunc(got, func(a, b string) int { return len(a) - len(b) }))
			}
			if !begins(got, want) {
				t.Errorf("%s, %d octets: got %d contents, %.60q", name, n, len(got), got)
			}
			if far := open(t, strings.Repeat("It stands far away. ", 4000)+text(want)); name != "calendar, short" && !begins(far, want) {
				t.Errorf("%s, %d octets, far away: got %d contents", name, n, len(far))
			}
		}
	}
}

// TestMixed: of a string in which JavaScript's escape() has left letters, digits and @*_+-./ all is told.
func TestMixed(t *testing.T) {
	const want = "<!DOCTYPE html> <html lang='en'> <head> <meta charset='utf-8'> <script src='https://www.example.org/a'>eval(`x`, \"y\")</script>"
	var text strings.Builder
	for _, c := range want {
		if strings.ContainsRune("<>='\"/() `!:,", c) {
			fmt.Fprintf(&text, "%%%02X", c)
		} else {
			text.WriteRune(c)
		}
	}
	if got := open(t, `document.write(unescape("`+text.String()+`"))`); !begins(got, want) {
		t.Errorf("got %q", got)
	}
}

// TestOrdinary: of what is in ordinary texts nothing is handed out, or little.
func TestOrdinary(t *testing.T) {
	link := func(i int) string {
		return fmt.Sprintf(`<a href="https://click.example.org/f/a/%s~~/%s?id=%d">More</a>`+"\n", strings.Repeat("aB3", 40), strings.Repeat("x9Y_", 40), i)
	}
	var newsletter, sums, table, random strings.Builder
	for i := range 200 {
		newsletter.WriteString(link(i))
		fmt.Fprintf(&sums, "%x  file-%d\n", strings.Repeat(string(rune('a'+i%26)), 32), i)
		fmt.Fprintf(&table, "%d, 12, 1024, %d\r\n", i*i, i)
	}
	random.WriteString(secret(1 << 20))
	for name, c := range map[string]struct {
		text string
		most int
	}{
		"prose":      {strings.Repeat("The mirror stands beside a router, and hands on what it gets.\r\n", 1000), 0},
		"words":      {strings.Repeat("aardvark\nabacus\nabandonment\n", 1000), 0},
		"newsletter": {newsletter.String(), 1},
		"sums":       {sums.String(), 0},
		"table":      {table.String(), 0},
		"blanks":     {strings.Repeat("  \r\n", 10_000), 0},
		"octets":     {random.String(), 0},
		"style":      {strings.Repeat(".a-b{margin:0 0 0 0;padding:10px 20px 10px 20px;color:#aabbcc}\n", 1000), 0},
	} {
		if got := open(t, c.text); len(got) > c.most {
			t.Errorf("%s: %d contents, %.100q", name, len(got), got)
		}
	}
}

// TestMessages: what is walked is not looked at again.
func TestMessages(t *testing.T) {
	text := base64.StdEncoding.EncodeToString([]byte(secret(1000)))
	for _, c := range []struct {
		path, kind string
		want       int
	}{{"", "", 0}, {"1", "message/rfc822", 0}, {"1", "text/plain", 1}, {"1/1", "message/rfc822", 1}} {
		b := scanner.Spool{}.NewBuffer()
		defer b.Close()
		if _, err := io.WriteString(b, text); err != nil {
			t.Fatal(err)
		}
		out := &take{}
		if err := (literal.Opener{}).Open(t.Context(), scanner.NewPart(c.path, "", c.kind, b), out); err != nil {
			t.Fatal(err)
		}
		if len(out.contents) != c.want {
			t.Errorf("part %q, %s: %d contents", c.path, c.kind, len(out.contents))
		}
	}
}

// TestZeros: what begins with zeros, as an image of a disk does, looks like hexadecimal digits at first.
func TestZeros(t *testing.T) {
	want := strings.Repeat("\x00", 32<<10) + secret(1000)
	if got := open(t, `d="`+base64.StdEncoding.EncodeToString([]byte(want))+`"`); !begins(got, want) {
		t.Errorf("%d contents", len(got))
	}
}

// TestMany: many literals are few contents, and none is lost.
func TestMany(t *testing.T) {
	var text strings.Builder
	var all []string
	for i := range 3000 {
		want := fmt.Sprintf("literal %d: %s", i, secret(100+i%7*400))
		all = append(all, want)
		fmt.Fprintf(&text, "f(%q);\n", base64.StdEncoding.EncodeToString([]byte(want)))
	}
	got := open(t, text.String())
	if len(got) > 1010 {
		t.Errorf("%d contents", len(got))
	}
	for _, want := range all {
		if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, want) }) {
			t.Fatalf("%.20q is lost", want)
		}
	}
}

// FuzzOpen: whatever stands around a literal, it is handed out, all that is is not much longer than the content, and the same whether the content is
// in memory or not.
func FuzzOpen(f *testing.F) {
	for form := range byte(7) {
		f.Add("a text, and in it ", secret(80), " the end", form)
		f.Add(`"QUJD","`+strings.Repeat("QUJD", 30), secret(80), `"QUJD"`, form)
		f.Add(`\x41\x41\x41\x41\x41\x41\x41\x41\x41\x41\x41\x41\x41\x41%41`, secret(80), "1, 2, 3", form)
		f.Add("BEGIN:VCARD\r\n  x\r\n\n  y", secret(80), "", form)
		f.Add(strings.Repeat("77, 90,", 30), secret(80), strings.Repeat("4d 5a ", 30), form)
	}
	f.Fuzz(func(t *testing.T, ahead, content, behind string, form byte) {
		if len(ahead)+len(content)+len(behind) > 1<<17 {
			return
		}
		text := ""
		switch form % 7 {
		case 0:
			text = base64.StdEncoding.EncodeToString([]byte(content))
		case 1:
			text = hex.EncodeToString([]byte(content))
		case 2:
			text = each(content, `\x%02x`, "")
		case 3:
			text = each(content, "%%%02x", "")
		case 4:
			text = each(content, "&#%d;", "")
		case 5:
			text = each(content, "%d", ",")
		case 6:
			text = pieces(base64.StdEncoding.EncodeToString([]byte(content)), 61, `"+"`)
		}
		all := ahead + "(>" + text + "<)" + behind
		got := open(t, all)
		sum := 0
		for _, s := range got {
			sum += len(s)
		}
		if sum > 6*len(all) {
			t.Errorf("%d octets of %d", sum, len(all))
		}
		if len(content) >= 200 && !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, content) }) {
			t.Errorf("form %d: %.100q is not in %.300q", form%7, content, got)
		}
	})
}
