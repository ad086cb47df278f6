package pop3

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
)

// dripEvery is the pause between the fields that drip to a waiting client.
const dripEvery = 10 * time.Second

// maxDripped bounds one field that drips, in octets, its line ends included.
const maxDripped = 16 << 10

// maxWaits bounds the lines of the gateway's own in one message: at one in ten seconds they last as long as DefaultBudget.
const maxWaits = 180

// drip keeps a client that has waited long from giving up: it is called now and then, and sends one thing each time. It begins the reply
// and hands out the first fields of the message's own header one by one, then lines of the gateway's own that say to wait. Between two
// calls a tag, a notice or the rest of the message can follow.
func (r *retrieval) drip() error {
	line := r.next()
	if line == nil {
		return nil
	}
	if !r.begun {
		r.begun = true
		r.s.live.dripping.Store(true)
		r.s.partly = true
		r.s.relay.counters.dripped.Add(1)
		status := statusMessage
		if r.p.top() {
			status = statusTop
		}
		if err := r.s.send([]byte(status)); err != nil {
			return err
		}
	}
	if err := r.s.send(line); err != nil {
		return err
	}
	r.octets += int64(len(line))
	return r.s.flush()
}

// next returns what to send next, nil for nothing.
func (r *retrieval) next() []byte {
	window, err := r.window()
	if err != nil {
		return nil // the message cannot be read back: its judgement will say so
	}
	if !r.own {
		n, more := traceField(window, r.f.lfOnly)
		if n > 0 {
			r.sent += int64(n)
			return window[:n]
		}
		r.own = !more || len(window) == maxDripped
	}
	// Before a message that does not begin with a field a line would change what clients take for its header.
	if r.waits == maxWaits || r.sent == 0 && !field(window) {
		return nil
	}
	r.waits++
	r.s.relay.counters.waitLines.Add(1)
	return append(strconv.AppendInt([]byte("X-Mirrorgw-Wait: "), int64(r.waits), 10), '\r', '\n')
}

// window returns the octets of the message behind those that have left, as far as they are there, at most maxDripped.
func (r *retrieval) window() ([]byte, error) {
	r.h.mu.Lock() // the server pump may be adding to the message
	defer r.h.mu.Unlock()
	window := make([]byte, min(maxDripped, r.h.wire.Size()-r.sent))
	if _, err := r.h.wire.ReadAt(window, r.sent); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return window, nil
}

// traceField returns the length of the field that wire begins with, the start of its next line being there too, if it is one
// that may leave before the verdict. Else it returns 0, and more says that octets to come may change that.
func traceField(wire []byte, lfOnly bool) (n int, more bool) {
	for {
		line, _, ended := bytes.Cut(wire[n:], []byte("\n"))
		if !ended {
			return 0, true
		}
		content, crlf := bytes.CutSuffix(line, []byte("\r"))
		if !crlf && !lfOnly || bytes.ContainsAny(content, "\x00\r") {
			return 0, false
		}
		if n == 0 {
			name, _, colon := strings.Cut(string(content), ":")
			if !colon || !traceName(name) {
				return 0, false
			}
		} else if len(bytes.TrimLeft(content, " \t")) == 0 { // some take it for the end of the header
			return 0, false
		}
		n += len(line) + 1
		switch {
		case n == len(wire):
			return 0, true
		case wire[n] != ' ' && wire[n] != '\t':
			return n, false
		}
	}
}

// traceName says whether a field of this name may stand before a notice as well as before the mail itself: it is one that mail
// systems put on top, and no mail client shows it or reads the mail by it.
func traceName(name string) bool {
	switch strings.ToLower(name) {
	case "return-path", "received", "received-spf", "delivered-to", "envelope-to", "delivery-date",
		"x-received", "x-delivered-to", "x-original-to", "x-envelope-to", "x-envelope-from", "x-uidl":
		return true
	}
	return false
}

// writeRest writes what is held of the message and has not left.
func (r *retrieval) writeRest(w io.Writer) error {
	if len(r.edits) > 0 {
		return r.writeEdited(w)
	}
	if r.sent == 0 {
		_, err := r.h.wire.WriteTo(w)
		return err
	}
	_, err := io.Copy(w, io.NewSectionReader(r.h.wire, r.sent, r.h.wire.Size()-r.sent))
	return err
}

// unsent returns a notice without the fields that have left, in case it keeps them at its beginning.
func (r *retrieval) unsent(notice []byte) []byte {
	if r.sent == 0 {
		return notice
	}
	left := make([]byte, r.sent)
	if _, err := r.h.wire.ReadAt(left, 0); err != nil {
		return notice
	}
	return bytes.TrimPrefix(notice, left)
}
