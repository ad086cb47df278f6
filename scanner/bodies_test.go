package scanner

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// listBodies returns "TYPE ENCODING SIGNED CONTENT" of each body of a mail.
func listBodies(t *testing.T, mail string) (list []string, err error) {
	t.Helper()
	err = Bodies(strings.NewReader(mail), func(b Body) error {
		if b.At < 0 || b.End < b.At || b.End > int64(len(mail)) {
			t.Fatalf("%+v of %d octets", b, len(mail))
		}
		list = append(list, fmt.Sprintf("%s %d %v %v %q", b.Type, b.Encoding, b.Foreign, b.Signed, mail[b.At:b.End]))
		return nil
	})
	return list, err
}

func TestBodies(t *testing.T) {
	for _, c := range []struct {
		name, mail string
		want       []string
	}{
		{"one part", "Subject: x\n\nbody\n.\n", []string{`text/plain 0 false false "body\r\n.\r\n"`}},
		{"no body", "Subject: x\n\n", []string{`text/plain 0 false false ""`}},
		{"a header alone", "Subject: x\n", nil},
		{"HTML", "Content-Type: Text/HTML; charset=utf-8\nContent-Transfer-Encoding: Quoted-Printable\n\n<p>\n", []string{`text/html 1 false false "<p>\r\n"`}},
		{"an encoding nobody knows", "Content-Transfer-Encoding: x-uue\n\nbody\n", []string{`text/plain 0 true false "body\r\n"`}},
		{"a comment in the encoding", "Content-Transfer-Encoding: base64 (x)\n\nbody\n", []string{`text/plain 2 true false "body\r\n"`}},
		{
			"parts", "Content-Type: multipart/mixed; boundary=b\n\npreamble\n--b\n\nfirst\n\n--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\n--c\nContent-Type: text/html\nContent-Transfer-Encoding: base64\n\nPGI+\n--c--\n--b--\nepilogue\n",
			[]string{`text/plain 0 false false "first\r\n"`, `text/plain 0 false false ""`, `text/html 2 false false "PGI+"`},
		},
		{
			"signed", "Content-Type: multipart/signed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--c--\n--b\nContent-Type: application/pgp-signature\n\ny\n--b--\n",
			[]string{`text/plain 0 false true "x"`, `application/pgp-signature 0 false true "y"`},
		},
		{
			"a message inside", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nContent-Type: text/html\n\n<p>\n--b\n\nlast\n--b--\n",
			[]string{`text/html 0 false false "<p>"`, `text/plain 0 false false "last"`},
		},
		{"an encoded message inside", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nPGI+\n", []string{`message/rfc822 2 false false "PGI+\r\n"`}},
		{"no last boundary", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n", []string{`text/plain 0 false false "x\r\n"`}},
	} {
		if got, err := listBodies(t, crlf(c.mail)); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v\ngot  %q\nwant %q", c.name, err, got, c.want)
		}
	}
	if got, err := listBodies(t, "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n\n--b--\n"); err != nil || !slices.Equal(got, []string{`text/plain 0 false false "x\n"`}) {
		t.Errorf("lines that end in LF: %v, %q", err, got)
	}
	if got, err := listBodies(t, "\r\n"+strings.Repeat("x", lineBuffer-1)+"\r\n"); err != nil || len(got) != 1 {
		t.Errorf("a line end in two pieces: %v, %d", err, len(got))
	}
}

func TestBodiesOfAmbiguousMail(t *testing.T) {
	for _, mail := range []string{
		"Content-Type: text/html\nContent-Type: text/plain\n\nx\n",
		"Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: 7bit\n\nx\n",
		"Content-Type: text/html; charset\n\nx\n",
		"Content-Type: multipart/mixed\n\nx\n",
		"Content-Type: multipart/mixed; boundary=\"\"\n\nx\n",
		"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=bc\n\n--bc\n\nx\n",
		"Subject: x\nno field\n\nx\n",
		strings.Repeat("Content-Type: message/rfc822\n\n", maxBodiesDeep+2),
		"Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\n", maxBodies),
	} {
		if got, err := listBodies(t, crlf(mail)); !errors.Is(err, ErrAmbiguous) {
			t.Errorf("%.80q: %v, %.200q", mail, err, got)
		}
	}
	if err := Bodies(strings.NewReader("\r\nx"), func(Body) error { return io.ErrClosedPipe }); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}
