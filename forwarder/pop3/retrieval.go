package pop3

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"mirrorgw/scanner"
)

// maxWithheld bounds the messages whose DELE is refused. A session in which there are more ends.
const maxWithheld = 4096

// The status lines of messages that do not leave as they came: without the server's count of octets, which they no
// longer have.
const (
	statusMessage  = "+OK message follows\r\n"
	statusTop      = "+OK top of message follows\r\n"
	refuseMessage  = "message withheld for now: it could not be checked\r\n"
	refuseReleased = "this message cannot be read now\r\n"
	refuseSilence  = "the server stopped within the message\r\n"
)

// retrieval is the answer to RETR or TOP: the message is downloaded and held, judged, and only then sent, or what stands in its
// place. What has left of it before that has dripped (drip.go). Until the drip is stopped, what is grouped as such belongs to it.
type retrieval struct {
	s      *session
	p      *pending
	asked  time.Time // when the client's wait began
	until  time.Time // when its time is over
	status string    // the server's status line
	f      *framer   // of the server's reply
	h      *held     // what has come of it

	complete bool // all of it has

	// The drip's.
	begun  bool  // a status line has left
	sent   int64 // octets of the message that have left, in its wire form
	own    bool  // what follows may not leave before the verdict: from here on it is lines of the gateway's own
	waits  int   // of those lines
	octets int64 // of all this that has left behind the status line

	// What a ruling changes in the message.
	edits   []edit // in the order in which they stand
	padding int64  // octets of blank lines to add to it
}

// answerMessage relays the reply to RETR or TOP.
func (s *session) answerMessage(p *pending) error {
	if err := s.flush(); err != nil { // the judge may take its time
		return err
	}
	s.enter(Downloading, p.message, s.asked)
	defer s.leave()
	r := &retrieval{s: s, p: p, asked: s.asked, until: s.asked.Add(s.cfg.Budget)}
	line, ok, err := s.status(s.cfg.Silence)
	if err != nil {
		return s.excuse(err)
	}
	if !ok {
		return s.send(line)
	}
	r.status, r.f = string(line), newFramer(s.style.lfOnly())
	if notice, known := s.notices.of(p.message); known && p.top() {
		if err := r.read(discard{}); err != nil {
			return truncated(s.excuse(err))
		}
		s.relay.counters.topNotice.Add(1)
		return r.sendNotice(notice, 0)
	}
	r.h = hold(s.cfg.Spool)
	defer r.h.close()
	defer s.dripping.stop()
	err = r.download()
	if r.complete && !r.free() || errors.Is(r.h.failed, scanner.ErrTooLarge) {
		return r.judge()
	}
	s.dripping.stop()
	switch {
	case r.complete:
		s.relay.counters.topFields.Add(1)
		return r.send(r.status, nil)
	case r.h.failed == nil:
		if errors.Is(err, ErrServerSilent) && !time.Now().Before(r.until) {
			s.relay.counters.overTime.Add(1)
			err = ErrOverTime
		}
		return truncated(s.excuse(err))
	}
	s.cfg.Log.Warn("message not held", "protocol", "pop3", "client", s.origin.Client, "server", s.origin.Server, "error", r.h.failed)
	if s.cfg.Shadow {
		s.relay.counters.unheld.Add(1)
		return r.send(r.status, nil)
	}
	return r.withhold()
}

// read reads the server's reply to its end, or to the error of out, within the retrieval's time.
func (r *retrieval) read(out sink) error {
	r.s.server.until = r.until
	defer func() { r.s.server.until = time.Time{} }()
	return r.s.readBody(r.f, out)
}

// download holds the message as it comes, and begins to drip. The drip is to be stopped before anything else is said to the client.
func (r *retrieval) download() error {
	if r.s.cfg.Early != nil {
		r.h.early = r.s.cfg.Early.Early(r.s.ctx, r.h)
	}
	r.s.dripping.start(r.asked.Add(r.s.cfg.Drip), dripEvery, r.drip)
	err := r.read(r.h)
	r.complete = err == nil
	return err
}

// free says whether the message may leave unjudged: the reply to TOP n 0 that is header fields only.
func (r *retrieval) free() bool {
	if r.p.answer != answerTopFields || r.h.wire.Size() > maxFreeTop {
		return false
	}
	wire, err := io.ReadAll(r.h.wire.Reader())
	return err == nil && fieldsOnly(wire, r.f.lfOnly)
}

// judge has the message judged and does what the ruling says. When it is not complete its rest is still to be read.
func (r *retrieval) judge() error {
	s, p := r.s, r.p
	ctx, cancel := context.WithDeadline(s.ctx, r.until)
	defer cancel()
	o, whose := s.origin, s.whose()
	o.User, o.Login, o.Asked, o.UIDL = whose.user, whose.login, r.asked, s.uids.of(p.message)
	if r.complete {
		defer s.keepAlive(p).stop()
	}
	if !r.h.settle() {
		s.dripping.stop()
		r.h.early.Close()
	}
	if r.complete {
		r.h.mail().Arrived(r.h.early)
	}
	s.enter(Judging, p.message, time.Now())
	ruling := s.cfg.Judge.Judge(ctx, o, r.h.mail(), r.complete)
	defer ruling.Close()
	s.dripping.stop()
	s.live.ruled(ruling)
	s.enter(Sending, p.message, time.Now())
	if closed(s.done) {
		return errOver
	}
	if ctx.Err() != nil {
		s.relay.counters.overTime.Add(1)
	}
	return r.carryOut(&ruling)
}

