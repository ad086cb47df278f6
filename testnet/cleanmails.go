package testnet

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
)

// CleanMails returns forty mails without malware, each of another kind that relays and parsers have stumbled over, about
// 9 MB together. The same seed gives the same mails. All are well formed: a scanner has no cause to tag one.
func CleanMails(seed uint64) []Mail {
	random := rand.New(rand.NewPCG(seed, 0x6d61696c))
	mails := make([]Mail, 0, len(cleanKinds()))
	for _, k := range cleanKinds() {
		b := newMail(random, k.name)
		k.write(b)
		mails = append(mails, b.mail())
	}
	return mails
}

// cleanKind writes the rest of a mail that has its common header fields.
type cleanKind struct {
	name  string
	write func(b *mailBuilder)
}

// text is a kind whose body is the lines, with nothing more in the header.
func textKind(name string, text ...string) cleanKind {
	return cleanKind{name, func(b *mailBuilder) { b.body(text...) }}
}

// encodedKind is a kind of one part with a charset and a transfer encoding.
func encodedKind(name, charset, encoding, text string) cleanKind {
	return cleanKind{name, func(b *mailBuilder) {
		b.header("MIME-Version", "1.0")
		b.header("Content-Type", "text/plain; charset="+charset)
		b.header("Content-Transfer-Encoding", encoding)
		b.body(text)
	}}
}

// attachedKind is a kind with a file.
func attachedKind(name, contentType, file string, data func(b *mailBuilder) []byte) cleanKind {
	return cleanKind{name, func(b *mailBuilder) {
		b.header("MIME-Version", "1.0")
		b.multipart("mixed", "=_attached", plainPart(b, 3), attachment(contentType, file, data(b)))
	}}
}

// binaryKind is a kind with a file of made-up octets.
func binaryKind(name string, size int) cleanKind {
	return attachedKind(name, "application/octet-stream", "data.bin", func(b *mailBuilder) []byte { return octets(b.random, size) })
}

func plainPart(b *mailBuilder, lines int) string {
	return "Content-Type: text/plain; charset=us-ascii\r\n\r\n" + prose(b.random, lines)
}

func cleanKinds() []cleanKind {
	return append(textKinds(), mimeKinds()...)
}

// textKinds are mails that try a relay: its framing, its line buffer, its idea of a line.
func textKinds() []cleanKind {
	return []cleanKind{
		{"plain", func(b *mailBuilder) { b.body(prose(b.random, 20)) }},
		textKind("empty body"),
		textKind("one line without an end", "no line end at the end"),
		textKind("one dot alone", "before\r\n.\r\nafter\r\n"),
		textKind("dots at line starts", ".one\r\n..two\r\n...three\r\n. space\r\n.\tt\r\n"),
		textKind("dot as the last line", "text\r\n.\r\n"),
		textKind("dots only", strings.Repeat(".\r\n", 500)),
		textKind("lines that look like replies", "+OK\r\n-ERR gone\r\n+OK 1 octets\r\n.\r\n+OK bye\r\n"),
		textKind("lines that look like commands", "QUIT\r\nDELE 1\r\nRSET\r\nRETR 2\r\n"),
		textKind("lines that begin with From", "From the start\r\n>From there\r\nFrom: not a header\r\n"),
		textKind("blank lines at the end", "text\r\n", strings.Repeat("\r\n", 100)),
		textKind("white space at line ends", "tab\t\r\nspace \r\n \r\n\t\r\n"),
		textKind("control characters", "bell \x07 form feed \x0c escape \x1b[0m delete \x7f\r\n"),
		encodedKind("every octet from 0x80 on", "x-unknown", "8bit", highOctets()),
		encodedKind("Latin-1", "iso-8859-1", "8bit", "Gr\xfc\xdfe aus K\xf6ln\r\n"),
		encodedKind("UTF-8", "utf-8", "8bit", "Grüße, 手紙, письмо, ✉\r\n"),
		textKind("a line of 998", strings.Repeat("x", 998), "\r\n"),
		textKind("lines around 512", strings.Repeat("a", 509), "\r\n", strings.Repeat("b", 510), "\r\n", strings.Repeat("c", 511), "\r\n"),
		textKind("a line of 70 kB", "before\r\n", strings.Repeat("0123456789", 7000), "\r\nafter\r\n"),
		textKind("a dot beyond 70 kB", strings.Repeat("y", 70_000), ".\r\n.\r\n"),
		{"5,000 short lines", func(b *mailBuilder) { b.body(strings.Repeat("ok\r\n", 5000)) }},
		{"a long folded header", func(b *mailBuilder) {
			b.header("References", strings.Repeat("<0123456789abcdef@example.org>\r\n ", 200)+"<end@example.org>")
			b.body(prose(b.random, 2))
		}},
		{"300 header fields", func(b *mailBuilder) {
			for i := range 300 {
				b.header(fmt.Sprintf("X-Field-%d", i), "value")
			}
			b.body(prose(b.random, 2))
		}},
		{"encoded words", func(b *mailBuilder) {
			b.header("Comments", "=?utf-8?B?R3LDvMOfZQ==?= =?iso-8859-1?Q?K=F6ln?=")
			b.body(prose(b.random, 2))
		}},
	}
}

