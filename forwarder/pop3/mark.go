package pop3

import "mirrorgw/scanner"

// alter prepares what a ruling changes in a message that is delivered, and returns the lines to send before it.
func (r *retrieval) alter(ruling *scanner.Ruling) (fields []byte) {
	fields = r.mark(ruling.Mark)
	shorter := r.change(ruling.Edits)
	if r.s.cfg.Pad {
		r.padding = max(shorter-int64(len(fields)), 0)
	}
	return fields
}

// mark prepares what m puts into the message, and returns the lines to send before it.
func (r *retrieval) mark(m scanner.Mark) (fields []byte) {
	if m.Field != "" {
		if fields = []byte(m.Field + "\r\n"); !oneLine(fields) {
			fields = nil
		}
	}
	if m.Subject == "" || !oneLine([]byte(m.Subject+"\r\n")) {
		return fields
	}
	if at, ok := scanner.SubjectAt(r.h.wire.Reader()); ok && at >= r.sent {
		r.edits = append(r.edits, edit{at: at, end: at, word: m.Subject})
	}
	return fields
}
