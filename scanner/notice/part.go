package notice

import (
	"bytes"
	"fmt"

	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-message/textproto"

	"mirrorgw/scanner"
)

// ComposeFields implements scanner.PartComposer.
func (c *Composer) ComposeFields(item scanner.Item, id string) ([]byte, error) {
	var h mail.Header
	h.SetMessageID(messageID(item.Summary.MessageID, id))
	h.SetSubject(subject(item))
	h.SetText("X-Mirrorgw-Verdict", verdict(item, id))
	var b bytes.Buffer
	if err := textproto.WriteHeader(&b, h.Header.Header); err != nil {
		return nil, fmt.Errorf("notice fields: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\r\n")), nil // less the blank line
}

// ComposePart implements scanner.PartComposer.
func (c *Composer) ComposePart(item scanner.Item, id, name string) ([]byte, error) {
	text, err := c.text(partTemplate, item, id, name)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Disposition: inline\r\n\r\n")
	if err := writeQuotedPrintable(&b, text); err != nil {
		return nil, fmt.Errorf("notice of a part: %w", err)
	}
	c.counters.composed.Add(1)
	return b.Bytes(), nil
}