// carryOut does what a ruling says.
func (r *retrieval) carryOut(ruling *scanner.Ruling) error {
	s, c := r.s, r.s.relay.counters
	switch {
	case ruling.Action == scanner.Deliver:
		c.delivered.Add(1)
		s.delivered(r.p)
		status := r.status
		if r.p.top() && r.p.lines > 0 {
			status = statusTop
		}
		fields := r.alter(ruling)
		if len(fields) > 0 || len(r.edits) > 0 {
			status = statusMessage // the octets in the server's are those of the mail as it was
		}
		return r.send(status, fields)
	case ruling.Action == scanner.Tag && oneLine(ruling.Tag):
		c.tagged.Add(1)
		s.delivered(r.p)
		return r.send(statusMessage, append(slices.Clone(ruling.Tag), r.alter(ruling)...))
	case ruling.Action == scanner.Replace && r.complete && len(ruling.Notice) > 0:
		c.replaced.Add(1)
		s.delivered(r.p)
		s.notices.keep(r.p.message, ruling.Notice)
		notice, padding := r.unsent(ruling.Notice), int64(0)
		if s.cfg.Pad {
			padding = r.missing(notice)
		}
		return r.sendNotice(notice, padding)
	default: // what outgrew the spool is nowhere whole, so that no notice may take its place
		return r.withhold()
	}
}

// oneLine says whether a tag is one line, which is all that may stand before a header.
func oneLine(tag []byte) bool {
	n := len(tag)
	if n < 3 || string(tag[n-2:]) != "\r\n" || tag[0] == '.' {
		return false
	}
	for _, c := range tag[:n-2] {
		if c == '\r' || c == '\n' || c == 0 {
			return false
		}
	}
	return true
}

// send sends what has not left of the message in its wire form, behind status and fields, and its end as it came. When it is
// not complete the rest follows as it arrives, and its end only if it does.
func (r *retrieval) send(status string, fields []byte) error {
	s := r.s
	s.partly = true
	if !r.begun {
		if err := s.send([]byte(status)); err != nil {
			return err
		}
	}
	if err := s.send(fields); err != nil {
		return err
	}
	var out io.Writer = s.out
	if r.p.top() && r.p.lines > 0 {
		out = &cutter{w: s.out, lines: r.p.lines, lfOnly: r.f.lfOnly}
	}
	if err := r.writeRest(out); err != nil {
		return clientError(err)
	}
	if err := writePadding(out, r.padding); err != nil {
		return clientError(err)
	}
	if !r.complete {
		if _, err := out.Write(r.h.beyond); err != nil {
			return clientError(err)
		}
		if err := s.readBody(r.f, through{out}); err != nil {
			return truncated(err)
		}
	}
	if err := s.send(r.f.end); err != nil {
		return err
	}
	s.partly = false
	return nil
}

// sendNotice sends a notice in place of the message, or as much of it as TOP asks for, behind what has left. padding is the octets to add
// to it.
func (r *retrieval) sendNotice(notice []byte, padding int64) error {
	s := r.s
	s.partly = true
	var out io.Writer = s.out
	status := statusMessage
	if r.p.top() {
		status = statusTop
		out = &cutter{w: s.out, lines: r.p.lines}
	}
	if !r.begun {
		if err := s.send([]byte(status)); err != nil {
			return err
		}
	}
	if err := writeStuffed(out, notice); err != nil {
		return clientError(err)
	}
	if err := writePadding(out, padding); err != nil {
		return clientError(err)
	}
	if err := s.send([]byte(".\r\n")); err != nil {
		return err
	}
	s.partly = false
	return nil
}

// withhold answers -ERR for the message and then drops the rest of it unless all of it has been read. The session ends with
// a rest that does not come, and at once where the message's first fields have left: then there is no other way to say no.
func (r *retrieval) withhold() error {
	s := r.s
	s.relay.counters.retried.Add(1)
	if s.partly {
		s.relay.counters.withheld.Add(1)
		return ErrWithheld
	}
	if err := s.send([]byte(s.temporary(refuseMessage))); err != nil {
		return err
	}
	if !r.p.top() {
		if _, known := s.withheld[r.p.message]; !known && len(s.withheld) == maxWithheld {
			return ErrManyWithheld // or a DELE sent along would lose what nobody has seen
		}
		s.withheld[r.p.message] = struct{}{}
	}
	if r.complete {
		return nil
	}
	if err := s.flush(); err != nil {
		return err
	}
	if err := s.readBody(r.f, discard{}); err != nil {
		return truncated(err)
	}
	return nil
}

// delivered takes note that the client gets something for a message.
func (s *session) delivered(p *pending) {
	if !p.top() {
		delete(s.withheld, p.message)
		s.notices.forget(p.message)
	}
}

// temporary returns an -ERR line that invites to try again, with the code of RFC 3206 section 4 where the server has
// declared that it uses such codes (RFC 2449 section 8).
func (s *session) temporary(text string) string {
	if s.respCodes {
		return "-ERR [SYS/TEMP] " + text
	}
	return "-ERR " + text
}

// excuse tells the client that its server fell silent, if it has nothing of the message yet. It returns err.
func (s *session) excuse(err error) error {
	if !s.partly && (errors.Is(err, ErrServerSilent) || errors.Is(err, ErrOverTime)) {
		if serr := s.send([]byte(s.temporary(refuseSilence))); serr != nil {
			return serr
		}
	}
	return err
}

// truncated names the end of a session in mid-message.
func truncated(err error) error {
	if errors.Is(err, ErrServerClosed) {
		return ErrTruncated
	}
	return err
}
