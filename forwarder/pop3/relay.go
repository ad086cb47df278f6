package pop3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"mirrorgw/scanner"
)

// Judge decides what the client gets for one retrieved mail. *scanner.Judge fits.
//
// It borrows mail, the content without dot-stuffing, until it returns. complete is false when the mail outgrew the spool
// and only its head is there. An error inside becomes a Ruling with Action Retry: there is no error result.
type Judge interface {
	Judge(ctx context.Context, o scanner.Origin, mail *scanner.Buffer, complete bool) scanner.Ruling
}

// Early has engines look at a mail that still arrives. *scanner.Judge fits.
//
// mail is what there is of it, without dot-stuffing, and may be read until the Early, which may be nil, is closed.
type Early interface {
	Early(ctx context.Context, mail io.ReaderAt) *scanner.Early
}

// STLS says what becomes of a client's wish to encrypt (RFC 2595 section 4).
type STLS uint8

const (
	Hide STLS = iota // not offered, and refused when asked for. The zero value: all mail is judged
	Pass             // once the server agrees, both directions are opaque and counted as not scanned
)

// Defaults of Config, used where a field is zero.
const (
	DefaultGreeting = 60 * time.Second
	DefaultLogin    = 60 * time.Second
	DefaultIdle     = 15 * time.Minute
	DefaultCommand  = 30 * time.Second
	DefaultReply    = 2 * time.Minute
	DefaultSilence  = 60 * time.Second
	DefaultStall    = 5 * time.Minute
	DefaultDrip     = 15 * time.Second
	DefaultBudget   = 30 * time.Minute
	DefaultDrain    = 30 * time.Second
)

// minIdle is the least autologout timer RFC 1939 section 3 allows.
const minIdle = 10 * time.Minute

// Config is what New builds a Relay from. Judge is required.
type Config struct {
	STLS     STLS
	NotPOP3  NotPOP3
	Spool    scanner.Spool
	Judge    Judge
	Early    Early        // nil: no message is looked at before it is whole
	Releases Releases     // mails that were released to their readers; nil: none
	Pad      bool         // a notice is as long as the message it replaces, if that is longer
	Shadow   bool         // nothing is refused: a message that cannot be held is passed on unjudged
	Log      *slog.Logger // nil: nothing is logged

	// Unscanned is told of each connection that begins to pass unread. Default: nobody is told.
	Unscanned func(client, server netip.AddrPort, why Unscanned)

	Greeting time.Duration // longest wait for the server to greet; after it, this is not POP3
	Login    time.Duration // before login: longest time a client takes in all; what it waits for the server does not count
	Idle     time.Duration // after login: longest time without command or reply, the autologout timer; at least 10 minutes
	Command  time.Duration // after login: longest time from the first octet of a command to its end
	Reply    time.Duration // longest wait for a reply to begin, and for the server to take a command
	Silence  time.Duration // longest pause within a reply, and before the reply to RETR and TOP
	Stall    time.Duration // longest time in which a client takes nothing of what is sent to it
	Drip     time.Duration // how long a client waits for a message before it is given its first header fields
	Budget   time.Duration // longest time from a message's turn to its verdict, download and judgement in one
	Drain    time.Duration // once the context of Serve ends: longest time for the reply in progress
}

// Relay relays sessions with one set of settings. It is safe for concurrent use.
type Relay struct {
	cfg      Config // every field set
	counters *counters
	buffers  *buffers
	running  *running
}

// New returns a Relay that has each message judged by cfg.Judge.
func New(cfg Config) (*Relay, error) {
	if cfg.Judge == nil {
		return nil, errors.New("pop3: a judge is needed")
	}
	if cfg.STLS > Pass {
		return nil, fmt.Errorf("pop3: unknown STLS mode %d", cfg.STLS)
	}
	if cfg.NotPOP3 > PassNotPOP3 {
		return nil, fmt.Errorf("pop3: unknown mode %d for what is not POP3", cfg.NotPOP3)
	}
	for _, t := range []struct {
		name  string
		value *time.Duration
		def   time.Duration
	}{
		{"greeting", &cfg.Greeting, DefaultGreeting},
		{"login", &cfg.Login, DefaultLogin},
		{"idle", &cfg.Idle, DefaultIdle},
		{"command", &cfg.Command, DefaultCommand},
		{"reply", &cfg.Reply, DefaultReply},
		{"silence", &cfg.Silence, DefaultSilence},
		{"stall", &cfg.Stall, DefaultStall},
		{"drip", &cfg.Drip, DefaultDrip},
		{"budget", &cfg.Budget, DefaultBudget},
		{"drain", &cfg.Drain, DefaultDrain},
	} {
		if *t.value < 0 {
			return nil, fmt.Errorf("pop3: negative time-out %s", t.name)
		}
		if *t.value == 0 {
			*t.value = t.def
		}
	}
	if cfg.Idle < minIdle {
		return nil, fmt.Errorf("pop3: idle time-out %v is below the %v of RFC 1939 section 3", cfg.Idle, minIdle)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Relay{cfg: cfg, counters: &counters{}, buffers: newBuffers(), running: newRunning()}, nil
}

// Successor returns a Relay with settings of its own that counts together with r: whichever is asked, Counters speaks of the
// sessions of both. Sessions that r serves go on with r's settings.
func (r *Relay) Successor(cfg Config) (*Relay, error) {
	next, err := New(cfg)
	if err != nil {
		return nil, err
	}
	next.counters, next.running = r.counters, r.running
	return next, nil
}

// Serve relays one session between client, which sees the original server's address as its peer, and server. It returns
// when both connections are closed. trace, which may be nil, is handed on to the judge.
//
// When ctx ends, no new command is taken, the reply in progress may finish within Config.Drain, and the session ends
// without a QUIT of its own, so that the server rolls back.
//
// The error says why the session ended otherwise than by the server's orderly close; it holds no text of the session.
// Errors: those of this package, ctx's cause, or the failure of a connection.
func (r *Relay) Serve(ctx context.Context, client, server net.Conn, trace scanner.Trace) error {
	r.counters.sessions.Add(1)
	r.counters.active.Add(1)
	defer r.counters.active.Add(-1)
	s := newSession(r, client, server)
	s.origin.Trace = trace
	r.running.add(s)
	defer r.running.remove(s)
	return s.run(ctx)
}
