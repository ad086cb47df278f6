package pop3

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"mirrorgw/scanner"
)

// Buffer sizes of a session, in octets.
const (
	clientBuffer = 4 << 10
	serverBuffer = 32 << 10
	outBuffer    = 16 << 10
)

// closeWait bounds the wait for the server's FIN after its last reply.
const closeWait = 10 * time.Second

// session relays between one client and one server.
type session struct {
	relay  *Relay
	cfg    *Config
	client *leg
	server *leg
	queue  *queue

	// What the end of the session needs.
	ctx      context.Context // ends with the session; outlives the context of Serve while a reply drains
	cancel   context.CancelFunc
	done     chan struct{} // closed when the session ends
	draining chan struct{} // closed when the context of Serve ends
	endOnce  sync.Once
	err      error // why it ended; valid once done is closed

	// The client pump's.
	in       *bufio.Reader
	user     string        // as the client gave it last
	users    identity      // what USER said
	drop     *maildrop     // released mails of the user, nil for none
	bad      int           // commands that were no commands
	gone     bool          // the client's FIN was read
	inputEnd chan struct{} // closed when the client sends no more commands

	// The server pump's.
	replies   *bufio.Reader
	out       *bufio.Writer  // to the client
	origin    scanner.Origin // without the user, whom each pending command names
	asked     time.Time      // since when the client waits for the reply at hand
	style     lineStyle
	respCodes bool    // the server advertised RESP-CODES
	partly    bool    // a message left in part
	notices   notices // of messages replaced in this session
	uids      uids    // that the client has asked for
	owed      int     // replies of the server to NOOPs of the gateway's own
	dripping  pulse   // of the message at hand
	alive     pulse   // the same
	said      record

	// Shared.
	upstream   sync.Mutex              // what goes to the server goes whole
	authed     atomic.Bool             // the server accepted a login
	account    atomic.Pointer[account] // whose; nil before. Written once, by the pump that learns both
	quitSent   atomic.Bool             // QUIT is on its way to the server
	halfClosed atomic.Bool             // the client's FIN was passed on to the server
	speaks     atomic.Int32            // speaksUnknown and so on
	known      chan struct{}           // closed when that is settled
	began      time.Time
	served     atomic.Int64  // nanoseconds before login in which the client waited for the server
	active     atomic.Int64  // when a reply last left, in nanoseconds since began
	opaqueEnd  chan struct{} // closed when nothing more goes to the server after STLS

	live live

	// withheld holds the messages whose last RETR the gateway refused. The server pump writes it while a message is
	// outstanding, the client pump reads it while none is.
	withheld map[uint64]struct{}
}

func newSession(r *Relay, client, server net.Conn) *session {
	s := &session{
		relay:     r,
		cfg:       &r.cfg,
		client:    &leg{conn: client, stall: r.cfg.Stall},
		server:    &leg{conn: server, stall: r.cfg.Reply},
		queue:     newQueue(),
		done:      make(chan struct{}),
		draining:  make(chan struct{}),
		inputEnd:  make(chan struct{}),
		opaqueEnd: make(chan struct{}),
		known:     make(chan struct{}),
		began:     time.Now(),
		withheld:  make(map[uint64]struct{}),
		origin: scanner.Origin{
			Protocol: "pop3",
			Client:   addrPort(client.RemoteAddr()),
			Server:   addrPort(client.LocalAddr()),
		},
	}
	s.origin.Transcript = s
	s.dripping.s, s.alive.s = s, s
	r.buffers.lend(s)
	return s
}

// run relays until the session ends, then closes both connections.
func (s *session) run(ctx context.Context) error {
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	defer s.cancel()

	s.queue.push(&pending{answer: answerGreeting}, s.done)

	var cut *time.Timer // set before draining is closed
	stop := context.AfterFunc(ctx, func() {
		s.client.stopReading()
		cut = time.AfterFunc(s.cfg.Drain, func() { s.end(errDrained) })
		close(s.draining)
		if !s.quitSent.Load() { // otherwise the session is ending
			s.server.nudge()
		}
	})
	// Both pumps end with the session: end stops both legs and closes done, and they wait for nothing else.
	var commands sync.WaitGroup
	commands.Go(func() { s.pump(s.pumpCommands) })
	s.pump(s.pumpReplies) // which returns at the end of the session
	commands.Wait()
	if !stop() {
		<-s.draining
		cut.Stop()
	}
	s.close()
	s.relay.buffers.takeBack(s)

	s.relay.counters.count(s.err)
	s.relay.counters.ends[endOf(s.err)].Add(1)
	if suspect(s.err) {
		s.cfg.Log.Warn("session ended", "protocol", "pop3", "client", s.origin.Client, "server", s.origin.Server, "error", s.err)
	}
	if errors.Is(s.err, errDrained) {
		return context.Cause(ctx)
	}
	return s.err
}

// pump runs one of the pumps. The session ends when that returns an error, and otherwise goes on.
func (s *session) pump(pump func() error) {
	growStack()
	if err := s.guarded(pump); err != nil {
		s.end(err)
	}
}

// guarded calls f and makes an error of its panic.
func (s *session) guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			// What was thrown may quote the session: only its type is logged.
			s.cfg.Log.Warn("panic in a session", "protocol", "pop3", "kind", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			err = ErrPanic
		}
	}()
	return f()
}

// errOver ends a session that is over without fault.
var errOver = errors.New("over")

// end ends the session with err; the first call counts. Connections are closed by run once the pumps have returned.
func (s *session) end(err error) {
	s.endOnce.Do(func() {
		if !errors.Is(err, errOver) {
			s.err = err
		}
		close(s.done)
		s.cancel()
		s.client.stop()
		s.server.stop()
	})
}

// stopping says whether failed reads are the session's own doing.
func (s *session) stopping() bool { return closed(s.done) || closed(s.draining) }

// close closes both connections, in order or by reset.
func (s *session) close() {
	resetClient, resetServer := resets(s.err)
	if resetServer {
		s.server.reset()
	} else {
		s.server.conn.Close()
	}
	if resetClient || s.partly {
		s.client.reset()
	} else {
		s.client.close(s.gone)
	}
}
