package scanner

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// parts writes short entities.
type parts struct{ fail error }

func (p parts) ComposeFields(Item, string) ([]byte, error) {
	return []byte("Subject: changed\r\nMessage-ID: <new@example.org>\r\n"), p.fail
}

func (p parts) ComposePart(item Item, id, name string) ([]byte, error) {
	var rules []string
	for _, f := range item.Verdict.Findings {
		rules = append(rules, f.String())
	}
	return fmt.Appendf(nil, "Content-Type: text/plain\r\n\r\nremoved %q %s %s\r\n", name, strings.Join(rules, ","), id), p.fail
}

// trimmedBy returns what a judge that keeps the rest of mails sends in place of one.
func trimmedBy(t testing.TB, p PartComposer, text string, incomplete bool) (Ruling, *bench) {
	t.Helper()
	b := newBench(t, nil, &seeker{needle: payload})
	judge, err := b.judge.Successor(JudgeConfig{Scanner: b.judge.scanner, Keeper: b.keeper, Composer: b.composer, Parts: p, Log: b.judge.log, Now: b.judge.now})
	if err != nil {
		t.Fatal(err)
	}
	b.judge = judge
	return judge.Judge(t.Context(), origin(), newMail(t, text), !incomplete), b
}

// mixed is a mail of three parts, the second a multipart, in which one leaf is infected.
func mixed() string {
	return crlf(`Received: from a
	by b
Return-Path: <a@example.org>
DKIM-Signature: v=1;
 b=abc
Subject: hello
ARC-Seal: i=1
DomainKey-Signature: a=1
Content-MD5: x
Content-Length: 5
Lines: 3
Content-Type: multipart/mixed; boundary="out er"
From: a@example.org
X-Mirrorgw-Verdict: clean
Message-ID: <old@example.org>
Authentication-Results: x

preamble
--out er
Content-Type: text/plain; charset=utf-8

Hällo.
--not a boundary
.dot
--out er
Content-Type: multipart/alternative; boundary=in

--in

plain
--in
Content-Type: application/x-evil; name="a b.exe"
Content-Transfer-Encoding: base64

` + base64.StdEncoding.EncodeToString([]byte(payload)) + `
--in--
between
--out er
Content-Type: application/octet-stream
Content-Transfer-Encoding: base64

aGFybWxlc3M=

--out er--
epilogue
`)
}

// Only the part with the finding changes; everything else is there octet by octet.
func TestKeepRest(t *testing.T) {
	text := mixed()
	r, b := trimmedBy(t, parts{}, text, false)
	header, body, _ := strings.Cut(text, "\r\n\r\n")
	for _, gone := range []string{"DKIM-Signature: v=1;\r\n b=abc\r\n", "Subject: hello\r\n", "ARC-Seal: i=1\r\n", "DomainKey-Signature: a=1\r\n", "Content-MD5: x\r\n", "Content-Length: 5\r\n", "Lines: 3\r\n", "X-Mirrorgw-Verdict: clean\r\n", "Message-ID: <old@example.org>\r\n"} {
		header = strings.Replace(header, gone, "", 1)
	}
	header = strings.Replace(header, "\r\nAuthentication-Results: x", "", 1)
	evil, rest, _ := strings.Cut(body[strings.Index(body, "Content-Type: application/x-evil"):], "--in--")
	want := header + "\r\nSubject: changed\r\nMessage-ID: <new@example.org>\r\n\r\n" + body[:len(body)-len(evil)-len("--in--")-len(rest)] +
		"Content-Type: text/plain\r\n\r\nremoved \"a b.exe\" seeker:Needle@2.2 0123456789ab\r\n--in--" + rest
	if r.Action != Replace || !r.KeptRest || string(r.Notice) != want {
		t.Errorf("%+v\ngot  %q\nwant %q", r.Action, r.Notice, want)
	}
	if len(b.keeper.mails) != 1 || b.keeper.mails[0] != text {
		t.Error("the original is not in quarantine")
	}
	if c := b.judge.Counters(); c.KeptRest != 1 || c.Replaced != 1 || c.Clean != 0 || c.Infected != 1 {
		t.Errorf("%+v", c)
	}
	if b.messageLine(t)["kept_rest"] != true {
		t.Error("not logged")
	}
}

