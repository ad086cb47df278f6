package pop3

import "time"

// aliveEvery is the pause after which an idle server is spoken to. Servers close after 10 minutes (RFC 1939 section 3), and some
// after less.
const aliveEvery = time.Minute

// keepAlive begins to keep the server's session alive while the reply to p, which is wholly here, is judged and taken by the client.
// The pulse is to be stopped, and settle called.
func (s *session) keepAlive(p *pending) *pulse {
	s.alive.start(time.Now().Add(aliveEvery), aliveEvery, func() error { return s.noop(p) })
	return &s.alive
}

// noop sends a NOOP, unless the server is still to answer something other than p: then it is not idle, or is in the middle of a
// reply.
func (s *session) noop(p *pending) error {
	s.upstream.Lock() // no command comes between the question and the NOOP
	defer s.upstream.Unlock()
	own := int32(0)
	if p.upstream() {
		own = 1
	}
	if !s.authed.Load() || s.queue.upstream.Load() != own {
		return nil
	}
	if _, err := s.server.Write([]byte("NOOP\r\n")); err != nil {
		return nil //nolint:nilerr // the client gets its message first; the next reply shows that the server is gone
	}
	s.owed++
	s.relay.counters.keptAlive.Add(1)
	return nil
}

// settle reads the replies to NOOPs of the gateway's own. They came before any other: nothing was outstanding then but the
// message that has just left.
func (s *session) settle() error {
	for ; s.owed > 0; s.owed-- {
		if err := s.flush(); err != nil {
			return err
		}
		s.asked = time.Now()
		if _, _, err := s.status(s.cfg.Reply); err != nil {
			return err
		}
	}
	return nil
}
