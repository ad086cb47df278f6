package notice

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"mime"
	"mime/quotedprintable"
	"net/netip"
	"strings"
	"sync/atomic"
	"text/template"
	"time"

	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-message/textproto"

	"mirrorgw/scanner"
)

// Config says how notices are written. The zero value is the built-in English text for everybody.
type Config struct {
	Language string   // one of Languages; empty: English
	ByClient []Choice // first match wins
	Template string   // path of a template in place of the built-in texts; it may define "part" too. Empty: none

	HostName string // of the gateway, with its domain if it has one
	Version  string // of the gateway
	Engines  string // and of what it scans with

	Log *slog.Logger
}

// Choice is the language for some clients.
type Choice struct {
	Clients  []netip.Prefix
	Language string
}

// Counters of a Composer and its successors.
type Counters struct {
	Composed         uint64 // notices written
	TemplateFailures uint64 // notices for which a template of one's own failed, so that the built-in text was used
}

// Composer writes notices. It is a scanner.Composer and a scanner.PartComposer, safe for concurrent use.
type Composer struct {
	cfg      Config
	builtIn  map[string]*template.Template // by language, those that are configured
	phrases  map[string]phrasebook         // the same
	own      *template.Template            // nil: none
	counters *counters
}

type counters struct{ composed, failures atomic.Uint64 }

