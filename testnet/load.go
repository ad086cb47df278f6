package testnet

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// loadConcurrency is how many sessions run at a time unless told.
	loadConcurrency = 64

	// maxLoadErrors is how many errors a result keeps: the first ones tell, the others repeat them.
	maxLoadErrors = 10

	// maxLoadFailures ends a run that leads nowhere: a server that keeps silent would cost a minute for each session.
	maxLoadFailures = 256
)

// POP3Load is many short POP3 sessions against one server, which a POP3LoadServer is made for. Each session is
//
//	USER, PASS, STAT, RETR of each of Mails, QUIT
//
// and waits for the server to close. A session counts only when every reply is positive, STAT tells as many mails as
// there are, each mail has the octets it should, and nothing follows the reply to QUIT.
type POP3Load struct {
	// Server is whom the sessions are with.
	Server netip.AddrPort

	// User logs in, with Password. Empty is "alice".
	User string

	// Mailbox is how many mails STAT must tell.
	Mailbox int

	// Mails are retrieved and compared: all of the mailbox, a part of it, or none. First is the number of the first; 0 is 1.
	Mails []Mail
	First int

	// Sessions is how many there are in all, Concurrency how many at a time. A Concurrency of 0 is 64.
	Sessions, Concurrency int
}

// POP3LoadResult is what came of a POP3Load.
type POP3LoadResult struct {
	// Done counts sessions that went as they should, Failed the others. The two are fewer than were asked for when the
	// context ended, or when 256 sessions had failed, which ends a run.
	Done, Failed int

	// Errors are the first ten sessions' that failed, each with its number and the client's port.
	Errors []error

	// Took is the time from the first dial to the last close.
	Took time.Duration

	// Median, P99 and Slowest are of the sessions in Done, from dial to close; GreetingP99 from dial to greeting.
	Median, P99, Slowest, GreetingP99 time.Duration
}

// Rate is sessions per second.
func (r POP3LoadResult) Rate() float64 {
	if r.Took <= 0 {
		return 0
	}
	return float64(r.Done) / r.Took.Seconds()
}

// Err is nil when no session failed.
func (r POP3LoadResult) Err() error {
	if r.Failed == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d sessions failed, the first of them:\n%w", r.Failed, r.Done+r.Failed, errors.Join(r.Errors...))
}

// Run has the sessions from a host. What a session dies of is in the result, not in the error.
//
// Errors: what kept sockets from being made; the context's, with a result of what was done until then.
func (l POP3Load) Run(ctx context.Context, from *Host) (POP3LoadResult, error) {
	run, err := l.prepare(from)
	if err != nil {
		return POP3LoadResult{}, fmt.Errorf("load: %w", err)
	}
	d, begun := run.dialer, time.Now()
	var workers sync.WaitGroup
	for range min(run.Concurrency, l.Sessions) {
		// Ends with the last session, or within one session of ctx.
		workers.Go(func() { run.work(ctx) })
	}
	workers.Wait()
	result := run.result()
	result.Took = time.Since(begun)
	if err := errors.Join(d.Close(), context.Cause(ctx)); err != nil {
		return result, fmt.Errorf("load: %w", err)
	}
	return result, nil
}

// prepare fills in what is not set. The dialer of what it returns must be closed.
func (l POP3Load) prepare(from *Host) (*loadRun, error) {
	l.First = cmp.Or(l.First, 1)
	if l.Sessions < 0 || l.Concurrency < 0 || l.First < 1 || l.First-1+len(l.Mails) > l.Mailbox {
		return nil, fmt.Errorf("%d sessions, %d at a time, %d mails of %d from number %d on", l.Sessions, l.Concurrency, len(l.Mails), l.Mailbox, l.First)
	}
	l.User = cmp.Or(l.User, "alice")
	l.Concurrency = cmp.Or(l.Concurrency, loadConcurrency)
	d, err := from.newDialer(l.Server, l.Concurrency)
	if err != nil {
		return nil, err
	}
	run := &loadRun{POP3Load: l, dialer: d}
	for _, m := range l.Mails {
		run.wire = append(run.wire, wireForm(m.Data))
	}
	return run, nil
}

// loadRun is a load under way.
type loadRun struct {
	POP3Load
	dialer *dialer
	wire   [][]byte // Mails as RETR sends them

	begun atomic.Int64 // sessions

	mu struct {
		sync.Mutex
		took    []time.Duration // of each session that went well
		greeted []time.Duration // the same, to the greeting
		failed  int
		errs    []error
	}
}

