package testnet

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
)

// Mail is one mail, with CRLF line ends.
type Mail struct {
	Kind string // what is special about it, in a few words
	Data []byte
}

const (
	// eicarHead and eicarTail are the two halves of the EICAR test file, apart so that this file is not one.
	eicarHead = `X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-`
	eicarTail = `ANTIVIRUS-TEST-FILE!$H+H*`

	// clamTestFile is a harmless program of 544 octets that ClamAV and the built-in rules know, from Debian's clamav-testfiles.
	clamTestFile = "/usr/share/clamav-testfiles/clam.exe"
)

// ErrNoTestFile reports that the clamav-testfiles package is not installed.
var ErrNoTestFile = errors.New("clamav-testfiles is not installed: apt-get install clamav-testfiles")

// EICAR is a mail with the EICAR test file as its attachment.
func EICAR() Mail {
	return infected("EICAR attachment", "eicar.com", []byte(eicarHead+eicarTail))
}

// ClamTestFile is a mail with the clamav-testfiles program as its attachment.
//
// Errors: ErrNoTestFile.
func ClamTestFile() (Mail, error) {
	b, err := os.ReadFile(clamTestFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Mail{}, ErrNoTestFile
	}
	if err != nil {
		return Mail{}, err
	}
	return infected("clamav-testfiles attachment", "clam.exe", b), nil
}

func infected(kind, file string, payload []byte) Mail {
	b := newMail(rand.New(rand.NewPCG(1, 1)), kind)
	b.header("MIME-Version", "1.0")
	b.multipart("mixed", "=_infected",
		"Content-Type: text/plain; charset=us-ascii\r\n\r\nPlease see the attachment.\r\n",
		attachment("application/octet-stream", file, payload))
	return b.mail()
}

// mailBuilder writes one mail from the top.
type mailBuilder struct {
	kind   string
	random *rand.Rand
	text   bytes.Buffer
}

// newMail begins a mail with the header fields every mail has.
func newMail(random *rand.Rand, kind string) *mailBuilder {
	b := &mailBuilder{kind: kind, random: random}
	b.header("Return-Path", "<sender@example.org>")
	b.header("Received", "from mail.example.org (mail.example.org [198.51.100.25])\r\n\tby mail.example.net with ESMTP id "+
		fmt.Sprintf("%08x", random.Uint32())+";\r\n\tMon, 02 Nov 2026 10:00:00 +0000")
	b.header("Date", "Mon, 02 Nov 2026 10:00:00 +0000")
	b.header("From", "Sender <sender@example.org>")
	b.header("To", "alice@example.net")
	b.header("Message-ID", fmt.Sprintf("<%016x@example.org>", random.Uint64()))
	b.header("Subject", "A mail: "+kind)
	return b
}

func (b *mailBuilder) header(name, value string) {
	fmt.Fprintf(&b.text, "%s: %s\r\n", name, value)
}

// body ends the header and adds text as it is.
func (b *mailBuilder) body(text ...string) {
	b.text.WriteString("\r\n")
	for _, t := range text {
		b.text.WriteString(t)
	}
}

// multipart adds the header field and a body of parts, each with a header of its own.
func (b *mailBuilder) multipart(subtype, boundary string, parts ...string) {
	b.header("Content-Type", fmt.Sprintf("multipart/%s; boundary=\"%s\"", subtype, boundary))
	b.body("This is a message in MIME format.\r\n\r\n", joinParts(boundary, parts...))
}

func (b *mailBuilder) mail() Mail { return Mail{Kind: b.kind, Data: b.text.Bytes()} }

// joinParts is the body of a multipart (RFC 2046 section 5.1.1). Parts end in CRLF.
func joinParts(boundary string, parts ...string) string {
	var text strings.Builder
	for _, part := range parts {
		text.WriteString("--" + boundary + "\r\n" + part)
	}
	text.WriteString("--" + boundary + "--\r\n")
	return text.String()
}

// attachment is a part with a file in base64.
func attachment(contentType, name string, data []byte) string {
	return fmt.Sprintf("Content-Type: %s; name=\"%s\"\r\nContent-Disposition: attachment; filename=\"%s\"\r\n"+
		"Content-Transfer-Encoding: base64\r\n\r\n%s", contentType, name, name, base64Lines(data))
}

// base64Lines encodes in lines of 76 characters (RFC 2045 section 6.8).
func base64Lines(data []byte) string {
	const width = 76 / 4 * 3
	var text strings.Builder
	for len(data) > 0 {
		n := min(width, len(data))
		text.WriteString(base64.StdEncoding.EncodeToString(data[:n]) + "\r\n")
		data = data[n:]
	}
	return text.String()
}

// octets is made-up binary data.
func octets(random *rand.Rand, size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// prose is made-up text, in lines of at most 72 characters.
func prose(random *rand.Rand, lines int) string {
	words := strings.Fields("the mirror stands beside a router and hands on what it gets while letters that come by are read once and then go " +
		"their way unless something hides in them")
	var text strings.Builder
	for range lines {
		width := 0
		for width < 60 {
			word := words[random.IntN(len(words))]
			text.WriteString(word + " ")
			width += len(word) + 1
		}
		text.WriteString("end\r\n")
	}
	return text.String()
}
