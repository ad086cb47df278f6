package scanner

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestWalk(t *testing.T) {
	for _, tt := range []struct {
		name  string
		mail  string // lines end in LF here and in CRLF in the mail, unless asIs
		asIs  bool
		parts []string // PATH TYPE NAME CONTENT
		cause Cause
	}{
		{
			name:  "no MIME at all",
			mail:  "Subject: x\n\nhello\n",
			parts: []string{`1 text/plain  "hello\r\n"`},
		},
		{name: "empty mail", mail: "", parts: nil}, // its only part has the same content as the whole mail
		{name: "header only", mail: "Subject: x\n", parts: []string{`1 text/plain  ""`}},
		{
			name:  "no blank line",
			mail:  "Subject: x\nhello, body\nmore\n",
			parts: []string{`1 text/plain  "hello, body\r\nmore\r\n"`},
		},
		{
			name:  "body only",
			mail:  "just text\nmore\n",
			parts: []string{},
		},
		{
			name: "bare LF", asIs: true,
			mail:  "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo\n--b--\n",
			parts: []string{`1 text/plain  "one"`, `2 text/plain  "two"`},
		},
		{
			name:  "NULs, 8-bit and a bare CR",
			mail:  "Subject: \x00\xff\n\na\x00b\xffc\rd\n",
			parts: []string{`1 text/plain  "a\x00b\xffc\rd\r\n"`},
		},
		{
			name:  "blank before the first field, mbox line, folded fields",
			mail:  " \nFrom someone\nContent-Type: multipart/mixed;\n\tboundary=\"b\"\n\n--b\n\none\n--b--\n",
			parts: []string{`1 text/plain  "From someone\r\nContent-Type: multipart/mixed;\r\n\tboundary=\"b\"\r\n\r\n--b\r\n\r\none\r\n--b--\r\n"`},
		},
		{
			name:  "mbox line",
			mail:  "From someone Mon Jan  1\nContent-Type: text/html\n\nhello\n",
			parts: []string{`1 text/html  "hello\r\n"`},
		},
		{
			name: "attachments",
			mail: `Content-Type: multipart/mixed; boundary="a b"

preamble
--a b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

caf=C3=A9 =
and more

--a b
Content-Type: application/octet-stream; name="=?utf-8?q?n=C3=A4me=2Eexe?="
Content-Transfer-Encoding: BASE64
Content-Disposition: attachment; filename*=utf-8''f%C3%BC%E2%80%AE.exe

aGVs
bG8=
--a b--
epilogue
`,
			parts: []string{
				"1 text/plain  \"caf\xc3\xa9 and more\\r\\n\"",
				"2 application/octet-stream f\u00fc .exe \"hello\"",
			},
		}, // the override character is neutralised
		{
			name: "nested, inner not closed, trailing blanks",
			mail: `Content-Type: multipart/mixed; boundary=out

--out 
Content-Type: multipart/alternative; boundary=in

--in
Content-Type: text/plain

one
--in	
Content-Type: text/html

two
--out
Content-Type: text/plain

three
--out--
`,
			parts: []string{`1.1 text/plain  "one"`, `1.2 text/html  "two"`, `2 text/plain  "three"`},
		},
		{
			name: "a boundary that begins another",
			mail: `Content-Type: multipart/mixed; boundary=b

--b
Content-Type: multipart/mixed; boundary=bb

--bb

one
--b-no
--bb--
--b

two
--b--
`,
			parts: []string{`1.1 text/plain  "one\r\n--b-no"`, `2 text/plain  "two"`},
		},
		{
			name: "the same boundary twice",
			mail: `Content-Type: multipart/mixed; boundary=b

--b
Content-Type: multipart/mixed; boundary=b

--b

one
--b--
--b

two
--b--
`,
			parts: []string{`1.1 text/plain  "one"`, `2 text/plain  "two"`},
		},
		{
			name:  "not closed, ends inside a header",
			mail:  "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nContent-Type: text/html\n",
			parts: []string{`1 text/plain  "one"`, `2 text/html  ""`},
		},
		{
			name:  "boundary inside a header",
			mail:  "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n--b\n\ntwo\n--b--\n",
			parts: []string{`1 text/html  ""`, `2 text/plain  "two"`},
		},
		{
			name:  "content type that only clients read",
			mail:  "Content-Type: multipart/mixed (really); charset; boundary==_b=1; x\n\n--=_b=1\n\none\n--=_b=1--\n",
			parts: []string{`1 text/plain  "one"`},
		},
		{
			name:  "RFC 2231 boundary",
			mail:  "Content-Type: multipart/mixed; boundary*0=\"a\"; boundary*1=\"b\"\n\n--ab\n\none\n--ab--\n",
			parts: []string{`1 text/plain  "one"`},
		},
		{
			name: "message in a message",
			mail: `Content-Type: multipart/mixed; boundary=b

--b
Content-Type: message/rfc822

Subject: inner
Content-Type: multipart/mixed; boundary=c

--c

one
--c--

--b
Content-Type: message/rfc822

Subject: plain

two
--b--
`,
			parts: []string{
				`1 message/rfc822  "Subject: inner\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\none\r\n--c--\r\n"`,
				`1.1 text/plain  "one"`,
				`2 message/rfc822  "Subject: plain\r\n\r\ntwo"`,
				`2.1 text/plain  "two"`,
			},
		},
		{
			name: "message in base64",
			mail: "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" +
				base64.StdEncoding.EncodeToString([]byte("Subject: x\n\nhidden")) + "\n",
			parts: []string{`1 message/rfc822  "Subject: x\n\nhidden"`, `1.1 text/plain  "hidden"`},
		},
		{
			name:  "digest",
			mail:  "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\none\n--b--\n",
			parts: []string{`1 message/rfc822  "Subject: x\r\n\r\none"`, `1.1 text/plain  "one"`},
		},
		{
			name:  "the same content twice",
			mail:  "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\none\n--b--\n",
			parts: []string{`1 text/plain  "one"`},
		},
		{
			name:  "encoding on a multipart is ignored",
			mail:  "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n--b\n\none\n--b--\n",
			parts: []string{`1 text/plain  "one"`},
		},
		{
			name:  "unknown encoding is none",
			mail:  "Content-Transfer-Encoding: iso-8859-1\n\none",
			parts: []string{`1 text/plain  "one"`},
		},
		{
			name:  "equal fields twice",
			mail:  "Content-Type: Text/HTML\nContent-Type: text/html\n\none",
			parts: []string{`1 text/html  "one"`},
		},
		{
			name:  "empty base64 part",
			mail:  "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Transfer-Encoding: base64\n\n \n--b--\n",
			parts: []string{`1 text/plain  ""`},
		},

		{
			name:  "multipart without boundary",
			mail:  "Content-Type: multipart/mixed\nContent-Transfer-Encoding: base64\n\naGVsbG8=\n",
			parts: []string{`1 multipart/mixed  "hello"`},
		},
		{
			name:  "multipart with an empty boundary",
			mail:  "Content-Type: multipart/mixed; boundary=\"\"\n\n--\n\none\n----\n",
			parts: []string{`1 multipart/mixed  "--\r\n\r\none\r\n----\r\n"`},
		},
		{
			name:  "boundary never met",
			mail:  "Content-Type: multipart/mixed; boundary=b\n\n--c\n\none\n--c--\n",
			parts: nil,
		},
		{
			name: "overlong boundary", cause: CauseMalformed,
			mail:  "Content-Type: multipart/mixed; boundary=" + strings.Repeat("b", 2000) + "\n\nx\n",
			parts: []string{`1 multipart/mixed  "x\r\n"`},
		},
		{
			name:  "base64 of nothing",
			mail:  "Content-Transfer-Encoding: base64\n\n!!!!\n",
			parts: []string{`1 text/plain  ""`},
		},
		{
			name:  "uuencode",
			mail:  "Content-Transfer-Encoding: x-uuencode\n\nbegin 644 x\n",
			parts: []string{`1 text/plain  "begin 644 x\r\n"`},
		},
		{
			name:  "two types",
			mail:  "Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=b\n\n--b\n",
			parts: []string{`1 text/plain  "--b\r\n"`},
		},
		{
			name:  "two encodings",
			mail:  "Content-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n\naGVsbG8=",
			parts: []string{`1 text/plain  "aGVsbG8="`},
		},
		{
			name:  "overlong type",
			mail:  "Content-Type: text/plain; x=\"" + strings.Repeat("x", 2*maxFieldLength) + "\"\n\none",
			parts: []string{`1 text/plain  "one"`},
		},
		{
			name: "message/partial", cause: CausePartial,
			mail:  "Content-Type: message/partial; id=x; number=1; total=2\n\nSubject: y\n\none",
			parts: []string{`1 message/partial  "Subject: y\r\n\r\none"`},
		},
		{
			name: "partial counts for more than malformed", cause: CausePartial,
			mail:  "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=" + strings.Repeat("c", 2000) + "\n\n--b\nContent-Type: message/partial\n\n--b--\n",
			parts: []string{`1 multipart/mixed  ""`},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mail := tt.mail
			if !tt.asIs {
				mail = crlf(mail)
			}
			engine := &seeker{}
			v := newScanner(t, Limits{}, engine).Scan(t.Context(), newMail(t, mail), true)
			if got := engine.parts(); !slices.Equal(got, tt.parts) {
				t.Errorf("parts\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(tt.parts, "\n     "))
			}
			if v.Cause != tt.cause || (v.Class == Clean) != (tt.cause == CauseNone) {
				t.Errorf("verdict %s, cause %q (%s), want cause %q", v.Class, v.Cause, v.Detail, tt.cause)
			}
		})
	}
}

