package pop3

import (
	"io"

	"mirrorgw/scanner"
)

// insertion is text put between two octets of a message in its wire form.
type insertion struct {
	at   int64
	text string // without a line end, so that no line begins with it
}

// mark prepares what m puts into the message, and returns the lines to send before it.
func (d *drip) mark(m scanner.Mark) (fields []byte) {
	if m.Field != "" {
		if fields = []byte(m.Field + "\r\n"); !oneLine(fields) {
			fields = nil
		}
	}
	if m.Subject == "" || !oneLine([]byte(m.Subject+"\r\n")) {
		return fields
	}
	if at, ok := scanner.SubjectAt(d.h.wire.Reader()); ok && at >= d.sent {
		d.subject = insertion{at, m.Subject}
	}
	return fields
}

// writeMarked is writeRest with the text in its place.
func (d *drip) writeMarked(w io.Writer) error {
	if _, err := io.Copy(w, io.NewSectionReader(d.h.wire, d.sent, d.subject.at-d.sent)); err != nil {
		return err
	}
	if _, err := io.WriteString(w, d.subject.text); err != nil {
		return err
	}
	_, err := io.Copy(w, io.NewSectionReader(d.h.wire, d.subject.at, d.h.wire.Size()-d.subject.at))
	return err
}