// What two readers may take differently, and what would not be clean, is replaced as a whole.
func TestWholeMailIsReplaced(t *testing.T) {
	text := mixed()
	var long strings.Builder // of which as much is read as can be understood
	for i := range 2000 {
		fmt.Fprintf(&long, ";\r\n p%04d=x", i)
	}
	for name, changed := range map[string]string{
		"one part":                    infectedMail,
		"bare LF":                     strings.Replace(text, "plain\r\n", "plain\n", 1),
		"bare CR":                     strings.Replace(text, "plain\r\n", "pl\rain\r\n", 1),
		"not closed":                  strings.Replace(text, "--out er--\r\nepilogue\r\n", "", 1),
		"inner not closed":            strings.Replace(text, "--in--\r\n", "", 1),
		"two types":                   strings.Replace(text, "Content-Type: text/plain; charset=utf-8\r\n", strings.Repeat("Content-Type: text/plain; charset=utf-8\r\n", 2), 1),
		"type not well-formed":        strings.Replace(text, "multipart/alternative; boundary=in", "multipart/alternative; boundary=in; a=b c", 1),
		"header with other lines":     strings.Replace(text, "--in\r\n\r\nplain", "--in\r\nX-A: b\r\nhello\r\n\r\nplain", 1),
		"blank before colon":          strings.Replace(text, "Received: from a", "Received : from a", 1),
		"envelope line":               "From a@example.org\r\n" + text,
		"blank line with blanks":      strings.Replace(text, "base64\r\n\r\naGF", "base64\r\n \r\naGF", 1),
		"boundaries alike":            strings.NewReplacer("boundary=in", "boundary=\"out erer\"", "--in", "--out erer").Replace(text),
		"inner boundary is longer":    strings.NewReplacer("boundary=in", "boundary="+strings.Repeat("i", 71), "--in", "--"+strings.Repeat("i", 71)).Replace(text),
		"inner boundary is shorter":   strings.NewReplacer("boundary=in", "boundary=out", "--in", "--out").Replace(text),
		"type longer than is read":    strings.Replace(text, "text/plain; charset=utf-8", "text/plain"+long.String(), 1),
		"wrong in what would go":      strings.Replace(text, `application/x-evil; name="a b.exe"`+"\r\nContent-Transfer-Encoding: base64\r\n\r\n", "message/partial; id=a; number=1\r\n\r\n"+payload+"\r\n", 1),
		"in preamble too":             strings.Replace(text, "preamble", "preamble "+payload, 1),
		"in header too":               strings.Replace(text, "Received: from a", "Received: from "+payload, 1),
		"no last line end":            strings.TrimSuffix(text, "\r\n"),
		"something else wrong":        strings.Replace(text, "--out er--", "--out er\r\nContent-Type: message/partial\r\n\r\n--out er--", 1),
		"more left than is held":      strings.Replace(text, "epilogue", strings.Repeat("x", maxTrimmed), 1),
		"header longer than is held":  strings.Replace(text, "--in\r\n\r\nplain", "--in\r\nX-Long: "+strings.Repeat("x\r\n ", maxTrimmedHeader/4)+"x\r\n\r\nplain", 1),
		"line longer than is read":    strings.Replace(text, "--in\r\n\r\nplain", "--in\r\nX-Long: "+strings.Repeat("x", 2*lineBuffer)+"\r\n\r\nplain", 1),
		"payload outside of any part": strings.Replace(text, "between", payload, 1),
	} {
		if changed == text {
			t.Fatalf("%s: nothing was changed", name)
		}
		r, b := trimmedBy(t, parts{}, changed, false)
		if r.Action != Replace || r.KeptRest || string(r.Notice) != "notice about "+b.keeper.items[0].Summary.Subject || b.judge.Counters().KeptRest != 0 {
			t.Errorf("%s: %s, kept %t", name, r.Action, r.KeptRest)
		}
	}
	if r, _ := trimmedBy(t, parts{errors.New("template")}, text, false); r.Action != Replace || r.KeptRest {
		t.Errorf("no text for a part: %s", r.Action)
	}
}

// The tenth part is not the first.
func TestKeepRestOfTenParts(t *testing.T) {
	var text strings.Builder
	text.WriteString("Content-Type: multipart/mixed; boundary=b\r\n\r\n")
	for i := range 10 {
		fmt.Fprintf(&text, "--b\r\n\r\npart %d\r\n", i+1)
	}
	text.WriteString(payload + "\r\n--b--\r\n")
	r, _ := trimmedBy(t, parts{}, text.String(), false)
	if !r.KeptRest || strings.Count(string(r.Notice), "removed ") != 1 || strings.Count(string(r.Notice), "part ") != 9 {
		t.Errorf("kept %t, %q", r.KeptRest, r.Notice)
	}
}

// A rest that no engine answers about is not kept, and the mail is replaced all the same.
func TestRestThatCannotBeJudged(t *testing.T) {
	b := newBench(t, nil, &seeker{needle: payload, fail: func(p *Part) error {
		if content, _ := p.Region(); strings.Contains(string(content), "removed ") {
			return errDown
		}
		return nil
	}})
	judge, err := b.judge.Successor(JudgeConfig{Scanner: b.judge.scanner, Keeper: b.keeper, Composer: b.composer, Parts: parts{}})
	if err != nil {
		t.Fatal(err)
	}
	if r := judge.Judge(t.Context(), origin(), newMail(t, mixed()), true); r.Action != Replace || r.KeptRest || r.ID == "" {
		t.Errorf("%s, kept %t", r.Action, r.KeptRest)
	}
}