// The line end before a boundary is not part of the content, wherever the pieces of a long line are cut.
func TestLongLines(t *testing.T) {
	for _, end := range []string{"\n", "\r\n"} {
		for _, n := range []int{lineBuffer - 2, lineBuffer - 1, lineBuffer, lineBuffer + 1, 3*lineBuffer - 1, 1 << 20} {
			line := strings.Repeat("x", n)
			mail := "Content-Type: multipart/mixed; boundary=b" + end + end + "--b" + end + end + line + end + "--b--" + end
			engine := &seeker{}
			v := newScanner(t, Limits{}, engine).Scan(t.Context(), newMail(t, mail), true)
			want := fmt.Sprintf("1 text/plain  %q", line)
			if got := engine.parts(); v.Class != Clean || len(got) != 1 || got[0] != want {
				t.Errorf("%d octets and %q: %s, %d parts, of %d octets", n, end, v.Class, len(got), len(got[0]))
			}
		}
	}
	// A boundary in the middle of a long line is text, also where a piece begins with it.
	for shift := range 8 {
		line := strings.Repeat("x", lineBuffer-4+shift) + "--b"
		mail := "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n" + line + "\n--b--\n"
		engine := &seeker{}
		newScanner(t, Limits{}, engine).Scan(t.Context(), newMail(t, mail), true)
		if got := engine.parts(); len(got) != 1 || got[0] != fmt.Sprintf("1 text/plain  %q", line) {
			t.Errorf("shift %d: %d parts", shift, len(got))
		}
	}
}
