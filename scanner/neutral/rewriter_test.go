package neutral

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"mime/quotedprintable"
	"strings"
	"testing"

	"mirrorgw/scanner"
)

const (
	tracked  = "<p>é</p><img alt=\"a\"\r\n src=\"http://t.example/x.gif\"><p>end</p>\r\n"
	harmed   = "<p>é</p><img alt=\"a\"><p>end</p>\r\n"
	innocent = "<p>text</p>\r\n"
)

func newMail(t testing.TB, text string) *scanner.Buffer {
	t.Helper()
	b := scanner.Spool{}.NewBuffer()
	t.Cleanup(func() { b.Close() })
	if _, err := io.WriteString(b, text); err != nil {
		t.Fatal(err)
	}
	return b
}

// rewritten returns a mail with the edits made.
func rewritten(t testing.TB, r *Rewriter, mail string) string {
	t.Helper()
	var out strings.Builder
	at := int64(0)
	for _, e := range r.Rewrite(t.Context(), newMail(t, mail)) {
		if e.At < at || e.End < e.At || e.End > int64(len(mail)) {
			t.Fatalf("edit %d to %d behind %d of %d", e.At, e.End, at, len(mail))
		}
		out.WriteString(mail[at:e.At])
		if _, err := e.Text.WriteTo(&out); err != nil {
			t.Fatal(err)
		}
		e.Text.Close()
		at = e.End
	}
	out.WriteString(mail[at:])
	return out.String()
}

func qp(text string) string {
	var b strings.Builder
	w := quotedprintable.NewWriter(&b)
	io.WriteString(w, text)
	w.Close()
	return b.String()
}

func b64(text string) string {
	s := base64.StdEncoding.EncodeToString([]byte(text))
	var lines []string
	for len(s) > 76 {
		lines, s = append(lines, s[:76]), s[76:]
	}
	return strings.Join(append(lines, s), "\r\n")
}

func TestRewrite(t *testing.T) {
	const multipart = "Subject: x\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\nodd\n\r\n--b\r\n\r\ntext http://t.example/x.gif\r\n--b\r\n%s--b--\r\n.\r\n"
	for _, c := range []struct{ name, header, before, after string }{
		{"as it is", "Content-Type: text/html; charset=utf-8\r\n\r\n", tracked, harmed},
		{"quoted-printable", "Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", qp(tracked), qp(harmed)},
		{"base64", "Content-Type: TEXT/HTML\r\nContent-Transfer-Encoding: base64\r\n\r\n", b64(tracked), b64(harmed)},
		{"nothing to go", "Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n", "PHA+  dGV4dDwvcD4=", "PHA+  dGV4dDwvcD4="},
		{"signed", "Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\nContent-Type: text/html\r\n\r\n", tracked + "\r\n--s--\r\n", tracked + "\r\n--s--\r\n"},
		{"not HTML", "Content-Type: text/plain\r\n\r\n", tracked, tracked},
		{"in a message", "Content-Type: message/rfc822\r\n\r\nContent-Type: text/html\r\n\r\n", tracked, harmed},
	} {
		if got, want := rewritten(t, New(Config{}), fmt.Sprintf(multipart, c.header+c.before+"\r\n")), fmt.Sprintf(multipart, c.header+c.after+"\r\n"); got != want {
			t.Errorf("%s\ngot\n%s\nwant\n%s", c.name, got, want)
		}
	}
}