// work has one session after the other.
func (r *loadRun) work(ctx context.Context) {
	lines := bufio.NewReader(nil)
	for ctx.Err() == nil {
		number := r.begun.Add(1)
		if number > int64(r.Sessions) {
			return
		}
		begun := time.Now()
		greeted, err := r.session(ctx, lines)
		if ctx.Err() != nil {
			return // what ctx cut short is neither done nor failed
		}
		if !r.note(number, greeted.Sub(begun), time.Since(begun), err) {
			return
		}
	}
}

// note keeps what came of a session and tells whether there shall be more.
func (r *loadRun) note(number int64, greeted, took time.Duration, err error) (more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.mu.took = append(r.mu.took, took)
		r.mu.greeted = append(r.mu.greeted, greeted)
		return true
	}
	r.mu.failed++
	if len(r.mu.errs) < maxLoadErrors {
		r.mu.errs = append(r.mu.errs, fmt.Errorf("session %d after %s: %w", number, took.Round(time.Millisecond), err))
	}
	return r.mu.failed < maxLoadFailures
}

func (r *loadRun) result() POP3LoadResult {
	r.mu.Lock()
	defer r.mu.Unlock()
	result := POP3LoadResult{Done: len(r.mu.took), Failed: r.mu.failed, Errors: r.mu.errs}
	if n := len(r.mu.took); n > 0 {
		slices.Sort(r.mu.took)
		slices.Sort(r.mu.greeted)
		result.GreetingP99 = r.mu.greeted[n*99/100]
		result.Median, result.P99, result.Slowest = r.mu.took[n/2], r.mu.took[n*99/100], r.mu.took[n-1]
	}
	return result
}

// session is one session from dial to close. It borrows lines.
func (r *loadRun) session(ctx context.Context, lines *bufio.Reader) (greeted time.Time, err error) {
	c, err := r.dialer.dial(ctx, time.Now().Add(sessionLimit))
	if err != nil {
		return greeted, err
	}
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Now()) })
	defer stop()
	lines.Reset(c)
	s := pop3Session{r: lines, w: c}
	greeted, err = r.login(s)
	if err == nil {
		err = r.dialogue(s)
	}
	if err != nil {
		return greeted, errors.Join(fmt.Errorf("from port %d: %w", localPort(c), err), c.Close())
	}
	return greeted, c.Close()
}

// login goes on to where commands about mails may be sent.
func (r *loadRun) login(s pop3Session) (greeted time.Time, err error) {
	if _, err := s.reply(); err != nil {
		return greeted, fmt.Errorf("greeting: %w", err)
	}
	greeted = time.Now()
	for _, line := range []string{"USER " + r.User, "PASS " + Password} {
		if _, err := s.command(line); err != nil {
			return greeted, err
		}
	}
	return greeted, nil
}

// dialogue is a session from there to its end.
func (r *loadRun) dialogue(s pop3Session) error {
	stat, err := s.command("STAT")
	if err != nil {
		return err
	}
	var count, octets int
	if _, err := fmt.Sscanf(stat, "+OK %d %d", &count, &octets); err != nil || count != r.Mailbox {
		return fmt.Errorf("STAT: %q, want %d mails", stat, r.Mailbox)
	}
	for i, want := range r.wire {
		if _, err := s.command("RETR " + strconv.Itoa(r.First+i)); err != nil {
			return err
		}
		got, err := s.multiline()
		if err != nil {
			return fmt.Errorf("RETR %d: %w", r.First+i, err)
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("RETR %d: %d octets, not the %d of the mail", r.First+i, len(got), len(want))
		}
	}
	return quit(s)
}

// quit ends a session.
func quit(s pop3Session) error {
	if _, err := s.command("QUIT"); err != nil {
		return err
	}
	// The server closes first (RFC 1939 section 6), so that no port of the client's stays in TIME-WAIT.
	if b, err := s.r.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("after QUIT: octet %#02x, %w", b, err)
	}
	return nil
}

// wireForm is a mail as the reply to RETR has it after its first line: dots stuffed (RFC 1939 section 3), its last line
// ended, and the line of one dot.
func wireForm(data []byte) []byte {
	var wire []byte
	for line := range bytes.Lines(data) {
		if line[0] == '.' {
			wire = append(wire, '.')
		}
		wire = append(wire, line...)
	}
	if !bytes.HasSuffix(wire, []byte("\r\n")) && len(wire) > 0 {
		wire = append(wire, "\r\n"...)
	}
	return append(wire, ".\r\n"...)
}
