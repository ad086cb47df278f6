package carve_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"mirrorgw/scanner"
	"mirrorgw/scanner/carve"
)

// payload is what a client would extract. Its length makes base64 of it end in padding.
const payload = "MZ payload \x00\x01\x02 = == =20 --\xff of a part, in many encodings.."

// take is a scanner.Contents that keeps what it is given.
type take struct {
	contents []string
	names    []string
	notes    []string
	octets   int64

	part *scanner.Part
}

func (t *take) Member(name, _ string, content io.Reader) error {
	var b bytes.Buffer
	n, err := io.Copy(&b, content)
	t.octets += n
	t.contents = append(t.contents, b.String())
	t.names = append(t.names, name)
	return err
}

func (t *take) Excerpt(at, n int64) error {
	return t.Member("", "", io.NewSectionReader(t.part.Reader(), at, n))
}

func (t *take) Text(io.Reader) error { return errors.New("not wanted") }

func (t *take) Expect(int64) error { return nil }

func (t *take) Note(cause scanner.Cause, detail string) {
	t.notes = append(t.notes, string(cause)+": "+detail)
}

func open(t testing.TB, mail string) *take {
	t.Helper()
	b := scanner.Spool{}.NewBuffer()
	defer b.Close()
	if _, err := io.WriteString(b, mail); err != nil {
		t.Fatal(err)
	}
	out := &take{part: scanner.NewPart("", "", "", b)}
	if err := (carve.Carver{}).Open(context.Background(), out.part, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// scan has the whole scanner judge a mail.
func scan(t testing.TB, mail string) scanner.Verdict {
	t.Helper()
	s, err := scanner.New(scanner.Config{Engines: []scanner.Engine{seeker{}}, Openers: []scanner.Opener{carve.Carver{}}})
	if err != nil {
		t.Fatal(err)
	}
	b := scanner.Spool{}.NewBuffer()
	defer b.Close()
	if _, err := io.WriteString(b, mail); err != nil {
		t.Fatal(err)
	}
	return s.Scan(t.Context(), b, true)
}

// seeker is an engine that finds the payload, or most of it, at the end of a part.
type seeker struct{}

func (seeker) Name() string { return "seeker" }

func (seeker) Scan(_ context.Context, part *scanner.Part) (scanner.Findings, error) {
	text, err := io.ReadAll(part.Reader())
	if bytes.HasSuffix(text, []byte(payload)) || bytes.HasSuffix(text, []byte(payload[:57])) {
		return scanner.Findings{{Engine: "seeker", Rule: "Payload", Part: part.Path}}, nil
	}
	return nil, err
}

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func fold(text string, n int) string {
	var lines []string
	for len(text) > n {
		lines, text = append(lines, text[:n]), text[n:]
	}
	return strings.Join(append(lines, text), "\n")
}

// TestReadings: whatever a client believes of these mails, what it would extract is among what was carved out, octet for octet.
func TestReadings(t *testing.T) {
	encoded := fold(b64(payload), 76)
	const part = "--b\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n"
	const qp = "--b\nContent-Transfer-Encoding: quoted-printable\n\n"
	for _, test := range []struct{ name, mail string }{
		{"a plain part", "Subject: x\n\n" + part + "\n" + encoded + "\n--b--\n"},
		{"no multipart at all", "Subject: x\nContent-Transfer-Encoding: base64\n\n" + encoded + "\n"},
		{"a boundary nobody declared", "Subject: x\n\ntext\n--undeclared\nContent-Transfer-Encoding: base64\n\n" + encoded + "\n--undeclared--"},
		{"in the preamble", "Content-Type: multipart/mixed; boundary=b\n\n\n" + encoded + "\n--b\n\ntext\n--b--\n"},
		{"in the epilogue", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b--\n\n" + encoded + "\n"},
		{"no blank line", part + encoded + "\n--b--\n"},
		{"a blank line of blanks", part + " \t\n" + encoded + "\n--b--\n"},
		{"a line in the header that is no field", "--b\nContent-Type: a/b\nno field\nContent-Transfer-Encoding: base64\n\n" + encoded + "\n--b--"},
		{"a blank ahead of the first field", " X: y\nContent-Transfer-Encoding: base64\n\n" + encoded},
		{"a comment in the encoding", "--b\nContent-Transfer-Encoding: (7bit) base64 (\")\n\n" + encoded + "\n--b--"},
		{"a folded encoding", "--b\nContent-Transfer-Encoding:\n base64\n\n" + encoded + "\n--b--"},
		{"two encodings", "--b\nContent-Transfer-Encoding: base64\nContent-Transfer-Encoding: 7bit\n\n" + encoded + "\n--b--"},
		{"a message inside without a boundary", "Content-Type: message/rfc822\n\nSubject: inner\nContent-Transfer-Encoding: base64\n\n" + encoded},
		{"one digit a line", part + "\n" + fold(b64(payload), 1) + "\n--b--"},
		{"no padding", part + "\n" + strings.TrimRight(encoded, "=") + "\n--b--"},
		{"URL digits", part + "\n" + base64.URLEncoding.EncodeToString([]byte(payload)) + "\n--b--"},
		{"junk", part + "\n" + strings.Join(strings.Split(encoded, ""), " !") + "\n--b--"},
		{"padding within", part + "\n" + encoded[:9] + "=" + encoded[9:] + "\n--b--"},
		{"text behind the padding", part + "\n" + encoded + "\nand a footer of a list\n--b--"},
		{"padded blocks in a row", part + "\n" + b64(payload[:10]) + "\n" + b64(payload[10:]) + "\n--b--"},
		{"prose ahead", part + "\nThis part has a file in it.\n" + encoded + "\n--b--"},
		{"prose and a blank line ahead", "--b\nX: y\n\nThis part has a file in it.\n\n" + encoded + "\n--b--"},
		{"CR for line ends", strings.ReplaceAll("Subject: x\n\n"+part+"\n"+encoded+"\n--b--\n", "\n", "\r")},
		{"raw", "--b\nContent-Type: a/b\n\n" + payload + "\n--b--"},
		{"raw, CR LF", "--b\r\nContent-Type: a/b\r\n\r\n" + payload + "\r\n--b--"},
		{"quoted-printable", qp + escape(payload) + "\n--b--"},
		{"quoted-printable, stray signs", qp + strings.ReplaceAll(escape(payload), "y", "=y") + "\n--b--"},
		{"quoted-printable, a soft break in an escape", qp + strings.Replace(escape(payload), "=00", "=0=\n0", 1) + "\n--b--"},
		{"uuencode without a name", "Subject: x\n\ntext\nBEGIN 644\n" + uuencode(payload) + "end\n"},
		{"uuencode", "Subject: x\n\ntext\nbegin 644 a.exe\n" + uuencode(payload) + "end\n"},
		{"uuencode, more text", "Subject: x\n\ntext\nbegin 644 a.exe\n" + uuencode(payload) + "`\nend\nmore\n\n"},
		{"begin-base64", "Subject: x\n\ntext\nbegin-base64 644 a.exe\n" + encoded + "\n====\n"},
		{"yEnc", "Subject: x\n\ntext\n=ybegin line=128 size=5 name=a.exe\n" + yencode(payload) + "\n=yend size=5\n"},
	} {
		for _, ends := range []string{"\n", "\r\n"} {
			if strings.Contains(test.mail, "\r") && ends == "\r\n" {
				continue
			}
			t.Run(fmt.Sprintf("%s %q", test.name, ends), func(t *testing.T) {
				out := open(t, strings.ReplaceAll(test.mail, "\n", ends))
				if !slices.Contains(out.contents, payload) {
					t.Errorf("among %q", out.contents)
				}
				if len(out.notes) > 0 {
					t.Errorf("notes %q", out.notes)
				}
				if v := scan(t, strings.ReplaceAll(test.mail, "\n", ends)); v.Class != scanner.Infected {
					t.Errorf("as a whole: %v %v", v.Class, v.Detail)
				}
			})
		}
	}
}

func escape(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c == '=' || c < ' ' || c > '~' {
			fmt.Fprintf(&b, "=%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func uuencode(text string) string {
	var b strings.Builder
	for len(text) > 0 {
		n := min(45, len(text))
		line := text[:n] + "\x00\x00"
		b.WriteByte(byte(n) + ' ')
		for i := 0; i < n; i += 3 {
			x, y, z := line[i], line[i+1], line[i+2]
			for _, v := range []byte{x >> 2, x<<4 | y>>4, y<<2 | z>>6, z} {
				if v &= 63; v == 0 {
					v = '`' - ' '
				}
				b.WriteByte(v + ' ')
			}
		}
		b.WriteByte('\n')
		text = text[n:]
	}
	return b.String()
}

func yencode(text string) string {
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i] + 42; c {
		case 0, '\n', '\r', '=':
			b.WriteString("=" + string([]byte{c + 64}))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// TestOrdinaryTextCostsLittle: paragraphs, addresses of pages and forms are no parts.
func TestOrdinaryTextCostsLittle(t *testing.T) {
	mail := "Subject: x\nContent-Type: text/plain\n\n" + strings.Repeat(
		"Dear all,\n\nSee https://example.org/?a=b\n\nhttps://example.org/\n\nName: Smith\n\nRoom: 4\n\n-- \nA. Smith\n", 500)
	out := open(t, mail)
	if len(out.notes) > 0 {
		t.Errorf("notes %q", out.notes)
	}
	if limit := int64(4 * len(mail)); out.octets > limit {
		t.Errorf("%d octets decoded of %d", out.octets, len(mail))
	}
}

func TestTooMuchWorkIsNotClean(t *testing.T) {
	mail := strings.Repeat("--b\nContent-Type: a/b\n\nx=y\n", 3) + "--b\n" + strings.Repeat("Content-Type: a/b\n\nx=y\n", 5_000)
	out := open(t, mail)
	if len(out.notes) != 1 || !strings.HasPrefix(out.notes[0], "budget: too much to decode") {
		t.Errorf("notes %q", out.notes)
	}
	out = open(t, strings.Repeat("--b\nContent-ID: a\n\nx\n", 20_001))
	if len(out.notes) != 1 || !strings.HasPrefix(out.notes[0], "budget: more places") {
		t.Errorf("notes %q", out.notes)
	}
}

// Law: no mail makes more than maxWork times its octets and a constant, and what Open returns is out's error or none.
func FuzzOpen(f *testing.F) {
	f.Add([]byte("Subject: x\n\n--b\nContent-Transfer-Encoding: base64\n\nAAAA=AAAA\n--b--\n"))
	f.Add([]byte("begin 644 a\n#86)C\nend\n=ybegin name=x\nabc\n=yend\n"))
	f.Add([]byte("(This file must be converted with BinHex 4.0)\n:abc:\n\r\r\n \n"))
	f.Fuzz(func(t *testing.T, mail []byte) {
		b := scanner.Spool{}.NewBuffer()
		defer b.Close()
		if _, err := b.Write(mail); err != nil {
			t.Fatal(err)
		}
		out := &take{part: scanner.NewPart("", "", "", b)}
		err := carve.Carver{}.Open(t.Context(), out.part, out)
		if err != nil && !errors.Is(err, scanner.ErrStopped) {
			t.Fatal(err)
		}
		if limit := int64(8*len(mail)) + 1<<20; out.octets > limit && !bytes.Contains(mail, []byte("BinHex")) {
			t.Errorf("%d octets of %d", out.octets, len(mail))
		}
	})
}

// TestMoreReadings is TestReadings for what a mail may say in several ways at once, class by class of what gets past scanners.
func TestMoreReadings(t *testing.T) {
	encoded, quoted := fold(b64(payload), 76), escape(payload)
	const (
		b64Field = "Content-Transfer-Encoding: base64\n"
		qpField  = "Content-Transfer-Encoding: quoted-printable\n"
	)
	multipart := func(typ, body string) string { return "Subject: x\nContent-Type: " + typ + "\n\n" + body }
	for _, test := range []struct{ name, mail string }{
		// What is a part.
		{"two types, the last counts", "Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=b\n\n--b\n" + b64Field + "\n" + encoded + "\n--b--\n"},
		{"two boundaries", multipart("multipart/mixed; boundary=a; boundary=b", "--b\n"+qpField+"\n"+quoted+"\n--b--\n")},
		{"boundary in the disposition", "Content-Type: multipart/mixed\nContent-Disposition: inline; boundary=b\n\n--b\n" + qpField + "\n" + quoted + "\n--b--\n"},
		{"semicolon in a boundary", multipart(`multipart/mixed; boundary="a;b"`, "--a;b\n"+qpField+"\n"+quoted+"\n--a;b--\n")},
		{"an encoded word for a boundary", multipart(`multipart/mixed; boundary="=?utf-8?q?b?="`, "--b\n"+qpField+"\n"+quoted+"\n--b--\n")},
		{"RFC 2231 for a boundary", multipart(`multipart/mixed; boundary*0=a; boundary*1=%62`, "--ab\n"+qpField+"\n"+quoted+"\n--ab--\n")},
		{"a boundary that begins another", multipart("multipart/mixed; boundary=bb", "--bbb\n"+qpField+"\n"+quoted+"\n--bbb--\n")},
		{"blanks behind a boundary", multipart("multipart/mixed; boundary=b", "--b \t\n"+qpField+"\n"+quoted+"\n--b \n")},
		{"an empty boundary", multipart(`multipart/mixed; boundary=""`, "--\n"+qpField+"\n"+quoted+"\n----\n")},
		{"an overlong boundary", multipart("multipart/mixed; boundary="+strings.Repeat("b", 2000), "--"+strings.Repeat("b", 2000)+"\n"+qpField+"\n"+quoted+"\n--"+strings.Repeat("b", 2000)+"--\n")},
		{"not closed", multipart("multipart/mixed; boundary=b", "--b\n"+qpField+"\n"+quoted)},
		{"inner like outer", multipart("multipart/mixed; boundary=b", "--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"+qpField+"\n"+quoted+"\n--b--\n--b--\n")},
		{"an encoded multipart", "Content-Type: multipart/mixed; boundary=b\n" + b64Field + "\n" + encoded},

		// Where its body begins.
		{"a line of a blank in the header", "--b\n" + qpField + " \nX: y\n\n" + quoted + "\n--b--"},
		{"an empty line in the header", "--b\n" + qpField + "\nX: y\n\n" + quoted + "\n--b--"},
		{"CR CR LF in the header", "--b\n" + strings.TrimSuffix(qpField, "\n") + "\r\r\nX: y\n\n" + quoted + "\n--b--"},
		{"a line that is no boundary in the header", "--b\n" + qpField + "--x\nX: y\n\n" + quoted + "\n--b--"},
		{"a boundary that is none at the end of the header", multipart("multipart/mixed; boundary=b", "--b\n"+qpField+"--x\n\n"+quoted+"\n--b--")},
		{"garbage ahead of the mail", "\x00\x01\n" + qpField + "\n" + quoted},
		{"an mbox line ahead of the mail", "From x Mon Jan  1\n" + qpField + "\n" + quoted},
		{"a blank ahead of the only field", " " + qpField + "\n" + quoted},

		// How it is encoded.
		{"NULs in the name of the field", "--b\nContent-Transfer\x00-Encod\x00ing: quoted-printable\n\n" + quoted + "\n--b--"},
		{"odd case", "--b\nCONTENT-transfer-ENCODING: QuotED-printABLE\n\n" + quoted + "\n--b--"},
		{"a blank ahead of the colon", "--b\nContent-Transfer-Encoding : quoted-printable\n\n" + quoted + "\n--b--"},
		{"an unknown encoding", "--b\nContent-Transfer-Encoding: x-qp\n\n" + quoted + "\n--b--"},
		{"a list of encodings", "--b\nContent-Transfer-Encoding: 7bit, quoted-printable\n\n" + quoted + "\n--b--"},
		{"an encoded word", "--b\nContent-Transfer-Encoding: =?us-ascii?q?quoted=2Dprintable?=\n\n" + quoted + "\n--b--"},
		{"far to the right", "--b\nContent-Transfer-Encoding:" + strings.Repeat(" ", 40_000) + "quoted-printable\n\n" + quoted + "\n--b--"},
		{"quoted-printable behind a line of digits", "--b\n" + b64Field + qpField + "\n" + strings.Repeat("A", 76) + "=\n" + quoted + "\n--b--"},
		{"quoted-printable behind a line that is no boundary", multipart("multipart/mixed; boundary=b", "--b\nContent-Transfer-Encoding: 7bit\n"+qpField+"\n--x=\n"+quoted+"\n--b--")},
		{"prose in mid base64", "--b\n" + b64Field + "\n" + fold(encoded[:40], 20) + "\nand some prose\n" + encoded[40:] + "\n--b--"},
		{"junk ends base64", "--b\n" + b64Field + "\n" + b64(payload[:57]) + "\n* and a footer *\n--b--"},
		{"base64 in one line", "--b\n" + b64Field + "\n" + b64(strings.Repeat("\x00", 99_999)+payload) + "\n--b--"},

		{"soft breaks", "--b\n" + qpField + "\n" + strings.ReplaceAll(quoted, "a", "=\na") + "\n--b--"},
		{"a line in the part that begins the boundary", multipart(`multipart/mixed; boundary="x;y"`, "--x;y\nContent-Transfer-Encoding: 7bit\n"+qpField+"\n--x=\n"+quoted+"\n--x;y--")},

		// Files in the midst of text.
		{"uuencode whose line looks like a boundary", multipart("multipart/mixed; boundary=b", "--b\n\nbegin 644 a\n"+strings.Replace(uuencode(payload), "\n", "\n", 1)+"end\n--b--")},
		{"uuencode behind blanks", "Subject: x\n\n  begin 644 a\n" + uuencode(payload) + "end\n"},
		{"uuencode in the epilogue", multipart("multipart/mixed; boundary=b", "--b\n\ntext\n--b--\nbegin 644 a\n"+uuencode(payload)+"end\n")},
	} {
		for _, ends := range []string{"\n", "\r\n", "\r", "\n\r"} {
			if strings.Contains(test.mail, "\r") && ends != "\n" {
				continue
			}
			t.Run(fmt.Sprintf("%s %q", test.name, ends), func(t *testing.T) {
				out := open(t, strings.ReplaceAll(test.mail, "\n", ends))
				if !slices.ContainsFunc(out.contents, func(c string) bool {
					c = strings.TrimLeft(c, "A\x00-x\n\r")
					return c == payload || c == payload[:57]
				}) {
					t.Errorf("among %q", out.contents)
				}
				if len(out.notes) > 0 {
					t.Errorf("notes %q", out.notes)
				}
				if v := scan(t, strings.ReplaceAll(test.mail, "\n", ends)); v.Class != scanner.Infected {
					t.Errorf("as a whole: %v %v", v.Class, v.Detail)
				}
			})
		}
	}
}

// TestMixedLineEnds: the line end ahead of a boundary is the boundary's, whatever those before it were.
func TestMixedLineEnds(t *testing.T) {
	for _, end := range []string{"\n", "\r\n", "\r", "\n\r"} {
		for _, last := range []string{"\n", "\r\n", "\r", "\n\r"} {
			body := "first line" + end + "second line" + end + "third line"
			if out := open(t, "Subject: x\n\n--b\nContent-Type: text/plain\n\n"+body+last+"--b--\n"); !slices.Contains(out.contents, body) {
				t.Errorf("%q not among %q", body, out.contents)
			}
		}
	}
}
