package spam

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mirrorgw/scanner"
)

// Name is what the filter is called in the status and in metrics.
const Name = "spam"

// Bounds on what is asked.
const (
	Time     = 10 * time.Second // for one mail, waiting for its turn included
	MaxSize  = 1 << 20          // octets of a mail that is asked about
	parallel = 8                // mails asked about at once
	maxReply = 256 << 10        // octets
)

// Config says which filter is asked, if any, and how spam is marked.
type Config struct {
	Rspamd  string  // "http://ADDRESS:PORT", see CheckURL
	Spamd   string  // "unix:PATH" or "tcp:ADDRESS:PORT", see Split. Not with Rspamd
	Tag     float64 // score from which a mail is spam
	Subject string  // put before the subject of spam; empty: nothing
	Field   string  // "X-Spam-Flag: YES": a field of the mail's own by which it is spam; empty: none
	Log     *slog.Logger
}

// Empty says whether c marks nothing.
func (c Config) Empty() bool { return c.Rspamd == "" && c.Spamd == "" && c.Field == "" }

// CheckURL says what is wrong with the address of rspamd.
func CheckURL(s string) error {
	u, err := url.Parse(s)
	if err == nil {
		_, err = netip.ParseAddrPort(u.Host) // no name: a confined process looks none up
	}
	if err != nil || u.Scheme != "http" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("is not the address of an rspamd: write one such as http://127.0.0.1:11333")
	}
	return nil
}

// Split takes the address of a spamd apart into a network and an address as package net has them.
func Split(s string) (network, address string, err error) {
	network, address, _ = strings.Cut(s, ":")
	at, bad := netip.ParseAddrPort(address)
	if network == "unix" && strings.HasPrefix(address, "/") || network == "tcp" && bad == nil && at.Port() > 0 {
		return network, address, nil
	}
	return "", "", errors.New("is not the address of a spamd: write one such as tcp:127.0.0.1:783 or unix:/run/spamd.sock")
}

// CheckSubject says what is wrong with a tag for subjects: it is put into a header as it stands.
func CheckSubject(s string) error {
	if len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) || s != "" && strings.TrimSpace(s) == "" || strings.Contains(s, "=?") {
		return errors.New(`is not a tag of at most 64 ASCII letters, digits and marks: write one such as "[SPAM] "`)
	}
	return nil
}

// CheckField says what is wrong with a field by which a mail is spam.
func CheckField(s string) error {
	name, value, ok := strings.Cut(s, ":")
	bad := func(r rune) bool { return r <= ' ' || r > '~' }
	if !ok || name == "" || len(s) > 200 || strings.ContainsFunc(name, bad) || strings.TrimSpace(value) == "" {
		return errors.New(`is not a field and its value: write one such as "X-Spam-Flag: YES"`)
	}
	return nil
}

// Marker rates mails. It is a scanner.Marker.
type Marker struct {
	config Config
	where  string // the filter's address, as configured; empty: none is asked
	ask    func(ctx context.Context, mail *scanner.Buffer) (score float64, err error)
	dial   func(ctx context.Context) (net.Conn, error) // nil with ask
	field  struct{ name, value string }                // lower case
	turns  chan struct{}
	log    *slog.Logger

	spam, notSpam, failures, tooLarge atomic.Uint64

	mu   sync.Mutex
	last error // of the last question; guarded by mu
}

// New returns a marker. Errors: what is wrong with an address, a tag or a field.
func New(c Config) (*Marker, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	m := &Marker{config: c, turns: make(chan struct{}, parallel), log: c.Log}
	if err := CheckSubject(c.Subject); err != nil {
		return nil, fmt.Errorf("spam: %q %w", c.Subject, err)
	}
	if c.Field != "" {
		if err := CheckField(c.Field); err != nil {
			return nil, fmt.Errorf("spam: %q %w", c.Field, err)
		}
		name, value, _ := strings.Cut(c.Field, ":")
		m.field.name, m.field.value = strings.ToLower(name), strings.ToLower(strings.TrimSpace(value))
	}
	dialer := &net.Dialer{Timeout: Time}
	switch {
	case c.Rspamd != "" && c.Spamd != "":
		return nil, errors.New("spam: rspamd and spamd at once")
	case c.Rspamd != "":
		if err := CheckURL(c.Rspamd); err != nil {
			return nil, fmt.Errorf("spam: %q %w", c.Rspamd, err)
		}
		m.where, m.ask = c.Rspamd, newRspamd(c.Rspamd, dialer).rate
		at, err := url.Parse(c.Rspamd)
		if err != nil {
			return nil, fmt.Errorf("spam: %w", err)
		}
		m.dial = func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", at.Host) }
	case c.Spamd != "":
		network, address, err := Split(c.Spamd)
		if err != nil {
			return nil, fmt.Errorf("spam: %q %w", c.Spamd, err)
		}
		m.where, m.ask = c.Spamd, spamd{network, address, dialer}.rate
		m.dial = func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, network, address) }
	}
	return m, nil
}

