package scanner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Origin says whose mail it is and by which way it came.
type Origin struct {
	Protocol string         // "pop3"
	Client   netip.AddrPort // the workstation
	Server   netip.AddrPort // the mail server the workstation wanted
	User     string         // as the client gave it, may be empty. Hostile text: quote it before printing
	Login    string         // the name under which the server has accepted the client; empty unless it can have been no other
	UIDL     string         // unique-id that the server has given the mail, where the client has asked for it. Hostile text as well
	Asked    time.Time      // when the wait for the mail began; zero where that is not known

	Transcript Transcript // of the session; nil: there is none. It is read before Judge returns
	Trace      Trace      // of the flow that carries the session; the same
}

// Transcript is what was said in a session so far. The relays have some.
type Transcript interface {
	// Lines returns the last lines of it, the oldest first, each Printable and short, and none with a secret in it. It is called before
	// Judge returns, by the goroutine that has called that.
	Lines() []string
}

// Trace is the frames of the flow by which a mail came so far, but for what was said in them. Whoever has the flow has it.
type Trace interface {
	// WritePcapng writes the last of them to w, as pcapng: headers, and no payload. It is called before Judge returns, by the goroutine
	// that has called that.
	//
	// Errors: w's own.
	WritePcapng(w io.Writer) error
}

// Ruling is what a relay does with one retrieved mail.
type Ruling struct {
	Verdict Verdict
	Action  Action
	Tag     []byte // Action Tag: one header line, CRLF included, to send before the mail
	Mark    Mark   // Action Deliver or Tag: what else to put into the mail
	Edits   []Edit // the same: what to change in it
	Notice  []byte // Action Replace: the whole mail to send instead, CRLF line ends, not dot-stuffed
	ID      string // Action Replace: the original's quarantine id

	KeptRest bool // Action Replace: Notice is the mail itself with some of its parts replaced

	free func() // gives back the memory of Notice; nil: it is nobody's
}

// Close gives back what of the spool the ruling holds: whoever asked for it calls Close once, when Notice or the mail has been sent.
func (r *Ruling) Close() {
	closeEdits(r.Edits)
	if r.free != nil {
		r.free()
	}
}

// Item is one mail that is about to be replaced.
type Item struct {
	Time    time.Time // of the verdict
	Origin  Origin
	Verdict Verdict
	Cause   Cause // the one that called for it, see Policy.Decide
	Summary Summary
}

// Keeper keeps replaced mails. scanner/quarantine is one.
//
// Keep borrows mail until it returns. When it returns an id, the mail is durable: neither a crash nor a power failure loses
// it. When it returns an error, nothing of it is listed.
type Keeper interface {
	Keep(ctx context.Context, item Item, mail io.Reader) (id string, err error)
}

// Composer writes the notice that takes the place of a mail. scanner/notice is one.
//
// Compose returns a whole mail with CRLF line ends, not dot-stuffed; id is the original's in quarantine.
type Composer interface {
	Compose(item Item, id string) ([]byte, error)
}

// PartComposer writes what takes the place of one part of a mail whose rest is kept. scanner/notice is one.
type PartComposer interface {
	// ComposeFields returns the fields for the mail's header that say what was done, Subject and Message-ID among them, each
	// line ended by CRLF.
	ComposeFields(item Item, id string) ([]byte, error)

	// ComposePart returns an entity, header and body, with CRLF line ends, in place of a part whose file name, as far as it has
	// one, is name. item names the findings of that part only.
	ComposePart(item Item, id, name string) ([]byte, error)
}

// JudgeConfig says what a Judge is made of. Scanner, Keeper and Composer are required.
type JudgeConfig struct {
	Scanner  *Scanner
	Keeper   Keeper
	Composer Composer
	Parts    PartComposer // where only the parts in which something was found are replaced; nil: the whole mail is
	Policy   Policy       // nil: DefaultPolicy
	Shadow   bool         // judge and log; every mail is delivered as it came
	Retries  *Retries     // what is known of mails refused before; nil: nothing. A successor has its predecessor's
	Log      *slog.Logger
	Now      func() time.Time // nil: time.Now

	Allowances Allowances // contents to deliver whatever is found in them; nil: none
	Marker     Marker     // asked about mails that are delivered; nil: none
	Rewriter   Rewriter   // changes mails that are delivered; nil: none
	Ledger     Ledger     // takes note of what is delivered; nil: nobody does
}

