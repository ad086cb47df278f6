package scanner

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-message"
)

// seedMails returns mails that each show one construct, for the fuzz targets.
func seedMails() []string {
	return []string{
		"Subject: x\r\n\r\nhello\r\n",
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b--\r\n",
		"Content-Type: multipart/mixed\r\n\r\n--b\r\n",
		"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nSubject: =\r\n y\r\n\r\n=41",
		"Content-Type: multipart/digest; boundary=\"a b\"\n\n--a b\n\nSubject: z\n\n\x00\xff\n--a b--",
		"Content-Type: message/partial\r\n\r\n",
		"Content-Type: text/plain; name*0*=utf-8''%41; name*1=b\r\n x: y\r\n\r\n",
		nested(20), manyParts(30), "", "\r", "--b", ":\r\n\r\n", "From x\r\n \r\n",
	}
}

// Laws, for any octets: the scanner ends without a panic; the whole mail reaches every engine; no verdict is clean when an
// engine failed, and none but infected when one found something; a verdict has a cause exactly when it is not clean.
func FuzzScan(f *testing.F) {
	for _, mail := range seedMails() {
		f.Add([]byte(mail), false)
		f.Add([]byte(mail+payload), true)
	}
	f.Fuzz(func(t *testing.T, mail []byte, fail bool) {
		failed := false
		engine := &seeker{needle: payload, fail: func(p *Part) error {
			if fail && p.Path != "" {
				failed = true
				return errDown
			}
			return nil
		}}
		limits := Limits{Depth: 6, Parts: 50, Expanded: 1 << 20}
		v := newScanner(t, limits, engine).Scan(t.Context(), newMail(t, string(mail)), true)
		found := bytes.Contains(mail, []byte(payload))
		switch {
		case len(engine.asked) == 0 || !strings.HasSuffix(engine.asked[0], fmt.Sprintf("%q", mail)):
			t.Error("the whole mail was not judged")
		case (v.Cause == CauseNone) != (v.Class == Clean):
			t.Errorf("verdict %s with cause %q", v.Class, v.Cause)
		case (len(v.Findings) > 0) != (v.Class == Infected):
			t.Errorf("verdict %s with %d findings", v.Class, len(v.Findings))
		case found && v.Class != Infected:
			t.Errorf("verdict %s of a mail that holds the payload", v.Class)
		case failed && v.Class == Clean:
			t.Error("clean although the engine failed")
		case len(engine.asked) > limits.Parts+1:
			t.Errorf("%d parts", len(engine.asked))
		}
	})
}

// Law: what another implementation packs into a mail is handed to the engines octet by octet, in whatever encodings and
// nesting, and a payload split across lines by an encoding is found.
func FuzzUnpacks(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3}, []byte("hello"))
	f.Add([]byte{3, 1, 3, 2, 0, 4, 1}, []byte("line\r\nline\x00\xff \t"))
	f.Add([]byte{4, 4, 3, 0}, []byte(payload))
	f.Fuzz(func(t *testing.T, shape, content []byte) {
		content = bytes.Map(func(r rune) rune { // a writer may normalise line ends; that is not what is tested
			if r == '\r' || r == '\n' {
				return ' '
			}
			return r
		}, bytes.ToValidUTF8(content, []byte("?")))
		content = append(bytes.TrimRight(content, " \t"), []byte("."+payload)...)
		p := packer{t: t, shape: shape[:min(len(shape), 30)], content: content}
		var mail bytes.Buffer
		p.pack(&mail)
		engine := &seeker{needle: payload}
		v := newScanner(t, Limits{}, engine).Scan(t.Context(), newMail(t, mail.String()), true)
		if v.Class != Infected {
			t.Errorf("verdict %s (%s) of\n%s", v.Class, v.Detail, mail.Bytes())
		}
		for _, want := range p.leaves {
			if !slices.ContainsFunc(engine.asked, func(asked string) bool { return strings.HasSuffix(asked, fmt.Sprintf(" %q", want)) }) {
				t.Errorf("no part %q of\n%s\nonly\n%s", want, mail.Bytes(), strings.Join(engine.asked, "\n"))
			}
		}
	})
}

// packer writes a mail whose structure follows shape.
type packer struct {
	t       *testing.T
	shape   []byte
	content []byte
	leaves  [][]byte
	depth   int
}

// choose takes the next decision from the shape, 0 when it is used up.
func (p *packer) choose(n int) int {
	if len(p.shape) == 0 {
		return 0
	}
	c := int(p.shape[0]) % n
	p.shape = p.shape[1:]
	return c
}

func (p *packer) pack(w io.Writer) {
	h, fill := p.entity()
	mw, err := message.CreateWriter(w, h)
	if err != nil {
		p.t.Fatal(err)
	}
	fill(mw)
}

// entity returns the header of the next entity and how its body is written.
func (p *packer) entity() (message.Header, func(*message.Writer)) {
	var h message.Header
	kind := p.choose(5)
	if kind >= 3 && p.depth < 5 {
		p.depth++
		if kind == 4 {
			h.SetContentType("message/rfc822", nil)
			return h, func(w *message.Writer) {
				p.pack(w)
				p.close(w)
				p.depth--
			}
		}
		n := p.choose(3) + 1
		h.SetContentType("multipart/mixed", nil)
		return h, func(w *message.Writer) {
			for range n {
				sub, fill := p.entity()
				part, err := w.CreatePart(sub)
				if err != nil {
					p.t.Fatal(err)
				}
				fill(part)
			}
			p.close(w)
			p.depth--
		}
	}
	h.SetContentType("application/octet-stream", map[string]string{"name": "x.bin"})
	h.Set("Content-Transfer-Encoding", []string{"base64", "quoted-printable", "binary"}[kind%3])
	content := append(fmt.Appendf(nil, "%d ", len(p.leaves)), p.content...)
	p.leaves = append(p.leaves, content)
	return h, func(w *message.Writer) {
		if _, err := w.Write(content); err != nil {
			p.t.Fatal(err)
		}
		p.close(w)
	}
}

func (p *packer) close(w io.Closer) {
	if err := w.Close(); err != nil {
		p.t.Fatal(err)
	}
}

// Laws, for any header: a summary's texts are bounded, printable and one line; its addresses and identifier are visible ASCII.
func FuzzSummarize(f *testing.F) {
	for _, mail := range seedMails() {
		f.Add([]byte(mail))
	}
	f.Add([]byte("From: =?utf-8?q?A=0D=0ABcc:_x?= <a@b>\r\nTo: a@b, \"c\\\"\"@d\r\nMessage-ID: <x@y>\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n"))
	f.Add([]byte("Subject: =?iso-8859-1?b?/////w==?= \x1b[31m \u202e\r\nFrom: x\x00y <\"a b\"@c>\r\n\r\n"))
	f.Fuzz(func(t *testing.T, mail []byte) {
		s := Summarize(bytes.NewReader(mail))
		for _, text := range []string{s.From, s.Subject} {
			if text != Printable(text, maxShown+1) || len([]rune(text)) > maxShown+1 {
				t.Errorf("text %q", text)
			}
		}
		list := s.Recipients
		if s.Sender != nil {
			list = append(list, s.Sender)
		}
		for _, a := range list {
			if !isVisible(a.Address) || len(a.Address) > maxAddress || a.Name != Printable(a.Name, maxShown+1) {
				t.Errorf("address %q", a)
			}
		}
		if len(s.Recipients) > maxRecipients || !isVisible(s.MessageID) || len(s.MessageID) > maxMessageID {
			t.Errorf("%d recipients, message id %q", len(s.Recipients), s.MessageID)
		}
	})
}
