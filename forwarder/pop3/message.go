package pop3

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"mirrorgw/scanner"
)

// maxWithheld bounds the messages whose DELE is refused.
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

// held is the sink for a message that is held for its verdict: the wire form, and the content without stuffed dots as soon
// as the two differ.
type held struct {
	mu      sync.Mutex // held while it grows, so that its beginning can be read meanwhile
	spool   scanner.Spool
	wire    *scanner.Buffer
	content *scanner.Buffer // nil while equal to wire
	early   *scanner.Early  // what engines do about the content while it grows; nil: nothing
	beyond  []byte          // octets taken after wire had failed
	failed  error           // what wire or content failed with
}

func hold(spool scanner.Spool) *held { return &held{spool: spool, wire: spool.NewBuffer()} }

func (h *held) text(p []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, err := h.wire.Write(p)
	if h.content != nil {
		if _, cerr := h.content.Write(p[:n]); cerr != nil {
			err = cerr
		}
	}
	h.early.Grow(h.mail().Size())
	return h.fail(p[n:], err)
}

// ReadAt implements io.ReaderAt over the content so far, for those who read it while it grows.
func (h *held) ReadAt(p []byte, at int64) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mail().ReadAt(p, at)
}

func (h *held) dot() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.content == nil {
		h.content = h.spool.NewBuffer()
		if _, err := h.wire.WriteTo(h.content); err != nil {
			return h.fail(oneDot, err)
		}
	}
	n, err := h.wire.Write(oneDot)
	return h.fail(oneDot[n:], err)
}

// fail takes note of err, if there is one, and of what was taken and not written.
func (h *held) fail(beyond []byte, err error) error {
	if err != nil {
		h.beyond, h.failed = append(h.beyond, beyond...), err
	}
	return err
}

// settle makes what is held fit to be read by several at once. Where that fails, only one may.
func (h *held) settle() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	err := h.wire.Flush()
	if h.content != nil {
		err = errors.Join(err, h.content.Flush())
	}
	return err == nil
}

// mail returns the content, which h keeps.
func (h *held) mail() *scanner.Buffer {
	if h.content != nil {
		return h.content
	}
	return h.wire
}

func (h *held) close() {
	h.early.Close()
	h.wire.Close()
	if h.content != nil {
		h.content.Close()
	}
}

// answerMessage relays the reply to RETR or TOP: the whole message is held and judged before the client gets more of it than
// drip gives.
func (s *session) answerMessage(p *pending) error {
	if err := s.flush(); err != nil { // the judge may take its time
		return err
	}
	s.enter(Downloading, p.message, s.asked)
	defer s.leave()
	asked := s.asked
	line, ok, err := s.status(s.cfg.Silence)
	if err != nil {
		return s.excuse(err)
	}
	if !ok {
		return s.send(line)
	}
	status := string(line)
	f := newFramer(s.style.lfOnly())
	until := asked.Add(s.cfg.Budget)
	s.server.until = until
	defer func() { s.server.until = time.Time{} }()

	if notice, known := s.notices.of(p.message); known && p.top {
		if err := s.readBody(f, discard{}); err != nil {
			return truncated(s.excuse(err))
		}
		s.relay.counters.topNotice.Add(1)
		return s.sendNotice(p, false, notice, 0)
	}

	h := hold(s.cfg.Spool)
	defer h.close()
	if s.cfg.Early != nil {
		h.early = s.cfg.Early.Early(s.ctx, h)
	}
	d := s.newDrip(p, h, f.lfOnly, asked)
	defer d.stop()
	err = s.readBody(f, h)
	s.server.until = time.Time{}
	complete := err == nil
	switch {
	case complete:
		if p.answer == answerTopFields && s.freeTop(h, f) {
			d.stop()
			s.relay.counters.topFields.Add(1)
			return s.sendHeld(d, f, status, nil, true)
		}
	case h.failed == nil:
		d.stop()
		if errors.Is(err, ErrServerSilent) && !time.Now().Before(until) {
			s.relay.counters.overTime.Add(1)
			err = ErrOverTime
		}
		return truncated(s.excuse(err))
	case !errors.Is(h.failed, scanner.ErrTooLarge):
		s.cfg.Log.Warn("message not held", "protocol", "pop3", "client", s.origin.Client, "server", s.origin.Server, "error", h.failed)
		d.stop()
		if s.cfg.Shadow {
			s.relay.counters.unheld.Add(1)
			return s.sendHeld(d, f, status, nil, false)
		}
		return s.withhold(p, f, false)
	}
	ctx, cancel := context.WithDeadline(s.ctx, until)
	defer cancel()
	return s.rule(ctx, d, f, status, complete)
}

// freeTop says whether the reply to TOP n 0 may leave unjudged.
func (s *session) freeTop(h *held, f *framer) bool {
	if h.wire.Size() > maxFreeTop {
		return false
	}
	wire, err := io.ReadAll(h.wire.Reader())
	return err == nil && fieldsOnly(wire, f.lfOnly)
}

