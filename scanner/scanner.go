package scanner

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// ErrNoEngine is returned by New: a scanner that asks nobody would find everything clean.
var ErrNoEngine = errors.New("no scan engine")

// Config says what a Scanner is made of.
type Config struct {
	Engines []Engine // asked all at once; at least one
	Openers []Opener // asked in this order about what the engines have judged
	Limits  Limits   // zero fields mean the defaults
	Spool   Spool    // where decoded parts are held
	Cache   int      // verdicts remembered at most, each of less than 4 KiB; 0: none
	Log     *slog.Logger

	Took func(engine string, d time.Duration) // told of each answer, by several goroutines at once; nil: nobody is
}

// Scanner takes mails apart and asks every engine about every piece. It is safe for concurrent use.
type Scanner struct {
	engines []Engine
	openers []Opener
	limits  Limits
	spool   Spool
	cache   *cache
	log     *slog.Logger
	took    func(engine string, d time.Duration)
	memory  memory

	rehearser *Scanner // takes mails apart within the same limits and asks no engine; nil: this is one, see rehearsal.go
}

// New returns a scanner. Errors: ErrNoEngine.
func New(c Config) (*Scanner, error) {
	if len(c.Engines) == 0 {
		return nil, ErrNoEngine
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Took == nil {
		c.Took = func(string, time.Duration) {}
	}
	limits, spool := c.Limits.withDefaults(), c.Spool.withDefaults()
	return &Scanner{
		engines: c.Engines, openers: c.Openers, limits: limits, spool: spool, cache: newCache(c.Cache), log: c.Log, took: c.Took,
		rehearser: &Scanner{openers: c.Openers, limits: limits, spool: spool, log: c.Log},
	}, nil
}

// Engines returns the engines in the order in which their findings are named.
func (s *Scanner) Engines() []Engine { return append([]Engine(nil), s.engines...) }

// Scan judges mail, which it borrows until it returns: first the whole mail, then every decoded part, each distinct content
// once per engine. complete says that mail holds all of it; a mail that outgrew the spool is oversize and not looked into.
//
// The verdict is Clean only when the whole mail could be taken apart within the limits and every engine answered for every
// part. Otherwise it names the causes, foremost first; a finding outweighs them all. When ctx ends, the cause is error.
//
// A mail whose content has been judged within the last hour is not judged again where verdicts are remembered.
func (s *Scanner) Scan(ctx context.Context, mail *Buffer, complete bool) Verdict {
	return s.scan(ctx, mail, complete, false, nil)
}

// scan is Scan, and notes in t, unless that is nil, what it comes across. callOff says that engines need not go on with a mail that turns
// out to meet a limit, see rehearsal.go.
func (s *Scanner) scan(ctx context.Context, mail *Buffer, complete, callOff bool, t *trace) Verdict {
	started := time.Now()
	v := Verdict{Size: mail.Size()}
	x := &examination{scanner: s, parent: ctx, started: started, seen: make(map[[sha256.Size]byte]string), failures: make([]int, len(s.engines)), trace: t}
	x.ctx, x.cancel = context.WithTimeout(ctx, s.limits.Time)
	defer x.whole.asking.Wait() // should there be a panic
	defer x.cancel()
	defer func() { s.memory.giveScratch(x.scratch) }()

	sum, err := x.digest(mail, nowhere())
	v.SHA256 = sum
	switch {
	case err != nil:
		x.note(CauseError, err.Error())
	case !complete:
		x.note(CauseOversize, fmt.Sprintf("the mail outgrew the spool at %d octets", mail.Size()))
	case mail.Size() > s.limits.Message:
		x.note(CauseOversize, fmt.Sprintf("the mail has %d octets, the limit is %d", mail.Size(), s.limits.Message))
	default:
		if known, ok := s.cache.get(sum); ok && t == nil {
			known.Took, known.Cached = time.Since(started), true
			return known
		}
		whole := NewPart("", "", "", mail)
		whole.finder = finderMail
		if callOff {
			defer x.rehearse(mail, sum)()
		}
		if err := x.takeApart(whole, sum); err != nil && !errors.Is(err, ErrStopped) {
			x.note(CauseError, fmt.Sprintf("taking the mail apart: %v", err))
		}
		_ = x.settleWhole() // whether time is up: only who was shown the mail is asked yet
		x.askShown(whole)
	}
	x.conclude(&v)
	v.calledOff = x.rehearsal.limit.Load() != nil
	v.Took = time.Since(started)
	if t != nil {
		t.end(x, &v)
		return v
	}
	s.cache.put(v)
	return v
}
