package pop3

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"mirrorgw/scanner"
)

// State is what a session is busy with, for an onlooker. Its String is stable.
type State uint8

// The states.
const (
	AwaitingGreeting State = iota // the server has not greeted yet
	AwaitingLogin                 // the server has not accepted a login yet
	Idle                          // between commands, or with one that is no message
	Downloading                   // a message comes from the server
	Judging                       // a message waits for its ruling
	Sending                       // a message or a notice goes to the client
	Opaque                        // octets pass unread
	states
)

// String returns the state's stable name.
func (s State) String() string {
	if s < states {
		return [states]string{"greeting", "auth", "idle", "downloading", "judging", "sending", "opaque"}[s]
	}
	return "unknown"
}

// Session is a running session at a glance.
type Session struct {
	Client, Server netip.AddrPort
	User           string // as the client gave it last; hostile text
	State          State
	Message        uint64        // the message's number, while it is about one
	Dripping       bool          // the client is given first fields of the message while it waits
	Age            time.Duration // of the session
	Busy           time.Duration // since the state began; when idle, since a reply last left
	FromServer     uint64        // octets
	ToClient       uint64        // octets
	Verdict        string        // of the message judged last; empty: none yet
	Action         string        // what was done with it
}

// live is what a session shows of itself. Each field is written by one of the session's goroutines at a time and read by onlookers.
type live struct {
	state    atomic.Uint32 // State; below Downloading it is told by other signs
	message  atomic.Uint64
	since    atomic.Int64 // nanoseconds since the session began
	dripping atomic.Bool
	user     atomic.Pointer[string]
	ruling   atomic.Uint32 // 1 + class<<8 + action; 0: none
}

// enter says that the session is busy with a message, or opaque, since then.
func (s *session) enter(state State, message uint64, since time.Time) {
	s.live.message.Store(message)
	s.live.since.Store(int64(since.Sub(s.began)))
	s.live.state.Store(uint32(state))
}

// leave says that it is no longer.
func (s *session) leave() {
	s.live.dripping.Store(false)
	s.live.state.Store(uint32(Idle))
}

// called takes note of the name a client logs in with.
func (s *session) called(user string) {
	s.user = user
	s.live.user.Store(&user)
}

// ruled takes note of a ruling.
func (l *live) ruled(r scanner.Ruling) {
	l.ruling.Store(1<<16 | uint32(r.Verdict.Class)<<8 | uint32(r.Action))
}

// look returns the session at a glance. What is read together may be of two moments.
func (s *session) look() Session {
	now := time.Since(s.began)
	view := Session{
		Client: s.origin.Client, Server: s.origin.Server, Age: now,
		FromServer: s.server.octetsRead.Load(), ToClient: s.client.octetsWritten.Load(),
		State: State(s.live.state.Load()),
	}
	if a := s.account.Load(); a != nil {
		view.User = a.user
	} else if user := s.live.user.Load(); user != nil {
		view.User = *user
	}
	if r := s.live.ruling.Load(); r != 0 {
		view.Verdict, view.Action = scanner.Class(r>>8&0xff).String(), scanner.Action(r&0xff).String()
	}
	since := s.live.since.Load()
	switch {
	case view.State >= Downloading:
		view.Message, view.Dripping = s.live.message.Load(), s.live.dripping.Load()
	case s.speaks.Load() != speaksPOP3:
		view.State, since = AwaitingGreeting, 0
	case !s.authed.Load():
		view.State, since = AwaitingLogin, s.active.Load()
	default:
		view.State, since = Idle, s.active.Load()
	}
	view.Busy = max(now-time.Duration(since), 0)
	return view
}

// running holds the sessions that run.
type running struct {
	mu  sync.Mutex
	all map[*session]struct{} // guarded by mu
}

func newRunning() *running { return &running{all: make(map[*session]struct{})} }

func (r *running) add(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[s] = struct{}{}
}

func (r *running) remove(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, s)
}

// Running returns the sessions that run, at most as many as asked for, in no order. Sessions of a Relay's successors are
// among them.
func (r *Relay) Running(most int) []Session {
	r.running.mu.Lock()
	defer r.running.mu.Unlock()
	list := make([]Session, 0, min(most, len(r.running.all)))
	for s := range r.running.all {
		if len(list) == most {
			break
		}
		list = append(list, s.look())
	}
	return list
}
