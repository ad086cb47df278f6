package scanner

import (
	"io"
	"mime"
	"net/mail"
	"strings"
	"time"
)

// Bounds of a Summary.
const (
	maxShown      = 200 // runes of a text to be shown
	maxAddress    = 254 // octets of one address (RFC 5321 section 4.5.3.1.3, less the angle brackets)
	maxRecipients = 8
	maxMessageID  = 250
)

// Summary is what a mail's header says of it, fit to be shown and to be written into another header: every text is
// Printable, every address and identifier well-formed ASCII. All of it is the sender's claim.
type Summary struct {
	From       string          // as shown to people; empty when there is no From field
	Subject    string          // decoded
	Sender     *mail.Address   // the first address of From; nil when none is usable
	Recipients []*mail.Address // of To, at most 8
	Date       time.Time       // zero when absent or unreadable
	MessageID  string          // without its angle brackets; empty when absent or unusable
}

// Summarize reads the header of a mail. It never fails: what cannot be read is empty. Of each field the first counts.
func Summarize(r io.Reader) Summary {
	h, _, _, _ := readHeader(newLines(r, lineBuffer), []string{"from", "to", "subject", "date", "message-id"})
	s := Summary{
		From:      Printable(decodeWords(h.get("from")), maxShown),
		Subject:   Printable(decodeWords(h.get("subject")), maxShown),
		MessageID: messageID(h.get("message-id")),
	}
	if from := addresses(h.get("from"), 1); len(from) > 0 {
		s.Sender = from[0]
	}
	s.Recipients = addresses(h.get("to"), maxRecipients)
	if t, err := mail.ParseDate(h.get("date")); err == nil {
		s.Date = t
	}
	return s
}

// addresses returns the usable addresses of an address list (RFC 5322 section 3.4), at most limit. Of a list that is not
// well-formed, as in "a@example.org <a@example.org>", it takes the last address in angle brackets.
func addresses(list string, limit int) []*mail.Address {
	parser := mail.AddressParser{WordDecoder: &mime.WordDecoder{CharsetReader: readCharset}}
	parsed, err := parser.ParseList(list)
	if err != nil {
		i := strings.LastIndexByte(list, '<')
		if i < 0 {
			return nil
		}
		address, _, _ := strings.Cut(list[i:], ">")
		one, err := mail.ParseAddress(address + ">")
		if err != nil {
			return nil
		}
		one.Name = decodeWords(strings.TrimSpace(list[:i]))
		parsed = []*mail.Address{one}
	}
	var usable []*mail.Address
	for _, a := range parsed {
		if len(usable) == limit {
			break
		}
		if a.Address == "" || len(a.Address) > maxAddress || !isVisible(a.Address) {
			continue
		}
		usable = append(usable, &mail.Address{Name: Printable(a.Name, maxShown), Address: a.Address})
	}
	return usable
}

// messageID returns what is between the angle brackets of a message identifier (RFC 5322 section 3.6.4).
func messageID(value string) string {
	_, id, ok := strings.Cut(value, "<")
	if !ok {
		return ""
	}
	id, _, ok = strings.Cut(id, ">")
	left, right, at := strings.Cut(id, "@")
	if !ok || !at || left == "" || right == "" || len(id) > maxMessageID || !isVisible(id) || strings.ContainsAny(id, `<>()[]\,;:" `) || strings.Contains(right, "@") {
		return ""
	}
	return id
}

// isVisible reports whether s is printable ASCII without blanks.
func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