// Allowed says whether this process may connect to the filter, which need not run yet. Errors: fs.ErrPermission, wrapped with the
// filter's address.
func (m *Marker) Allowed(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second) // a refusal comes at once
	defer cancel()
	if err := m.Reach(ctx); errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

// Reach says whether the filter takes connections, where there is one. Errors: those of connecting, wrapped with the filter's address.
func (m *Marker) Reach(ctx context.Context) error {
	if m.dial == nil {
		return nil
	}
	conn, err := m.dial(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", m.where, err)
	}
	return conn.Close()
}

// Mark implements scanner.Marker. The mail's own field counts first; then the filter is asked. Where that fails the mail gets no
// mark.
func (m *Marker) Mark(ctx context.Context, mail *scanner.Buffer) scanner.Mark {
	if m.field.name != "" && m.hasField(mail) {
		m.spam.Add(1)
		return m.mark(true, "; by=header")
	}
	if m.ask == nil {
		return scanner.Mark{}
	}
	if mail.Size() > MaxSize {
		m.tooLarge.Add(1)
		return scanner.Mark{}
	}
	score, err := m.rate(ctx, mail)
	if ctx.Err() != nil { // nobody waits for it any more
		return scanner.Mark{}
	}
	m.mu.Lock()
	m.last = err
	m.mu.Unlock()
	if err != nil {
		m.failures.Add(1)
		m.log.Warn("the spam filter gave no answer", "error", err)
		return scanner.Mark{}
	}
	isSpam := score >= m.config.Tag
	if isSpam {
		m.spam.Add(1)
	} else {
		m.notSpam.Add(1)
	}
	return m.mark(isSpam, fmt.Sprintf("; score=%.1f; required=%.1f", score, m.config.Tag))
}

// mark returns how a mail is marked.
func (m *Marker) mark(isSpam bool, detail string) scanner.Mark {
	if !isSpam {
		return scanner.Mark{Field: "X-Mirrorgw-Spam: no" + detail}
	}
	return scanner.Mark{Field: "X-Mirrorgw-Spam: yes" + detail, Subject: m.config.Subject}
}

// rate asks the filter once it is this mail's turn.
func (m *Marker) rate(ctx context.Context, mail *scanner.Buffer) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, Time)
	defer cancel()
	select {
	case m.turns <- struct{}{}:
	case <-ctx.Done():
		return 0, fmt.Errorf("%s: waiting for a turn: %w", m.where, ctx.Err())
	}
	defer func() { <-m.turns }()
	score, err := m.ask(ctx, mail)
	if err == nil && (math.IsNaN(score) || math.Abs(score) > 1e6) {
		err = fmt.Errorf("a score of %v", score)
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", m.where, err)
	}
	return score, nil
}

// hasField says whether the mail's header has the configured field.
func (m *Marker) hasField(mail *scanner.Buffer) bool {
	for _, value := range scanner.Field(mail.Reader(), m.field.name) {
		if value = strings.ToLower(value); value == m.field.value || strings.HasPrefix(value, m.field.value) && strings.ContainsRune(" \t;,(", rune(value[len(m.field.value)])) {
			return true
		}
	}
	return false
}

// Health returns the filter's address, and what went wrong when it was asked last.
func (m *Marker) Health() (where string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.where, m.last
}

// Counters of a Marker.
type Counters struct {
	Spam     uint64 // mails marked as spam
	NotSpam  uint64 // mails marked as none
	Failures uint64 // mails left as they were since the filter gave no answer
	TooLarge uint64 // mails left as they were for their size
}

// Counters returns the counters as they stand.
func (m *Marker) Counters() Counters {
	return Counters{m.spam.Load(), m.notSpam.Load(), m.failures.Load(), m.tooLarge.Load()}
}

// readAll reads an answer as far as one may be long.
func readAll(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxReply+1))
	if err == nil && len(text) > maxReply {
		return nil, errors.New("its answer is too long")
	}
	return text, err
}
