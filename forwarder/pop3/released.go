package pop3

import (
	"bytes"
	"fmt"
	"io"
	"strconv"

	"mirrorgw/scanner"
)

// Released is a mail that was once replaced by a notice, and that its reader may have now.
type Released struct {
	ID   string // letters, digits and -, at most 60 of them
	Size int64  // octets of the mail
}

// Releases holds the mails that were released to their readers. The quarantine fits, with a little around it. They
// are told apart by an origin's Server and Login.
type Releases interface {
	// Waiting returns what waits for a user, in the order in which it is to be numbered.
	Waiting(o scanner.Origin) ([]Released, error)
	// Open opens a mail as it came, CRLF line ends, not dot-stuffed. The caller closes it.
	Open(o scanner.Origin, id string) (io.ReadCloser, error)
	// Consume takes mails off those that wait for a user, durably.
	Consume(o scanner.Origin, ids []string) error
}

// maxReleased bounds the released mails in one session. Others wait for the next.
const maxReleased = 100

// uidPrefix begins the unique id of a released mail (RFC 1939 section 7, UIDL).
const uidPrefix = "mirrorgw-"

// maildrop is what a session shows behind the server's own messages: mails that were released to its user. The client pump
// makes it, and reads base and len(mails) once the server pump has counted; all else is the server pump's.
type maildrop struct {
	origin  scanner.Origin
	base    uint64 // number of the server's last message
	counted bool   // base is known
	mails   []releasedMail
	last    uint64 // highest number retrieved since login or RSET, 0 for none
}

type releasedMail struct {
	Released
	deleted  bool
	withheld bool // the last RETR failed: the client is not to delete what it has not seen
}

// has says whether a message is one of the maildrop's.
func (d *maildrop) has(message uint64) bool {
	return message > d.base && message-d.base <= uint64(len(d.mails))
}

// totals returns how many mails are not marked as deleted, and their octets.
func (d *maildrop) totals() (count uint64, octets int64) {
	for _, m := range d.mails {
		if !m.deleted {
			count++
			octets += m.Size
		}
	}
	return count, octets
}

// waitingFor returns what waits for the user of this name, nothing when there is none.
func (s *session) waitingFor(name string) []Released {
	if s.cfg.Releases == nil || name == "" || s.drop != nil {
		return nil
	}
	waiting, err := s.cfg.Releases.Waiting(s.originOf(name))
	if err != nil {
		s.cfg.Log.Warn("released mails cannot be shown", "protocol", "pop3", "client", s.origin.Client, "server", s.origin.Server, "error", err)
	}
	return waiting[:min(len(waiting), maxReleased)]
}

func (s *session) originOf(name string) scanner.Origin {
	o := s.origin
	o.User, o.Login = name, name
	return o
}

// logIn sends a login as name on. Where mails wait for that user it waits for the server's answer, and shows them if it is +OK.
func (s *session) logIn(c *command, p *pending, name string) error {
	p.account = account{user: s.user, login: name}
	waiting := s.waitingFor(name)
	if err := s.forward(c, p); err != nil || len(waiting) == 0 {
		return err
	}
	if !s.queue.waitDrained(s.done) {
		return errOver
	}
	if !p.accepted {
		return nil
	}
	return s.show(name, waiting)
}

// loggedIn shows what waits for name after a SASL exchange, whose end the client pump has waited for.
func (s *session) loggedIn(p *pending, name string) error {
	if !p.accepted {
		return nil
	}
	s.account.Store(&account{user: s.user, login: name})
	if waiting := s.waitingFor(name); len(waiting) > 0 {
		return s.show(name, waiting)
	}
	return nil
}

// show puts mails behind those of the server, which it asks how many they are: at this moment none can be deleted.
func (s *session) show(name string, waiting []Released) error {
	d := &maildrop{origin: s.originOf(name)}
	for _, r := range waiting {
		d.mails = append(d.mails, releasedMail{Released: r})
	}
	if err := s.forward(&command{line: []byte("STAT\r\n")}, &pending{answer: answerCount, drop: d}); err != nil {
		return err
	}
	if !s.queue.waitDrained(s.done) {
		return errOver
	}
	if d.counted {
		s.drop = d
	}
	return nil
}

