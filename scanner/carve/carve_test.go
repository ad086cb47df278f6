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
		{"quoted-printable", "--b\nContent-Type: a/b\n\n" + escape(payload) + "\n--b--"},
		{"quoted-printable, stray signs", "--b\nContent-Type: a/b\n\n" + strings.ReplaceAll(escape(payload), "y", "=y") + "\n--b--"},
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
