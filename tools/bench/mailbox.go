package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"

	"mirrorgw/testnet"
)

// The mails that are served: smallMails of smallMail octets, then one of largeMail octets of each kind of largeKinds.
const (
	smallMails = 10
	smallMail  = 4096
	largeMail  = 10 << 20
)

// largeKind is a shape of large mail, each hard on something else.
type largeKind struct {
	name string
	body func() []byte
}

func largeKinds() []largeKind {
	return []largeKind{
		{"an attachment", attachment},
		{"plain text", func() []byte {
			return append([]byte("\r\n"), bytes.Repeat([]byte(textLine), largeMail/len(textLine))...)
		}},
		{"a dot before each line", func() []byte {
			const line = ".dot" + textLine
			return append([]byte("\r\n"), bytes.Repeat([]byte(line), largeMail/len(line))...)
		}},
	}
}

const textLine = "The mirror stands beside a router and hands on what it gets.\r\n"

// attachment is a multipart mail's end of header and body, with random octets in base64 (RFC 2045 section 6.8).
func attachment() []byte {
	raw := make([]byte, largeMail/4*3*76/78)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(raw) // never fails
	text := base64.StdEncoding.EncodeToString(raw)
	var b bytes.Buffer
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=bench\r\n\r\n" +
		"--bench\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n" +
		"--bench\r\nContent-Type: application/octet-stream; name=file.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	for len(text) > 0 {
		line := text[:min(76, len(text))]
		text = text[len(line):]
		b.WriteString(line + "\r\n")
	}
	b.WriteString("--bench--\r\n")
	return b.Bytes()
}

// mailbox is what the server has: clean mails, no two alike, so that none is judged by another's verdict.
func mailbox() []testnet.Mail {
	var mails []testnet.Mail
	head := func() string {
		n := len(mails) + 1
		return fmt.Sprintf("From: Sender <sender@example.org>\r\nTo: alice@example.net\r\nSubject: Mail %d\r\n"+
			"Date: Mon, 02 Nov 2026 10:00:00 +0000\r\nMessage-ID: <%d@example.org>\r\n", n, n)
	}
	for range smallMails {
		text := head() + "\r\n"
		text += strings.Repeat(textLine, (smallMail-len(text))/len(textLine))
		mails = append(mails, testnet.Mail{Kind: "4 kB", Data: []byte(text)})
	}
	for _, kind := range largeKinds() {
		mails = append(mails, testnet.Mail{Kind: "10 MB, " + kind.name, Data: append([]byte(head()), kind.body()...)})
	}
	return mails
}