// toMaildrop takes the commands whose replies the maildrop has a part in; false for the others.
func (s *session) toMaildrop(c *command) (bool, error) {
	p := &pending{verb: c.verb, message: c.message, lines: c.lines, drop: s.drop}
	switch {
	case c.verb == cmdSTAT, c.verb == cmdRSET, c.verb == cmdLAST, !c.argued && (c.verb == cmdLIST || c.verb == cmdUIDL):
		p.answer = answerMerged
		return true, s.forward(c, p)
	case s.drop.has(c.message): // RETR, TOP, DELE, LIST n, UIDL n
		p.answer = answerReleased
		return true, s.push(p)
	}
	return false, nil
}

// count reads the reply to the gateway's own STAT.
func (s *session) count(d *maildrop) error {
	line, ok, err := s.status(s.cfg.Reply)
	if err != nil {
		return err
	}
	if d.base, _, d.counted = parseStat(line); !ok || !d.counted {
		d.counted = false
		s.cfg.Log.Warn("released mails cannot be shown: the server does not count its own", "protocol", "pop3", "client", s.origin.Client, "server", s.origin.Server)
	}
	return nil
}

// parseStat reads the reply to STAT (RFC 1939 section 5): +OK, the number of messages and their octets.
func parseStat(line []byte) (count uint64, octets int64, ok bool) {
	fields := bytes.Fields(line)
	if len(fields) < 3 {
		return 0, 0, false
	}
	count, ok = number(fields[1])
	octets, err := strconv.ParseInt(string(fields[2]), 10, 64)
	return count, octets, ok && err == nil && octets >= 0
}

// answerMerged relays the server's reply with the maildrop's part in it. Its words, which may count messages too, are replaced.
func (s *session) answerMerged(p *pending) error {
	line, ok, err := s.status(s.cfg.Reply)
	if err != nil {
		return err
	}
	d := p.drop
	switch {
	case p.verb == cmdLIST || p.verb == cmdUIDL:
		return s.answerListing(p, line, ok)
	case !ok:
	case p.verb == cmdSTAT:
		if count, octets, ok := parseStat(line); ok {
			more, size := d.totals()
			line = fmt.Appendf(nil, "+OK %d %d\r\n", count+more, octets+size)
		}
	case p.verb == cmdRSET:
		for i := range d.mails {
			d.mails[i].deleted = false
		}
		d.last = 0
		line = []byte("+OK\r\n")
	case p.verb == cmdLAST && d.last > 0:
		line = fmt.Appendf(nil, "+OK %d\r\n", d.last)
	}
	return s.send(line)
}

// answerListing relays the reply to LIST or UIDL and adds the maildrop's lines to its end. Some servers have -ERR for an empty list.
func (s *session) answerListing(p *pending, line []byte, ok bool) error {
	if !ok && p.drop.base > 0 {
		return s.send(line)
	}
	end := []byte(".\r\n")
	if err := s.send([]byte("+OK\r\n")); err != nil {
		return err
	}
	if ok {
		f := newFramer(s.style.lfOnly())
		if err := s.readBody(f, s.listing(p.verb)); err != nil {
			return err
		}
		end = f.end
	}
	for i, m := range p.drop.mails {
		if m.deleted {
			continue
		}
		if err := s.send([]byte(p.drop.line(p.verb, uint64(i)))); err != nil {
			return err
		}
	}
	return s.send(end)
}

// line returns what LIST or UIDL say of the maildrop's ith mail.
func (d *maildrop) line(v verb, i uint64) string {
	if v == cmdUIDL {
		return fmt.Sprintf("%d %s%s\r\n", d.base+1+i, uidPrefix, d.mails[i].ID)
	}
	return fmt.Sprintf("%d %d\r\n", d.base+1+i, d.mails[i].Size)
}

// answerReleased answers a command for one mail of the maildrop. The server hears nothing of it.
func (s *session) answerReleased(p *pending) error {
	i := p.message - p.drop.base - 1
	m := &p.drop.mails[i]
	switch {
	case m.deleted:
		return s.send(fmt.Appendf(nil, "-ERR message %d is deleted\r\n", p.message))
	case p.verb == cmdDELE && m.withheld:
		return s.send([]byte(refuseDelete))
	case p.verb == cmdDELE:
		m.deleted = true
		return s.send(fmt.Appendf(nil, "+OK message %d deleted\r\n", p.message))
	case p.verb == cmdRETR, p.verb == cmdTOP:
		return s.sendReleased(p, m)
	default:
		return s.send([]byte("+OK " + p.drop.line(p.verb, i)))
	}
}

