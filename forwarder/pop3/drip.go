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

// drip keeps the client of a message that takes long from giving up: it begins the reply, and hands out the first fields of the
// message's own header one by one, then lines of its own that say to wait. It always stops between two fields, so that a tag, a
// notice or the rest of the message can follow.
type drip struct {
	*pulse
	s      *session
	p      *pending
	h      *held
	lfOnly bool
	asked  time.Time // when the client's wait began

	begun bool  // the status line has left
	sent  int64 // octets of the message that have left, in its wire form
	own   bool  // what follows may not leave before the verdict: from here on it is lines of the gateway's own
	waits int

	edits   []edit // what is changed in what is held, in the order in which it stands
	padding int64  // octets of blank lines to add to it

	octets int64 // of all this that has left behind the status line
}

// newDrip begins to drip once the client has waited since asked for as long as it should. stop must follow.
func (s *session) newDrip(p *pending, h *held, lfOnly bool, asked time.Time) *drip {
	d := &drip{pulse: &s.dripping, s: s, p: p, h: h, lfOnly: lfOnly, asked: asked}
	d.start(asked.Add(s.cfg.Drip), dripEvery, d.beat)
	return d
}

// beat sends one field or line.
func (d *drip) beat() error {
	line := d.next()
	if line == nil {
		return nil
	}
	if !d.begun {
		d.begun = true
		d.s.live.dripping.Store(true)
		d.s.partly = true
		d.s.relay.counters.dripped.Add(1)
		status := statusMessage
		if d.p.top {
			status = statusTop
		}
		if err := d.s.send([]byte(status)); err != nil {
			return err
		}
	}
	if err := d.s.send(line); err != nil {
		return err
	}
	d.octets += int64(len(line))
	return d.s.flush()
}

// next returns what to send next, nil for nothing.
func (d *drip) next() []byte {
	window, err := d.window()
	if err != nil {
		return nil // the message cannot be read back: its judgement will say so
	}
	if !d.own {
		n, more := traceField(window, d.lfOnly)
		if n > 0 {
			d.sent += int64(n)
			return window[:n]
		}
		d.own = !more || len(window) == maxDripped
	}
	// Before a message that does not begin with a field a line would change what clients take for its header.
	if d.waits == maxWaits || d.sent == 0 && !field(window) {
		return nil
	}
	d.waits++
	d.s.relay.counters.waitLines.Add(1)
	return append(strconv.AppendInt([]byte("X-Mirrorgw-Wait: "), int64(d.waits), 10), '\r', '\n')
}

// window returns the octets of the message behind those that have left, as far as they are there, at most maxDripped.
func (d *drip) window() ([]byte, error) {
	d.h.mu.Lock() // the server pump may be adding to the message
	defer d.h.mu.Unlock()
	window := make([]byte, min(maxDripped, d.h.wire.Size()-d.sent))
	if _, err := d.h.wire.ReadAt(window, d.sent); err != nil && !errors.Is(err, io.EOF) {
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
func (d *drip) writeRest(w io.Writer) error {
	if len(d.edits) > 0 {
		return d.writeEdited(w)
	}
	if d.sent == 0 {
		_, err := d.h.wire.WriteTo(w)
		return err
	}
	_, err := io.Copy(w, io.NewSectionReader(d.h.wire, d.sent, d.h.wire.Size()-d.sent))
	return err
}

// unsent returns a notice without the fields that have left, in case it keeps them at its beginning.
func (d *drip) unsent(notice []byte) []byte {
	if d.sent == 0 {
		return notice
	}
	left := make([]byte, d.sent)
	if _, err := d.h.wire.ReadAt(left, 0); err != nil {
		return notice
	}
	return bytes.TrimPrefix(notice, left)
}
