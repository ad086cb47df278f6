package pop3

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"mirrorgw/scanner"
)

// edit is a run of octets of a message in its wire form and what leaves instead.
type edit struct {
	at, end int64
	word    string          // stands within a line and ends none
	text    *scanner.Buffer // lines, not stuffed; nil: there is word
}

// change prepares what a ruling changes in the message, and returns how many octets shorter that makes it. Where some of it has left
// already, or the message cannot be read back, nothing is changed.
func (r *retrieval) change(edits []scanner.Edit) (shorter int64) {
	if len(edits) == 0 {
		return 0
	}
	ready := make([]edit, 0, len(edits)+len(r.edits))
	ready = append(ready, r.edits...) // a mark is in the header, and so before them
	offsets := make([]*int64, 0, 2*len(edits))
	for _, e := range edits {
		ready = append(ready, edit{at: e.At, end: e.End, text: e.Text})
		shorter += e.End - e.At - e.Text.Size()
		made := &ready[len(ready)-1]
		offsets = append(offsets, &made.at, &made.end)
	}
	if r.h.content != nil && toWire(r.h.wire.Reader(), offsets) != nil || *offsets[0] < r.sent {
		return 0
	}
	r.edits = ready
	return shorter
}

// toWire turns offsets in a message's content, in ascending order, into those in its wire form, where a line that begins with a dot has
// one more. Errors: wire's own.
func toWire(wire io.Reader, offsets []*int64) error {
	r := bufio.NewReaderSize(wire, 32<<10)
	content, at, begins := int64(0), int64(0), true
	for len(offsets) > 0 {
		piece, err := r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
			return err
		}
		stuffed := int64(0)
		if begins && bytes.HasPrefix(piece, oneDot) {
			stuffed = 1
		}
		next := content + int64(len(piece)) - stuffed
		for len(offsets) > 0 && (*offsets[0] < next || errors.Is(err, io.EOF)) {
			if *offsets[0] > content {
				*offsets[0] += at - content + stuffed
			} else {
				*offsets[0] = at
			}
			offsets = offsets[1:]
		}
		content, at, begins = next, at+int64(len(piece)), err == nil
	}
	return nil
}

// writeEdited is writeRest with the edits made.
func (r *retrieval) writeEdited(w io.Writer) error {
	from := r.sent
	for _, e := range r.edits {
		if _, err := io.Copy(w, io.NewSectionReader(r.h.wire, from, e.at-from)); err != nil {
			return err
		}
		from = e.end
		if e.text == nil {
			if _, err := io.WriteString(w, e.word); err != nil {
				return err
			}
			continue
		}
		if _, err := e.text.WriteTo(&stuffer{w: w}); err != nil {
			return err
		}
	}
	_, err := io.Copy(w, io.NewSectionReader(r.h.wire, from, r.h.wire.Size()-from))
	return err
}