// sendReleased sends a mail of the maildrop, or as much of it as TOP asks for.
func (s *session) sendReleased(p *pending, m *releasedMail) error {
	mail, err := s.fetchReleased(p.drop.origin, m)
	if err != nil {
		s.cfg.Log.Warn("a released mail cannot be read", "protocol", "pop3", "client", s.origin.Client, "server", s.origin.Server, "id", m.ID, "error", err)
		m.withheld = m.withheld || p.verb == cmdRETR
		return s.send([]byte(s.temporary(refuseReleased)))
	}
	defer mail.Close()
	defer s.keepAlive(p).stop()
	s.partly = true
	out := &stuffer{w: s.out}
	status := fmt.Sprintf("+OK %d octets\r\n", m.Size)
	if p.top() {
		out.w, status = &cutter{w: s.out, lines: p.lines}, statusTop
	}
	if err := s.send([]byte(status)); err != nil {
		return err
	}
	if _, err := io.Copy(out, mail.Reader()); out.err != nil {
		return clientError(out.err)
	} else if err != nil {
		return fmt.Errorf("pop3: reading a released mail: %w", err)
	}
	if err := out.end(); err != nil {
		return clientError(err)
	}
	s.partly = false
	if p.verb == cmdRETR {
		m.withheld = false
		p.drop.last = max(p.drop.last, p.message)
		s.relay.counters.released.Add(1)
	}
	return nil
}

// fetchReleased returns the whole of a released mail, which the caller closes. Only then may the reply begin: a session that ended
// in the midst of it would end like this each time, and take the client's deletions with it.
func (s *session) fetchReleased(o scanner.Origin, m *releasedMail) (_ *scanner.Buffer, err error) {
	source, err := s.cfg.Releases.Open(o, m.ID)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	mail := s.cfg.Spool.NewBuffer()
	if _, err := io.Copy(mail, source); err != nil {
		mail.Close()
		return nil, err
	}
	if mail.Size() != m.Size {
		mail.Close()
		return nil, fmt.Errorf("it has %d octets, not %d", mail.Size(), m.Size)
	}
	return mail, nil
}

// consume makes the deletions in a maildrop, which may be nil, final, once the server has done so with its own. It returns
// what the client is told instead of line, the server's words.
func (s *session) consume(d *maildrop, line []byte) []byte {
	if d == nil {
		return line
	}
	var ids []string
	for _, m := range d.mails {
		if m.deleted {
			ids = append(ids, m.ID)
		}
	}
	if len(ids) == 0 {
		return line
	}
	if err := s.cfg.Releases.Consume(d.origin, ids); err != nil {
		s.cfg.Log.Warn("released mails stay after their deletion", "protocol", "pop3", "client", s.origin.Client, "server", s.origin.Server, "error", err)
		return []byte("-ERR some deleted messages not removed\r\n") // RFC 1939 section 6
	}
	s.relay.counters.consumed.Add(uint64(len(ids)))
	return line
}

// stuffer writes a mail as the body of a multi-line reply. Like the framer it takes a line to begin after any LF.
type stuffer struct {
	w    io.Writer
	err  error   // of w
	tail [2]byte // the octets before
	any  bool    // there were some
}

// Write implements io.Writer.
func (s *stuffer) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0 && s.err == nil; {
		if rest[0] == '.' && (!s.any || s.tail[1] == '\n') {
			_, s.err = s.w.Write(oneDot)
		}
		n := bytes.Index(rest, []byte("\n.")) + 1 // to a line that begins with a dot
		if n == 0 {
			n = len(rest)
		}
		if s.err == nil {
			_, s.err = s.w.Write(rest[:n])
		}
		if n > 1 {
			s.tail[0] = rest[n-2]
		} else {
			s.tail[0] = s.tail[1]
		}
		s.tail[1], s.any = rest[n-1], true
		rest = rest[n:]
	}
	return len(p), s.err
}

// end ends the reply, on a line of its own.
func (s *stuffer) end() error {
	if s.any && string(s.tail[:]) != "\r\n" {
		if _, err := io.WriteString(s.w, "\r\n"); err != nil {
			return err
		}
	}
	if c, ok := s.w.(*cutter); ok { // which is full
		s.w = c.w
	}
	_, err := io.WriteString(s.w, ".\r\n")
	return err
}