// Each of several parts with the same content is replaced.
func TestKeepRestOfTwins(t *testing.T) {
	const twin = "\r\n\r\n" + payload + "\r\n--out er"
	r, _ := trimmedBy(t, parts{}, strings.Replace(mixed(), "--out er--", "--out er"+twin+twin+"--", 1), false)
	if !r.KeptRest || strings.Contains(string(r.Notice), payload) || strings.Count(string(r.Notice), "removed ") != 3 {
		t.Errorf("kept %t, %q", r.KeptRest, r.Notice)
	}
}

// The rest of a mail is held in the spool's memory until the ruling is closed. Where there is none left, the whole mail is replaced.
func TestKeptRestIsInTheQuota(t *testing.T) {
	for _, c := range []struct {
		memory int64
		needle string
		kept   bool
		noRoom uint64
	}{{0, payload, true, 0}, {1 << 20, payload, true, 0}, {5 << 10, payload, false, 1}, {1 << 20, "o", false, 0}} {
		b := newBench(t, nil, &seeker{needle: c.needle})
		quota := &Quota{}
		quota.SetLimits(c.memory, 0)
		scanner, err := New(Config{Engines: []Engine{&seeker{needle: c.needle}}, Spool: Spool{Quota: quota}})
		if err != nil {
			t.Fatal(err)
		}
		judge, err := NewJudge(JudgeConfig{Scanner: scanner, Keeper: b.keeper, Composer: b.composer, Parts: parts{}})
		if err != nil {
			t.Fatal(err)
		}
		r := judge.Judge(t.Context(), origin(), newMail(t, strings.Replace(mixed(), "epilogue", strings.Repeat("x", 10<<10), 1)), true)
		held := int64(0)
		if c.kept {
			held = int64(cap(r.Notice))
		}
		if got := quota.Counters().Memory; r.Action != Replace || r.KeptRest != c.kept || judge.Counters().NoRoomForRest != c.noRoom || got != held {
			t.Errorf("of %d octets %d are held, want %d; %s, kept %t, %+v", c.memory, got, held, r.Action, r.KeptRest, judge.Counters())
		}
		r.Close()
		if got := quota.Counters().Memory; got != 0 {
			t.Errorf("%d octets are held when the ruling is closed", got)
		}
	}
}

// What is inside a part, a message or an archive, is in that part.
func TestFindingsInsideAPart(t *testing.T) {
	text := crlf("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n--b\nContent-Type: message/rfc822\n\nSubject: inner\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\n" +
		payload + "\n--c--\n--b--\n")
	r, _ := trimmedBy(t, parts{}, text, false)
	if !r.KeptRest || !strings.Contains(string(r.Notice), "seeker:Needle@2,seeker:Needle@2.1") || strings.Contains(string(r.Notice), "inner") {
		t.Errorf("%t %s", r.KeptRest, r.Notice)
	}
	for part, want := range map[string]string{"1.2": "1.2", "1.2/3": "1.2", "1.2/3/4": "1.2", "": "", "/5": ""} {
		if got := (Finding{Part: part}).part(); got != want {
			t.Errorf("%q is in part %q, want %q", part, got, want)
		}
	}
}

// Law: what is left of a mail is clean, every line of it ends in CRLF, and but for what was replaced it holds no content that
// the mail did not hold.
func FuzzKeepRest(f *testing.F) {
	f.Add(mixed())
	f.Add(infectedMail)
	f.Add(crlf("Content-Type: multipart/mixed; boundary=b\n\n--b\n\n" + payload + "\n--b\n\nother\n--b--\n"))
	f.Fuzz(func(t *testing.T, text string) {
		r, _ := trimmedBy(t, parts{}, text, false)
		if !r.KeptRest {
			return
		}
		rest := string(r.Notice)
		if bare := strings.ReplaceAll(rest, "\r\n", ""); strings.ContainsAny(bare, "\r\n") || !strings.HasSuffix(rest, "\r\n") {
			t.Errorf("line ends: %q", rest)
		}
		held := func(text string) map[string]bool {
			engine := &seeker{needle: payload}
			v := newScanner(t, Limits{}, engine).Scan(t.Context(), newMail(t, text), true)
			if text == rest && v.Class != Clean {
				t.Errorf("%s: %q", v.Class, rest)
			}
			contents := make(map[string]bool)
			for _, asked := range engine.parts() {
				contents[asked] = true
			}
			return contents
		}
		before := held(text)
		for part := range held(rest) {
			if !before[part] && !strings.Contains(part, "removed ") {
				t.Errorf("%s is new in\n%s\nof\n%s", part, rest, text)
			}
		}
	})
}
