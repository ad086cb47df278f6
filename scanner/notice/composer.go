package notice

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"strings"
	"time"

	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-message/textproto"

	"mirrorgw/scanner"
)

// Composer writes notices. It is a scanner.Composer; the zero value is ready for use.
type Composer struct{}

// subjectPrefix begins the subject of every notice.
const subjectPrefix = "[mirrorgw] "

// placeholder is the address of notices for mails that name no usable sender. The domain never exists (RFC 2606).
const placeholder = "mirrorgw@mirrorgw.invalid"

// Compose returns the notice for a mail kept under id. Errors: none are known; the writers it uses can report some.
func (Composer) Compose(item scanner.Item, id string) ([]byte, error) {
	h := compose(item, id)
	h.SetText("X-Mirrorgw-Verdict", verdict(item, id))
	var b bytes.Buffer
	if err := textproto.WriteHeader(&b, h.Header.Header); err != nil {
		return nil, fmt.Errorf("notice header: %w", err)
	}
	w := quotedprintable.NewWriter(&b)
	if _, err := w.Write([]byte(body(item, id))); err != nil {
		return nil, fmt.Errorf("notice body: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("notice body: %w", err)
	}
	return b.Bytes(), nil
}

// compose returns the header of the notice. Fields are written in the reverse of the order they are set in.
func compose(item scanner.Item, id string) mail.Header {
	s := item.Summary
	var h mail.Header
	h.SetText("Auto-Submitted", "auto-generated")
	h.SetText("Content-Transfer-Encoding", "quoted-printable")
	h.SetText("Content-Type", "text/plain; charset=utf-8")
	h.SetText("MIME-Version", "1.0")
	if s.MessageID != "" {
		h.SetMsgIDList("References", []string{s.MessageID})
	}
	h.SetMessageID(messageID(s.MessageID, id))
	h.SetSubject(strings.TrimSpace(subjectPrefix + s.Subject))
	if len(s.Recipients) > 0 {
		h.SetText("To", addresses(s.Recipients...))
	} else {
		h.SetText("To", "undisclosed-recipients:;")
	}
	from := s.Sender
	if from == nil {
		from = &mail.Address{Name: s.From, Address: placeholder}
	}
	h.SetText("From", addresses(from))
	h.SetDate(date(s.Date, item.Time))
	return h
}

// addresses returns an address list for a header field. Names beyond ASCII become base64 words: in the quoted-printable ones
// that net/mail would write, a backslash stays as it is, which no parser takes in a name.
func addresses(list ...*mail.Address) string {
	written := make([]string, len(list))
	for i, a := range list {
		if word := mime.BEncoding.Encode("utf-8", a.Name); word != a.Name {
			written[i] = word + " " + (&mail.Address{Address: a.Address}).String()
		} else {
			written[i] = a.String()
		}
	}
	return strings.Join(written, ", ")
}

// verdict returns the value of the X-Mirrorgw-Verdict field.
func verdict(item scanner.Item, id string) string {
	_, value, _ := strings.Cut(scanner.VerdictField(item.Verdict, item.Cause, id), ": ")
	return value
}

// date returns the original's date where it is believable, else the time it was kept.
func date(original, kept time.Time) time.Time {
	if original.Year() < 1980 || original.After(kept.Add(24*time.Hour)) {
		return kept
	}
	return original
}

// messageID derives the notice's identifier from the original's and the quarantine id.
func messageID(original, id string) string {
	_, domain, ok := strings.Cut(original, "@")
	if !ok {
		domain = "mirrorgw.invalid"
	}
	sum := sha256.Sum256([]byte(original + "\n" + id))
	return "mirrorgw." + id + "." + hex.EncodeToString(sum[:6]) + "@" + domain
}