// rule has a held message judged and does what the ruling says. When it is not complete its rest is still to be read.
func (s *session) rule(ctx context.Context, d *drip, f *framer, status string, complete bool) error {
	p := d.p
	o := s.origin
	whose := s.whose()
	o.User, o.Login, o.Asked, o.UIDL = whose.user, whose.login, d.asked, s.uids.of(p.message)
	if complete {
		defer s.keepAlive(p).stop()
	}
	if !d.h.settle() {
		d.stop()
		d.h.early.Close()
	}
	if complete {
		d.h.mail().Arrived(d.h.early)
	}
	s.enter(Judging, p.message, time.Now())
	r := s.cfg.Judge.Judge(ctx, o, d.h.mail(), complete)
	defer r.Close()
	d.stop()
	s.live.ruled(r)
	s.enter(Sending, p.message, time.Now())
	if closed(s.done) {
		return errOver
	}
	c := s.relay.counters
	if ctx.Err() != nil {
		c.overTime.Add(1)
	}
	switch {
	case r.Action == scanner.Deliver:
		c.delivered.Add(1)
		if p.top && p.lines > 0 {
			status = statusTop
		}
		s.delivered(p)
		fields := d.alter(&r)
		if len(fields) > 0 || len(d.edits) > 0 {
			status = statusMessage // the octets in the server's are those of the mail as it was
		}
		return s.sendHeld(d, f, status, fields, complete)
	case r.Action == scanner.Tag && oneLine(r.Tag):
		c.tagged.Add(1)
		s.delivered(p)
		return s.sendHeld(d, f, statusMessage, append(slices.Clone(r.Tag), d.alter(&r)...), complete)
	case r.Action == scanner.Replace && complete && len(r.Notice) > 0:
		c.replaced.Add(1)
		s.delivered(p)
		s.notices.keep(p.message, r.Notice)
		notice, padding := d.unsent(r.Notice), int64(0)
		if s.cfg.Pad {
			padding = d.missing(notice)
		}
		return s.sendNotice(d.p, d.begun, notice, padding)
	default: // what outgrew the spool is nowhere whole, so that no notice may take its place
		return s.withhold(p, f, complete)
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

// sendHeld sends what has not left of a held message in its wire form, behind status and tag, and its end as it came. When it is
// not complete the rest follows as it arrives, and its end only if it does.
func (s *session) sendHeld(d *drip, f *framer, status string, tag []byte, complete bool) error {
	s.partly = true
	if !d.begun {
		if err := s.send([]byte(status)); err != nil {
			return err
		}
	}
	if err := s.send(tag); err != nil {
		return err
	}
	var out io.Writer = s.out
	if d.p.top && d.p.lines > 0 {
		out = &cutter{w: s.out, lines: d.p.lines, lfOnly: f.lfOnly}
	}
	if err := d.writeRest(out); err != nil {
		return clientError(err)
	}
	if err := writePadding(out, d.padding); err != nil {
		return clientError(err)
	}
	if !complete {
		if _, err := out.Write(d.h.beyond); err != nil {
			return clientError(err)
		}
		if err := s.readBody(f, through{out}); err != nil {
			return truncated(err)
		}
	}
	if err := s.send(f.end); err != nil {
		return err
	}
	s.partly = false
	return nil
}

// sendNotice sends a notice in place of a message, or as much of it as TOP asks for. begun says that the status line has left, and
// perhaps the first fields of a mail, which the notice then goes on from. padding is the octets to add behind it.
func (s *session) sendNotice(p *pending, begun bool, notice []byte, padding int64) error {
	s.partly = true
	var out io.Writer = s.out
	status := statusMessage
	if p.top {
		status = statusTop
		out = &cutter{w: s.out, lines: p.lines}
	}
	if !begun {
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

// delivered takes note that the client gets something for a message.
func (s *session) delivered(p *pending) {
	if !p.top {
		delete(s.withheld, p.message)
		s.notices.forget(p.message)
	}
}

// withhold answers -ERR for a message and then drops the rest of it unless all of it has been read. The session ends with
// a rest that does not come, and at once where the message's first fields have left: then there is no other way to say no.
func (s *session) withhold(p *pending, f *framer, read bool) error {
	s.relay.counters.retried.Add(1)
	if s.partly {
		s.relay.counters.withheld.Add(1)
		return ErrWithheld
	}
	if !p.top && len(s.withheld) < maxWithheld {
		s.withheld[p.message] = struct{}{}
	}
	if err := s.send([]byte(s.temporary(refuseMessage))); err != nil {
		return err
	}
	if read {
		return nil
	}
	if err := s.flush(); err != nil {
		return err
	}
	if err := s.readBody(f, discard{}); err != nil {
		return truncated(err)
	}
	return nil
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
