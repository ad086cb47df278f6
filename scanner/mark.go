package scanner

import (
	"bufio"
	"context"
	"errors"
	"io"
)

// Mark says how a mail that is delivered is marked, beyond what its verdict calls for. The zero value is no mark.
type Mark struct {
	Field   string // one header field without its line end, to stand before the mail
	Subject string // text to stand before the mail's subject
}

// Marker marks mails that are delivered. scanner/spam is one.
//
// Mark borrows mail until it returns, which is soon after ctx has ended. What it cannot tell it leaves out: it never keeps a mail
// from being delivered.
type Marker interface {
	Mark(ctx context.Context, mail *Buffer) Mark
}

// mark has a mail marked that is to be delivered, or tagged. A mail that does not begin with a header field is left alone: a field
// before it would change what clients take for its header.
func (j *Judge) mark(ctx context.Context, r *Ruling, mail *Buffer, complete bool) {
	if j.marker == nil || !complete || r.Action != Deliver && r.Action != Tag {
		return
	}
	if first, err := bufio.NewReaderSize(mail.Reader(), maxFieldName).Peek(maxFieldName); err == nil || errors.Is(err, io.EOF) {
		if _, _, ok := fieldName(first); ok {
			r.Mark = j.marker.Mark(ctx, mail)
		}
	}
}

// maxFieldName bounds the name of the field with which a mail begins that is marked, its colon included.
const maxFieldName = 128

// SubjectAt returns where the value of the first Subject field begins in the header of a mail, behind the blank that follows its
// colon; ok is false where there is no such field. It makes no difference whether the mail is dot-stuffed.
func SubjectAt(mail io.Reader) (at int64, ok bool) {
	r := bufio.NewReaderSize(mail, lineBuffer)
	for begins, first := true, true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return 0, false // a header alone is not marked
		}
		if begins && line[0] != ' ' && line[0] != '\t' {
			name, value, field := fieldName(line)
			switch {
			case name == "subject":
				at += int64(len(line) - len(value))
				if value[0] == ' ' || value[0] == '\t' {
					at++
				}
				return at, true
			case !field && (!first || !isEnvelope(line)):
				return 0, false
			}
		}
		at += int64(len(line))
		begins = err == nil
	}
}

// Field returns the values of a field, given in lower case, in the header of a mail, unfolded and without blanks around them: the
// first four of at most 16 KiB each.
func Field(mail io.Reader, name string) []string {
	h, _, _, _ := readHeader(newLines(mail, lineBuffer), []string{name}) // what cannot be read is not there
	return h.fields[name]
}