// Counters of a Judge.
type Counters struct {
	Clean       uint64 // mails every engine saw the whole of and found nothing in
	Infected    uint64 // mails an engine found something in
	Unscannable uint64 // mails that could not be wholly judged

	Delivered     uint64 // mails passed on as they came
	Tagged        uint64 // mails passed on with a verdict line
	Replaced      uint64 // mails kept in quarantine and replaced by a notice
	Retried       uint64 // mails refused for now
	Rewritten     uint64 // mails, or the rests of them, that a Rewriter has changed
	KeptRest      uint64 // of those replaced, mails of which only some parts were
	NoRoomForRest uint64 // of those replaced, mails whose rest was not kept since limits.spool_memory was used up

	QuarantineFailures uint64 // mails that should have been replaced and could not be kept

	Allowed uint64 // mails passed on as they came since they had been released

	CacheHits   uint64 // mails whose content had been judged before, see Config.Cache
	CacheMisses uint64 // mails that were judged while verdicts are remembered

	CalledOff uint64 // mails that met a limit while engines were at work, which were called off, see Policy.Settles

	ShadowTagged   uint64 // mails passed on as they came in shadow mode that would have been tagged
	ShadowReplaced uint64 // the same, replaced
	ShadowRetried  uint64 // the same, refused for now
}

// Judge decides what becomes of one retrieved mail: scan, policy, quarantine, notice, log line, in that order. It is safe
// for concurrent use.
type Judge struct {
	scanner  *Scanner
	policy   Policy
	shadow   bool
	keeper   Keeper
	composer Composer
	parts    PartComposer
	log      *slog.Logger
	now      func() time.Time
	retries  *Retries
	counted  *judged

	allowances Allowances // may be nil
	marker     Marker     // may be nil
	rewriter   Rewriter   // may be nil
	ledger     Ledger     // may be nil
}

// judged are the live figures of a judge and its successors.
type judged struct {
	classes            [Infected + 1]atomic.Uint64
	actions            [Deliver + 1]atomic.Uint64
	shadowed           [Deliver + 1]atomic.Uint64 // by what would have been done
	quarantineFailures atomic.Uint64
	keptRest, noRoom   atomic.Uint64
	rewritten          atomic.Uint64
	hits, misses       atomic.Uint64
	allowed            atomic.Uint64
	calledOff          atomic.Uint64
	rulings            rulings
}