// New returns a composer whose templates have been tried.
//
// Errors: a language there is none of; what is wrong with Template, beginning with its path, and the line where there is one.
func New(cfg Config) (*Composer, error) {
	if cfg.Language == "" {
		cfg.Language = English
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	c := &Composer{cfg: cfg, builtIn: make(map[string]*template.Template), phrases: make(map[string]phrasebook), counters: &counters{}}
	for _, choice := range append([]Choice{{Language: cfg.Language}}, cfg.ByClient...) {
		t, err := builtIn(choice.Language)
		if err != nil {
			return nil, err
		}
		c.builtIn[choice.Language] = t
		if c.phrases[choice.Language], err = phrasesIn(choice.Language); err != nil {
			return nil, err
		}
	}
	if cfg.Template == "" {
		return c, nil
	}
	var err error
	if c.own, err = ownTemplate(cfg.Template); err != nil {
		return nil, err
	}
	for _, t := range []*template.Template{c.own, c.own.Lookup(partTemplate)} {
		if t == nil {
			continue
		}
		if err := c.try(t); err != nil {
			if !strings.HasPrefix(err.Error(), cfg.Template) { // an empty or endless text has no line
				err = fmt.Errorf("%s: %w", cfg.Template, err)
			}
			return nil, err
		}
	}
	return c, nil
}

// Successor returns a composer for another configuration that counts on where c is.
//
// Errors: those of New.
func (c *Composer) Successor(cfg Config) (*Composer, error) {
	next, err := New(cfg)
	if err != nil {
		return nil, err
	}
	next.counters = c.counters
	return next, nil
}

// Counters returns the counters as they stand.
func (c *Composer) Counters() Counters {
	return Counters{Composed: c.counters.composed.Load(), TemplateFailures: c.counters.failures.Load()}
}

// subjectPrefix begins the subject of every notice.
const subjectPrefix = "[mirrorgw] "

// placeholder is the address of notices for mails that name no usable sender. The domain never exists (RFC 2606).
const placeholder = "mirrorgw@mirrorgw.invalid"

// Compose returns the notice for a mail kept under id. Errors: none are known; the writers it uses can report some.
func (c *Composer) Compose(item scanner.Item, id string) ([]byte, error) {
	text, err := c.text("", item, id, "")
	if err != nil {
		return nil, err
	}
	h := compose(item, id)
	h.SetText("X-Mirrorgw-Verdict", verdict(item, id))
	var b bytes.Buffer
	if err := textproto.WriteHeader(&b, h.Header.Header); err != nil {
		return nil, fmt.Errorf("notice header: %w", err)
	}
	if err := writeQuotedPrintable(&b, text); err != nil {
		return nil, fmt.Errorf("notice body: %w", err)
	}
	c.counters.composed.Add(1)
	return b.Bytes(), nil
}

// text returns the text that a template, "" for the one of a whole notice, makes of a mail in the language of its client.
func (c *Composer) text(name string, item scanner.Item, id, partName string) (string, error) {
	language := c.language(item.Origin.Client.Addr())
	f := c.fields(item, id, language)
	f.PartName = partName
	if own := named(c.own, name); own != nil {
		text, err := execute(own, f)
		if err == nil {
			return text, nil
		}
		c.counters.failures.Add(1)
		c.cfg.Log.Warn("the notice's template failed, the built-in text is used", "id", id, "error", err)
	}
	return execute(named(c.builtIn[language], name), f)
}

// named returns the template of this name that t holds, t itself for "", nil when there is none.
func named(t *template.Template, name string) *template.Template {
	if t == nil || name == "" {
		return t
	}
	return t.Lookup(name)
}

// language returns the language for a client.
func (c *Composer) language(client netip.Addr) string {
	client = client.Unmap()
	for _, choice := range c.cfg.ByClient {
		for _, p := range choice.Clients {
			if p.Contains(client) {
				return choice.Language
			}
		}
	}
	return c.cfg.Language
}

// writeQuotedPrintable writes text, whose lines end in CRLF, in quoted-printable (RFC 2045 section 6.7).
func writeQuotedPrintable(b *bytes.Buffer, text string) error {
	w := quotedprintable.NewWriter(b)
	if _, err := w.Write([]byte(text)); err != nil {
		return err
	}
	return w.Close()
}

// compose returns the header of the notice. Fields are written in the reverse of the order they are set in.
func compose(item scanner.Item, id string) mail.Header {
	s := item.Summary
	var h mail.Header
	h.SetText("Auto-Submitted", "auto-generated")
	h.SetText("Content-Transfer-Encoding", "quoted-printable")
	h.SetText("Content-Type", "text/plain; charset=utf-8")
	h.SetText("MIME-Version", "1.0")
	if s.MessageID != "" {
		h.SetMsgIDList("References", []string{s.MessageID})
	}
	h.SetMessageID(messageID(s.MessageID, id))
	h.SetSubject(subject(item))
	if len(s.Recipients) > 0 {
		h.SetText("To", addresses(s.Recipients...))
	} else {
		h.SetText("To", "undisclosed-recipients:;")
	}
	from := s.Sender
	if from == nil {
		from = &mail.Address{Name: s.From, Address: placeholder}
	}
	h.SetText("From", addresses(from))
	h.SetDate(date(s.Date, item.Time))
	return h
}

// addresses returns an address list for a header field. Names beyond ASCII become base64 words: in the quoted-printable ones
// that net/mail would write, a backslash stays as it is, which no parser takes in a name.
func addresses(list ...*mail.Address) string {
	written := make([]string, len(list))
	for i, a := range list {
		if word := mime.BEncoding.Encode("utf-8", a.Name); word != a.Name {
			written[i] = word + " " + (&mail.Address{Address: a.Address}).String()
		} else {
			written[i] = a.String()
		}
	}
	return strings.Join(written, ", ")
}

// subject returns the subject of a notice.
func subject(item scanner.Item) string {
	return strings.TrimSpace(subjectPrefix + item.Summary.Subject)
}

// verdict returns the value of the X-Mirrorgw-Verdict field.
func verdict(item scanner.Item, id string) string {
	_, value, _ := strings.Cut(scanner.VerdictField(item.Verdict, item.Cause, id), ": ")
	return value
}

// date returns the original's date where it is believable, else the time it was kept.
func date(original, kept time.Time) time.Time {
	if original.Year() < 1980 || original.After(kept.Add(24*time.Hour)) {
		return kept
	}
	return original
}

// messageID derives the notice's identifier from the original's and the quarantine id.
func messageID(original, id string) string {
	_, domain, ok := strings.Cut(original, "@")
	if !ok {
		domain = "mirrorgw.invalid"
	}
	sum := sha256.Sum256([]byte(original + "\n" + id))
	return "mirrorgw." + id + "." + hex.EncodeToString(sum[:6]) + "@" + domain
}