func TestRewriteToTheEnd(t *testing.T) {
	for _, c := range []struct{ before, after string }{
		{"\r\n" + tracked, "\r\n" + harmed},
		{"\r\n<p><img src=http://x>", "\r\n<p><img>\r\n"}, // a mail ends with a line, whatever went
		{"Content-Transfer-Encoding: quoted-printable\r\n\r\n<p><img src=3Dhttp://x>=\r\n", "Content-Transfer-Encoding: quoted-printable\r\n\r\n<p><img>\r\n"},
		{"Content-Transfer-Encoding: base64\r\n\r\n" + b64(tracked) + "\r\n", "Content-Transfer-Encoding: base64\r\n\r\n" + b64(harmed) + "\r\n"},
		{"\r\n<script>all of it</script>", "\r\n\r\n"},
	} {
		const header = "Content-Type: text/html\r\n"
		if got := rewritten(t, New(Config{}), header+c.before); got != header+c.after {
			t.Errorf("got %q, want %q", got, header+c.after)
		}
	}
}

func TestWhatIsLeftAloneIsCounted(t *testing.T) {
	part := func(header, body string) string {
		return "--b\r\nContent-Type: text/html" + header + "\r\n\r\n" + body + "\r\n"
	}
	for _, c := range []struct {
		name, mail string
		want       Counters
	}{
		{"changed", part("", tracked), Counters{Changed: 1}},
		{"untouched", part("", innocent), Counters{Untouched: 1}},
		{"PGP", part("", "-----BEGIN PGP SIGNED MESSAGE-----\r\n"+tracked), Counters{Signed: 1}},
		{"charsets", part("; charset=UTF-7", tracked) + part("; charset=iso-2022-jp", tracked) + part("; charset=utf-16", tracked), Counters{Charset: 3}},
		{"UTF-16 all the same", part("", "\xff\xfe<\x00p\x00>\x00") + part("", "<\x00p\x00"), Counters{Charset: 2}},
		{"coding", part("\r\nContent-Transfer-Encoding: x-uuencode", tracked), Counters{Coding: 1}},
		{"a large part", part("", strings.Repeat("<p>", MaxPart/3+1)), Counters{TooLarge: 1}},
		{"many parts", strings.Repeat(part("", tracked), maxParts+5), Counters{Changed: maxParts, TooLarge: 1}},
		{"much of it", strings.Repeat(part("", strings.Repeat("<p>", 1<<20)+"<script>"), 3), Counters{Changed: 2, TooLarge: 1}},
		{"ambiguous", part("\r\nContent-Type: text/plain", tracked), Counters{Ambiguous: 1}},
		{"a large mail", strings.Repeat("x", MaxMail), Counters{TooLarge: 1}},
	} {
		r := New(Config{Spool: scanner.Spool{Dir: t.TempDir()}})
		mail := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + c.mail + "--b--\r\n"
		got := rewritten(t, r, mail)
		if c.want.Changed == 0 && got != mail {
			t.Errorf("%s: it is changed", c.name)
		}
		if got := r.Counters(); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestRewriteThatFails(t *testing.T) {
	mail := newMail(t, "Content-Type: text/html\r\n\r\n"+tracked)
	r := New(Config{Spool: scanner.Spool{Memory: 1, Dir: "/nope"}})
	if edits := r.Rewrite(t.Context(), mail); len(edits) != 0 || r.Counters() != (Counters{Failures: 1}) {
		t.Errorf("%v, %+v", edits, r.Counters())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if edits := New(Config{}).Rewrite(ctx, mail); len(edits) != 0 {
		t.Errorf("nobody waits for %v", edits)
	}
}

func FuzzRewrite(f *testing.F) {
	f.Add("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + qp(tracked) + "\r\n--b--\r\n")
	f.Add("Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(tracked))
	f.Add("Content-Type: text/html\n\n<p><img src=http://x>")
	f.Fuzz(func(t *testing.T, mail string) {
		r := New(Config{})
		once := rewritten(t, r, mail) // fails where edits overlap or lie outside
		if r.Counters().Changed > 0 && !strings.HasSuffix(once, "\n") && strings.HasSuffix(mail, "\n") {
			t.Fatalf("%q ends within a line", once)
		}
		again := New(Config{})
		if rewritten(t, again, once); again.Counters().Changed > 0 {
			t.Fatalf("changed twice: %q, then %q", mail, once)
		}
	})
}
