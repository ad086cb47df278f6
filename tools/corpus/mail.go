package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mail is one mail of the corpus.
type mail struct {
	id    string // unique, fit for a file name: class, variant, payload and line end
	class string
	text  string
}

// variant is one way of hiding a payload in a mail.
type variant struct {
	class, name string
	build       func(p payload) string // lines end in LF; rawMark stands for the payload itself
}

// rawMark is replaced by the payload once the lines have their ends, which the payload has not.
const rawMark = "\x01raw\x01"

// corpus returns all mails: each variant with each payload, as it comes from a server and as it lies in a file.
func corpus() ([]mail, error) {
	all, err := payloads()
	if err != nil {
		return nil, err
	}
	var mails []mail
	for _, v := range variants() {
		for _, p := range all {
			text := v.build(p)
			for _, ends := range []struct{ name, end string }{{"crlf", "\r\n"}, {"lf", "\n"}} {
				m := mail{id: fmt.Sprintf("%s-%s-%s-%s", v.class, v.name, p.name, ends.name), class: v.class, text: text}
				if ends.end != "\n" {
					m.text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", ends.end)
				}
				m.text = strings.ReplaceAll(m.text, rawMark, p.content)
				mails = append(mails, m)
			}
		}
	}
	return mails, nil
}

// variants returns every way of hiding there is, class after class.
func variants() []variant {
	all := slices.Concat(types(), headers(), delimiters(), boundaries(), base64s(), quotedPrintables(), encodingFields(), continued(),
		attachedText(), messages(), wrapped(), misnamed(), sizes(), lineEnds())
	return slices.Concat(all, crosses(all), documents())
}

// writeTo writes mails into a folder, as ID.eml.
func writeTo(folder string, mails []mail) error {
	for _, m := range mails {
		if err := os.WriteFile(filepath.Join(folder, m.id+".eml"), []byte(m.text), 0o600); err != nil {
			return fmt.Errorf("writing the corpus: %w", err)
		}
	}
	return nil
}

// top begins every mail, so that a scanner that looks at the first lines takes it for one.
const top = "Received: from mail.example.org by mail.example.net; Mon, 2 Nov 2026 10:00:00 +0000\n" +
	"From: Alice <alice@example.org>\nTo: bob@example.net\nSubject: a file for you\nDate: Mon, 2 Nov 2026 10:00:00 +0000\n" +
	"Message-ID: <1@example.org>\n"

// version is what a mail with MIME says.
const version = "MIME-Version: 1.0\n"

// note is a part that holds a line of text.
const note = "Content-Type: text/plain\n\nSee the file.\n"

// attached returns a part with the payload in base64.
func attached(p payload) string {
	return attachedAs(p, "Content-Transfer-Encoding: base64\n", fold(b64(p.content), 76))
}

// attachedAs returns a part with the payload in body, whose encoding is told by field lines.
func attachedAs(p payload, encoding, body string) string {
	return fmt.Sprintf("Content-Type: application/octet-stream; name=%q\n%sContent-Disposition: attachment; filename=%q\n\n%s\n",
		p.file, encoding, p.file, body)
}

// multipart returns the body of a multipart.
func multipart(boundary string, parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		b.WriteString("--" + boundary + "\n" + part)
		if !strings.HasSuffix(part, "\n") {
			b.WriteByte('\n')
		}
	}
	return b.String() + "--" + boundary + "--\n"
}

// mixed returns a mail with such a body and nothing odd about it.
func mixed(parts ...string) string {
	return top + version + "Content-Type: multipart/mixed; boundary=\"bound\"\n\n" + multipart("bound", parts...)
}

// table makes variants of one class that differ in one string.
func table(class, prefix string, rows [][2]string, build func(p payload, value string) string) []variant {
	var all []variant
	for _, row := range rows {
		all = append(all, variant{class, prefix + row[0], func(p payload) string { return build(p, row[1]) }})
	}
	return all
}
