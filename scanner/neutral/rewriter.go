package neutral

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"

	"mirrorgw/scanner"
	"mirrorgw/scanner/transfer"
)

// Bounds of what is changed, in octets or parts.
const (
	MaxMail  = 64 << 20
	MaxPart  = 4 << 20 // as it stands in the mail
	MaxHTML  = 8 << 20 // of all parts together: a mail costs a second or two at most
	maxParts = 64
)

// Config says what a Rewriter works with.
type Config struct {
	Spool scanner.Spool // where the changed parts are held
	Log   *slog.Logger
}

// Rewriter makes the HTML of mails harmless. It is a scanner.Rewriter, and safe for concurrent use.
type Rewriter struct {
	spool scanner.Spool
	log   *slog.Logger
	turns chan struct{}
	*counted
}

// counted are the live figures of a rewriter and its successors.
type counted struct {
	changed, untouched, signed, charset, coding, tooLarge, ambiguous, failures atomic.Uint64
}

// New returns a rewriter.
func New(c Config) *Rewriter {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Rewriter{spool: c.Spool, log: c.Log, turns: make(chan struct{}, runtime.GOMAXPROCS(0)), counted: &counted{}}
}

// Successor returns a rewriter made of c that counts on where r is.
func (r *Rewriter) Successor(c Config) *Rewriter {
	next := New(c)
	next.counted = r.counted
	return next
}

// Rewrite implements scanner.Rewriter.
func (r *Rewriter) Rewrite(ctx context.Context, mail *scanner.Buffer) []scanner.Edit {
	if mail.Size() > MaxMail {
		r.tooLarge.Add(1)
		return nil
	}
	bodies, err := htmlBodies(ctx, mail)
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(err, scanner.ErrAmbiguous):
		r.ambiguous.Add(1)
		return nil
	case err != nil:
		r.fail(err)
		return nil
	}
	var edits []scanner.Edit
	left := int64(MaxHTML)
	for i, b := range bodies {
		if left -= b.End - b.At; i == maxParts || left < 0 {
			r.tooLarge.Add(1)
			break
		}
		text, err := r.part(ctx, mail, b)
		if err != nil && ctx.Err() == nil {
			r.fail(err)
		}
		if text != nil {
			edits = append(edits, scanner.Edit{At: b.At, End: b.End, Text: text})
		}
	}
	return edits
}

func (r *Rewriter) fail(err error) {
	r.failures.Add(1)
	r.log.Warn("HTML is delivered as it came", "error", err)
}

// htmlBodies returns the HTML in a mail.
func htmlBodies(ctx context.Context, mail *scanner.Buffer) (found []scanner.Body, err error) {
	err = scanner.Bodies(mail.Reader(), func(b scanner.Body) error {
		if b.Type == "text/html" && b.End > b.At {
			found = append(found, b)
		}
		return ctx.Err()
	})
	return found, err
}

// part returns what is to take the place of a body, nil for nothing.
func (r *Rewriter) part(ctx context.Context, mail *scanner.Buffer, b scanner.Body) (*scanner.Buffer, error) {
	switch {
	case b.Signed:
		r.signed.Add(1)
		return nil, nil
	case b.Foreign:
		r.coding.Add(1)
		return nil, nil
	case !isASCII(b.Params["charset"]):
		r.charset.Add(1)
		return nil, nil
	case b.End-b.At > MaxPart:
		r.tooLarge.Add(1)
		return nil, nil
	}
	select {
	case r.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-r.turns }()
	in, err := io.ReadAll(decoded(io.NewSectionReader(mail.Reader(), b.At, b.End-b.At), b.Encoding))
	if err != nil {
		return nil, err
	}
	switch {
	case bytes.Contains(in, []byte("-----BEGIN PGP ")):
		r.signed.Add(1)
		return nil, nil
	case bytes.IndexByte(in, 0) >= 0, bytes.HasPrefix(in, []byte("\xff\xfe")), bytes.HasPrefix(in, []byte("\xfe\xff")): // UTF-16, whatever it says it is
		r.charset.Add(1)
		return nil, nil
	}
	var out bytes.Buffer
	if !neutralise(&out, in) {
		r.untouched.Add(1)
		return nil, nil
	}
	text := r.spool.NewBuffer()
	if err := encode(text, out.Bytes(), b.Encoding, b.End == mail.Size()); err != nil {
		return nil, errors.Join(err, text.Close())
	}
	r.changed.Add(1)
	return text, nil
}

func decoded(text io.Reader, e scanner.Encoding) io.Reader {
	switch e {
	case scanner.Base64:
		return transfer.NewReader(text, func(w io.Writer) io.WriteCloser { return transfer.NewBase64(w, transfer.Base64{}) })
	case scanner.QuotedPrintable:
		return transfer.NewReader(text, func(w io.Writer) io.WriteCloser { return transfer.NewQuotedPrintable(w, transfer.QuotedPrintable{}) })
	default:
		return text
	}
}

// isASCII says whether octets below 0x80 mean in a charset what they mean in ASCII, wherever they stand between its marks.
func isASCII(charset string) bool {
	charset = strings.ToLower(charset)
	switch charset {
	case "", "us-ascii", "ascii", "utf-8", "utf8", "big5", "gbk", "gb2312", "gb18030", "shift_jis", "euc-jp", "euc-kr", "ks_c_5601-1987", "tis-620", "macintosh":
		return true
	}
	for _, family := range [...]string{"iso-8859-", "windows-125", "windows-874", "koi8-"} {
		if strings.HasPrefix(charset, family) {
			return true
		}
	}
	return false
}

// Counters of a Rewriter.
type Counters struct {
	Changed   uint64 // parts that left otherwise than they came
	Untouched uint64 // parts in which nothing had to go
	Signed    uint64 // parts left alone since they are signed
	Charset   uint64 // parts left alone for their charset
	Coding    uint64 // parts left alone for their transfer encoding
	TooLarge  uint64 // parts and mails left alone for their size or number
	Ambiguous uint64 // mails left alone since they may be read in several ways
	Failures  uint64 // parts and mails left alone since the spool failed
}

// Counters returns the counters as they stand.
func (r *Rewriter) Counters() Counters {
	return Counters{
		Changed: r.changed.Load(), Untouched: r.untouched.Load(), Signed: r.signed.Load(), Charset: r.charset.Load(),
		Coding: r.coding.Load(), TooLarge: r.tooLarge.Load(), Ambiguous: r.ambiguous.Load(), Failures: r.failures.Load(),
	}
}
