package pop3

import "mirrorgw/scanner"

// alter prepares what a ruling changes in a message that is delivered, and returns the lines to send before it.
func (d *drip) alter(r *scanner.Ruling) (fields []byte) {
	fields = d.mark(r.Mark)
	shorter := d.change(r.Edits)
	if d.s.cfg.Pad {
		d.padding = max(shorter-int64(len(fields)), 0)
	}
	return fields
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
		d.edits = append(d.edits, edit{at: at, end: at, word: m.Subject})
	}
	return fields
}