// NewJudge returns a judge. Errors: a required part is missing.
func NewJudge(c JudgeConfig) (*Judge, error) {
	if c.Scanner == nil || c.Keeper == nil || c.Composer == nil {
		return nil, errors.New("a judge needs a scanner, a keeper and a composer")
	}
	if c.Policy == nil {
		c.Policy = DefaultPolicy()
	}
	if c.Retries == nil {
		c.Retries = NewRetries()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Judge{
		scanner: c.Scanner, policy: c.Policy, shadow: c.Shadow, keeper: c.Keeper, composer: c.Composer, parts: c.Parts, log: c.Log, now: c.Now,
		retries: c.Retries, counted: &judged{}, allowances: c.Allowances, marker: c.Marker, rewriter: c.Rewriter, ledger: c.Ledger,
	}, nil
}

// Successor returns a judge made of c that goes on where j is: both count together, and share what they remember of mails that
// were refused. Whichever is asked, Counters speaks of the mails of both.
//
// Errors: those of NewJudge.
func (j *Judge) Successor(c JudgeConfig) (*Judge, error) {
	next, err := NewJudge(c)
	if err != nil {
		return nil, err
	}
	next.retries, next.counted = j.retries, j.counted
	return next, nil
}

// Judge returns what the relay is to do with mail, which it borrows until it returns. complete says that mail holds all of
// it. The caller closes the ruling. A mail that is to be replaced is durable in quarantine before Judge returns; where it cannot be kept, or has not
// wholly arrived, it is refused for now instead. A mail whose content was released is delivered whatever the verdict, and so is all mail in
// shadow mode.
func (j *Judge) Judge(ctx context.Context, o Origin, mail *Buffer, complete bool) Ruling {
	verdict := j.scanner.scan(ctx, mail, complete, j.policy.Settles(CauseBudget), nil)
	switch {
	case verdict.Cached:
		j.counted.hits.Add(1)
	case j.scanner.cache != nil:
		j.counted.misses.Add(1)
	}
	if verdict.calledOff {
		j.counted.calledOff.Add(1)
	}
	action, cause := j.policy.Decide(verdict)
	if j.shadow {
		return j.overlook(o, verdict, action, cause)
	}
	if j.allowed(verdict, action, complete) {
		return j.allow(o, verdict, cause)
	}
	if ctx.Err() == nil { // a mail nobody waits for any more has not been refused
		action = j.escalate(verdict, action, cause)
	}
	r := Ruling{Verdict: verdict, Action: action}
	switch {
	case action == Tag:
		r.Tag = []byte(VerdictField(verdict, cause, "") + "\r\n")
	case action == Replace && !complete:
		r.Action = Retry
	case action == Replace:
		if err := j.replace(ctx, &r, o, cause, mail); err != nil {
			r.Action, cause = Retry, CauseError
			r.Verdict.withError(err)
		}
	}
	j.mark(ctx, &r, mail, complete)
	j.rewrite(ctx, &r, mail, complete)
	j.count(o, r)
	j.record(o, r, cause)
	return r
}

// overlook rules in shadow mode: the mail is delivered, and what would have been done with it is counted and logged.
func (j *Judge) overlook(o Origin, v Verdict, would Action, cause Cause) Ruling {
	r := Ruling{Verdict: v, Action: Deliver}
	j.count(o, r)
	j.counted.shadowed[would].Add(1)
	j.record(o, r, cause, slog.Bool("shadow", true), slog.String("would", would.String()))
	return r
}

func (j *Judge) count(o Origin, r Ruling) {
	j.counted.classes[r.Verdict.Class].Add(1)
	j.counted.actions[r.Action].Add(1)
	j.counted.rulings.add(RulingKind{Protocol: o.Protocol, Class: r.Verdict.Class, Action: r.Action})
	j.note(o, r)
}

// escalate turns the refusal of a mail that engines keep failing on into its replacement. A mail that could not be read back from
// the spool has no digest to know it again by, and could not be kept either: it is not counted, or all such mails were one.
func (j *Judge) escalate(v Verdict, action Action, cause Cause) Action {
	switch {
	case v.SHA256 == [sha256.Size]byte{}:
	case cause != CauseError:
		j.retries.forget(v.SHA256)
	case action == Retry && j.retries.due(v.SHA256, j.now()):
		return Replace
	}
	return action
}

// replace keeps the mail, then composes the notice for it. Where either fails the mail is to be refused for now: the original
// on the server is then the only copy that counts.
func (j *Judge) replace(ctx context.Context, r *Ruling, o Origin, cause Cause, mail *Buffer) error {
	item := Item{Time: j.now(), Origin: o, Verdict: r.Verdict, Cause: cause, Summary: Summarize(mail.Reader())}
	id, err := j.keeper.Keep(ctx, item, mail.Reader())
	if err != nil {
		j.counted.quarantineFailures.Add(1)
		j.log.Error("quarantine failed, the mail stays on the server", "client", o.Client.String(), "server", o.Server.String(), "size", mail.Size(), "error", err)
		return fmt.Errorf("quarantine: %w", err)
	}
	r.ID = id
	if j.parts != nil {
		rest, err := j.keepRest(ctx, item, id, mail)
		if err == nil {
			j.counted.keptRest.Add(1)
			r.Notice, r.KeptRest, r.free = rest, true, func() { j.freeRest(rest) }
			return nil
		}
		j.log.Info("the whole mail is replaced", "id", id, "reason", err)
	}
	notice, err := j.composer.Compose(item, id)
	if err != nil {
		j.log.Error("no notice could be written, the mail stays on the server", "client", o.Client.String(), "server", o.Server.String(), "id", id, "error", err)
		return fmt.Errorf("notice: %w", err)
	}
	r.Notice = notice
	return nil
}

// withError adds a failure to deal with the mail to what is known of it. An infected mail stays infected.
func (v *Verdict) withError(err error) {
	if v.Cause != CauseError && !slices.Contains(v.Also, CauseError) {
		v.Also = append(v.Also, CauseError)
	}
	v.Detail = strings.TrimPrefix(v.Detail+"; "+err.Error(), "; ")
}

// record writes the one log line about a mail.
func (j *Judge) record(o Origin, r Ruling, cause Cause, more ...slog.Attr) {
	v := r.Verdict
	findings := v.Findings
	if findings == nil {
		findings = []Finding{}
	}
	took := v.Took
	if !o.Asked.IsZero() {
		took = j.now().Sub(o.Asked) // what the client waited, fetching the mail included
	}
	attrs := []slog.Attr{
		slog.String("client", o.Client.String()),
		slog.String("server", o.Server.String()),
		slog.String("user", Printable(o.User, maxShown)),
		slog.String("protocol", o.Protocol),
		slog.String("verdict", v.Class.String()),
		slog.String("action", r.Action.String()),
		slog.Int64("size", v.Size),
		slog.String("sha256", hex.EncodeToString(v.SHA256[:])),
		slog.Any("findings", findings),
		slog.Duration("took", took),
	}
	if cause != CauseNone && cause != CauseInfected {
		attrs = append(attrs, slog.String("cause", string(cause)), slog.String("detail", v.Detail))
	}
	if r.Mark.Field != "" {
		attrs = append(attrs, slog.String("mark", r.Mark.Field))
	}
	if len(r.Edits) > 0 {
		attrs = append(attrs, slog.Int("rewritten", len(r.Edits)))
	}
	if r.KeptRest {
		attrs = append(attrs, slog.Bool("kept_rest", true))
	}
	if v.Cached {
		attrs = append(attrs, slog.Bool("cached", true))
	}
	if r.ID != "" {
		attrs = append(attrs, slog.String("id", r.ID))
	}
	j.log.LogAttrs(context.Background(), slog.LevelInfo, "message", append(attrs, more...)...)
}

// Counters returns the counters as they stand.
func (j *Judge) Counters() Counters {
	c := j.counted
	return Counters{
		Clean:              c.classes[Clean].Load(),
		Infected:           c.classes[Infected].Load(),
		Unscannable:        c.classes[Unscannable].Load(),
		Delivered:          c.actions[Deliver].Load(),
		Tagged:             c.actions[Tag].Load(),
		Replaced:           c.actions[Replace].Load(),
		Retried:            c.actions[Retry].Load(),
		Rewritten:          c.rewritten.Load(),
		KeptRest:           c.keptRest.Load(),
		NoRoomForRest:      c.noRoom.Load(),
		QuarantineFailures: c.quarantineFailures.Load(),
		Allowed:            c.allowed.Load(),
		CacheHits:          c.hits.Load(),
		CacheMisses:        c.misses.Load(),
		CalledOff:          c.calledOff.Load(),
		ShadowTagged:       c.shadowed[Tag].Load(),
		ShadowReplaced:     c.shadowed[Replace].Load(),
		ShadowRetried:      c.shadowed[Retry].Load(),
	}
}

// maxNamed bounds the findings named in a verdict field.
const maxNamed = 4

// VerdictField returns the X-Mirrorgw-Verdict field for v without its line end: one line of ASCII well below 998 octets
// that holds nothing of the mail. id is left out when empty.
func VerdictField(v Verdict, cause Cause, id string) string {
	var b strings.Builder
	b.WriteString("X-Mirrorgw-Verdict: ")
	b.WriteString(v.Class.String())
	if v.Class != Infected && cause != CauseNone {
		b.WriteString("; cause=" + token(string(cause)))
	}
	var named []string
	for _, f := range v.Findings {
		rule := "; finding=" + token(f.Engine) + ":" + token(f.Rule)
		if len(named) < maxNamed && !slices.Contains(named, rule) { // one rule may match in many parts
			named = append(named, rule)
			b.WriteString(rule)
		}
	}
	if id != "" {
		b.WriteString("; id=" + token(id))
	}
	return b.String()
}

// token returns s as a word of letters, digits and a few signs, at most 64 octets.
func token(s string) string {
	s = s[:min(len(s), 64)]
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_./", r) {
			return r
		}
		return '_'
	}, s)
}