// mimeKinds are mails that try a parser.
func mimeKinds() []cleanKind {
	return []cleanKind{
		encodedKind("quoted-printable", "utf-8", "quoted-printable", "Gr=C3=BC=C3=9Fe =E2=9C=89 a line that goes=\r\n on =3D here=20\r\n"),
		encodedKind("base64 text", "utf-8", "base64", base64Lines([]byte(strings.Repeat("Grüße ✉ ", 200)))),
		{"alternative", func(b *mailBuilder) {
			b.header("MIME-Version", "1.0")
			b.multipart("alternative", "=_alt", plainPart(b, 4), "Content-Type: text/html; charset=utf-8\r\n\r\n<p>Grüße</p>\r\n")
		}},
		{"related with an image", func(b *mailBuilder) {
			b.header("MIME-Version", "1.0")
			b.multipart("related", "=_rel", "Content-Type: text/html\r\n\r\n<img src=\"cid:i@example.org\">\r\n",
				"Content-ID: <i@example.org>\r\n"+attachment("image/gif", "i.gif", []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;")))
		}},
		{"nested eight deep", func(b *mailBuilder) {
			part := plainPart(b, 2)
			for i := range 8 {
				boundary := fmt.Sprintf("=_level%d", i)
				part = "Content-Type: multipart/mixed; boundary=\"" + boundary + "\"\r\n\r\n" + joinParts(boundary, part, plainPart(b, 1))
			}
			b.header("MIME-Version", "1.0")
			b.multipart("mixed", "=_top", part)
		}},
		{"a mail in a mail", func(b *mailBuilder) {
			inner := newMail(b.random, "inner")
			inner.body(prose(b.random, 3))
			b.header("MIME-Version", "1.0")
			b.multipart("mixed", "=_fwd", plainPart(b, 1), "Content-Type: message/rfc822\r\n\r\n"+inner.text.String())
		}},
		{"200 parts", func(b *mailBuilder) {
			parts := make([]string, 200)
			for i := range parts {
				parts[i] = plainPart(b, 1)
			}
			b.header("MIME-Version", "1.0")
			b.multipart("mixed", "=_many", parts...)
		}},
		{"a delivery report", func(b *mailBuilder) {
			b.header("MIME-Version", "1.0")
			b.multipart("report; report-type=delivery-status", "=_dsn", plainPart(b, 2),
				"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.example.org\r\n\r\n"+
					"Final-Recipient: rfc822; bob@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n")
		}},
		{"signed", func(b *mailBuilder) {
			b.header("MIME-Version", "1.0")
			b.multipart("signed; protocol=\"application/pgp-signature\"; micalg=pgp-sha256", "=_sig", plainPart(b, 3),
				"Content-Type: application/pgp-signature; name=\"signature.asc\"\r\n\r\n-----BEGIN PGP SIGNATURE-----\r\n\r\n"+
					base64Lines(octets(b.random, 200))+"-----END PGP SIGNATURE-----\r\n")
		}},
		{"lines like boundaries", func(b *mailBuilder) {
			b.header("MIME-Version", "1.0")
			b.multipart("mixed", "=_b", "Content-Type: text/plain\r\n\r\n-- \r\n--=_a\r\n--\r\n---=_b\r\n--not a boundary--\r\n", plainPart(b, 1))
		}},
		attachedKind("zip attachment", "application/zip", "notes.zip", func(b *mailBuilder) []byte { return zipped(prose(b.random, 50)) }),
		attachedKind("gzip attachment", "application/gzip", "notes.txt.gz", func(b *mailBuilder) []byte { return gzipped(prose(b.random, 50)) }),
		binaryKind("attachment of 1 kB", 1<<10),
		binaryKind("attachment of 100 kB", 100<<10),
		binaryKind("attachment of 1 MB", 1<<20),
		binaryKind("attachment of 3 MB", 3<<20),
	}
}

// highOctets is each octet from 0x80 to 0xff, 16 in a line.
func highOctets() string {
	var text []byte
	for i := 0x80; i <= 0xff; i++ {
		text = append(text, byte(i))
		if i%16 == 15 {
			text = append(text, "\r\n"...)
		}
	}
	return string(text)
}

func zipped(text string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	// A bytes.Buffer takes everything.
	if w, err := z.Create("notes.txt"); err == nil {
		_, _ = io.WriteString(w, text)
	}
	z.Close()
	return b.Bytes()
}

func gzipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text) // as above
	z.Close()
	return b.Bytes()
}
