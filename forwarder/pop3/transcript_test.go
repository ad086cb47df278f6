package pop3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"mirrorgw/scanner"
)

// A transcript in testdata/*.txt is one session, a step per line. TEXT stands for a line ended by CRLF; in Go's quotes for
// octets as they are, "…"*N for N times those.
//
//	# comment
//	config: stls=pass not-pop3=pass spool.memory=N spool.max=N drip=DURATION budget=DURATION judge.takes=DURATION   before the session
//	judge: ACTION…                                 one per message judged, the last one from then on; deliver when absent
//	edit: "…" -> "…"   what the judge has changed in each mail delivered, in order
//	C: TEXT            the client sends TEXT, and the server gets it
//	C> TEXT            the client sends TEXT, and the server gets nothing of it
//	S: TEXT            the server sends TEXT, and the client gets it
//	S> TEXT            the server sends TEXT, and the client gets nothing of it
//	client gets: TEXT  from the gateway; "notice" for the whole notice
//	server gets: TEXT  from the gateway
//	client waits       it has nothing of what the server has sent since the client's last line
//	client has all     it has what it was to get so far, and no more
//	server waits       it has got no more than it was to get so far
//	C ends, S ends     FIN;  C closes: no more reading either;  C resets, S resets
//	sleep: DURATION
//	client sees: end | reset;  server sees: end | reset
//	judged: TEXT       the next judgement was of this content; judged head: of this content, which was not complete
//	said: LINE | LINE  what had been said in the session by then, without the times
//	user: NAME         the origin of that judgement; login: NAME its login
//	error: TEXT        the session's error has this in it; the session is over. "none": over without error
//	counters: NAME=N…  at the end
//	released: USER ID "…"   before the session: a mail waits for USER; an ID of broken cannot be read
//	consumed: ID…      these have been, no others
//	modes: written     not one octet per write, and not all at once
type transcript struct {
	name  string
	steps []step
	judge Judge // nil: one that rules as the transcript says
}

type step struct {
	line int
	kind string
	text string
}

// texts are the steps whose text is octets.
var octetSteps = []string{"C:", "C>", "S:", "S>", "client gets:", "server gets:", "judged:", "judged head:"}

var otherSteps = []string{
	"config:", "judge:", "mark:", "edit:", "client waits", "client has all", "server waits", "C ends", "S ends", "C closes", "C resets", "S resets",
	"released:", "consumed:", "sleep:", "client sees:", "server sees:", "said:", "user:", "login:", "error:", "counters:", "modes:",
}

func readTranscript(t *testing.T, path string) transcript {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tr := transcript{name: strings.TrimSuffix(filepath.Base(path), ".txt")}
	for i, line := range strings.Split(string(file), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		s := step{line: i + 1}
		for _, kind := range slices.Concat(octetSteps, otherSteps) {
			if rest, ok := strings.CutPrefix(line, kind); ok {
				s.kind, s.text = kind, strings.TrimPrefix(rest, " ")
			}
		}
		if s.kind == "" {
			t.Fatalf("%s:%d: unknown step %q", path, i+1, line)
		}
		if slices.Contains(octetSteps, s.kind) {
			s.text = octets(t, s.text)
		}
		tr.steps = append(tr.steps, s)
	}
	return tr
}

// octets returns what TEXT stands for.
func octets(t *testing.T, text string) string {
	t.Helper()
	if text == "notice" {
		return wireNotice
	}
	if !strings.HasPrefix(text, `"`) {
		return text + "\r\n"
	}
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	raw, err := strconv.Unquote(quoted)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	times := 1
	if n, ok := strings.CutPrefix(text[len(quoted):], "*"); ok {
		if times, err = strconv.Atoi(n); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Repeat(raw, times)
}

func (tr transcript) all(kind string) []string {
	var texts []string
	for _, s := range tr.steps {
		if s.kind == kind {
			texts = append(texts, s.text)
		}
	}
	return texts
}

func TestTranscripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		tr := readTranscript(t, path)
		t.Run(tr.name, func(t *testing.T) {
			modes := []string{"written", "octets", "at-once"}
			if only := tr.all("modes:"); len(only) > 0 {
				modes = strings.Fields(only[0])
			}
			for _, mode := range modes {
				t.Run(mode, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { play(t, tr, mode) })
				})
			}
		})
	}
}

// TestTranscriptsAreThere fails when a transcript is lost, and when one that nobody asked for turns up: the rows of the
// list of protocol pitfalls that apply to this package, and what else a session must do.
func TestTranscriptsAreThere(t *testing.T) {
	want := strings.Fields(`
		p01-multiline p01-unknown p02-terminator p03-stuffing p04-lf-only p04-lf-body p04-lf-mixed p04-cr-dot p04-lf-commands p05-octets p05-commands p06-long-line p07-truncated p07-end-cut g6-edit g6-edit-pad
		p08-capa p09-capa-pass p10-in-order p10-top i3-mark i3-mark-pad p11-apop p11-greeting-err p11-names-after-login p12-auth p12-auth-list p12-auth-login p12-auth-names p13-stls-hide p13-stls-pass
		p13-stls-refused p13-stls-inject-client p13-stls-inject-server p14-unstuffed p15-utf8 p16-resp-codes p16-no-codes p16-forgotten
		p17-order p18-pipeline p18-dele-quit p18-bad-behind-login p19-no-quit p19-quit p19-quit-half-close p20-rset p20-rset-withheld p20-dele-refused p21-client-gone p22-keep-alive
		p22-local-behind p22-noop-unanswered p22-within-body p22-not-before-login p22-server-gone p23-replace p24-sizes p24-unpadded p24-pad p24-pad-short p24-pad-drip p25-tag p26-top-zero
		p26-top-zero-body p26-top-lines p26-top-notice p26-top-first p26-top-tagged p27-too-large p27-too-large-tag p27-too-large-cut
		p27-drip-retry p27-drip-silent p28-drip p28-wait p28-long-field p28-replace p29-budget p29-next p29-budget-judge p30-uidl p31-dele p31-dele-several p31-dele-withheld
		p32-retry p33-notice p34-judged-anew p35-last-xtnd p35-capabilities p37-half-close p37-half-close-retr p37-reset-client p37-reset-server p38-autologout p38-command p38-login p38-login-total
		p38-login-server p38-sasl p39-server p39-server-short p39-silent p39-client p39-server-pass p39-silent-pass p39-client-pass p39-early-commands p40-silent p42-prefix p40-slow-message
		session-bad-commands session-long-command session-malformed session-unsolicited session-after-quit session-silence session-long-status session-long-capa
		session-bad-sasl session-said
		released-all released-apop released-auth-cram released-auth-login-asked-again released-auth-login
		released-auth-plain-other released-auth-plain released-auth-refused released-empty released-last released-late-pass
		released-lf-only released-listing-refused released-login-refused released-no-count released-no-quit released-others
		released-quit-no-wait released-quit-refused released-quit-unanswered released-rset-refused released-rset
		released-server-has-it released-short released-stuck released-torn released-two released-two-names released-unreadable`)
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	there := make(map[string]bool)
	for _, path := range paths {
		tr := readTranscript(t, path)
		there[tr.name] = true
		if len(tr.all("S:"))+len(tr.all("S>")) == 0 {
			t.Errorf("%s: the server says nothing", tr.name)
		}
	}
	for _, name := range want {
		if !there[name] {
			t.Errorf("testdata/%s.txt is missing", name)
		}
		delete(there, name)
	}
	if found, _ := filepath.Glob("testdata/fuzz/*/*"); len(found) == 0 {
		t.Error("the inputs that fuzzing has found are missing")
	}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		t.Errorf("testdata/%s.txt is not in the list of this test", name)
	}
}

// stage is one run of a transcript.
type stage struct {
	t              *testing.T
	mode           string
	relay          *Relay
	judge          *clerk
	client, server *party
	toClient       strings.Builder // what the client is to get
	toServer       strings.Builder
	before         int // length of toClient at the client's last line
	judged         int // judgements looked at
	result         chan error
	over           bool
	reply          strings.Builder // what the server says in one write
}

// play runs one transcript in a bubble.
func play(t *testing.T, tr transcript, mode string) {
	st := newStage(t, tr, mode)
	if mode == "at-once" {
		st.client.writes <- []byte(strings.Join(slices.Collect(func(yield func(string) bool) {
			for _, s := range tr.steps {
				if (s.kind == "C:" || s.kind == "C>") && !yield(s.text) {
					return
				}
			}
		}), ""))
	}
	for i, s := range tr.steps {
		st.step(s)
		if i+1 == len(tr.steps) || !strings.HasPrefix(tr.steps[i+1].kind, "S") {
			st.say()
		}
		if t.Failed() {
			t.Logf("at line %d", s.line)
			break
		}
	}
	synctest.Wait()
	st.compare(true)
	st.close()
	for _, text := range tr.all("counters:") {
		got := reflect.ValueOf(st.relay.Counters())
		for pair := range strings.FieldsSeq(text) {
			name, n, _ := strings.Cut(pair, "=")
			if v := got.FieldByName(name); !v.IsValid() || fmt.Sprint(v.Uint()) != n {
				t.Errorf("counter %s is %v, want %s", name, v, n)
			}
		}
	}
	if got := st.relay.Counters().SessionsActive; got != 0 {
		t.Errorf("%d sessions are active after the end", got)
	}
}

func newStage(t *testing.T, tr transcript, mode string) *stage {
	cfg := Config{}
	judge := &clerk{}
	for _, text := range tr.all("config:") {
		for pair := range strings.FieldsSeq(text) {
			name, value, _ := strings.Cut(pair, "=")
			n, _ := strconv.ParseInt(value, 10, 64)
			d, _ := time.ParseDuration(value)
			switch name {
			case "drip":
				cfg.Drip = d
			case "budget":
				cfg.Budget = d
			case "judge.takes":
				judge.hook = func(ctx context.Context) {
					select {
					case <-time.After(d): // the bubble's clock
					case <-ctx.Done():
					}
				}
			case "stls":
				cfg.STLS = Pass
			case "pad":
				cfg.Pad = true
			case "not-pop3":
				cfg.NotPOP3 = PassNotPOP3
			case "spool.memory":
				cfg.Spool.Memory = n
			case "spool.max":
				cfg.Spool.Max = n
			default:
				t.Fatalf("unknown setting %s", name)
			}
		}
	}
	cfg.Spool.Dir = t.TempDir()
	for _, text := range tr.all("judge:") {
		for name := range strings.FieldsSeq(text) {
			action := map[string]scanner.Action{"deliver": scanner.Deliver, "tag": scanner.Tag, "replace": scanner.Replace, "retry": scanner.Retry}
			judge.actions = append(judge.actions, action[name])
		}
	}
	for _, text := range tr.all("mark:") {
		judge.mark.Field, judge.mark.Subject, _ = strings.Cut(text, " | ")
	}
	for _, text := range tr.all("edit:") {
		old, instead, _ := strings.Cut(text, " -> ")
		judge.edits = append(judge.edits, [2]string{octets(t, old), octets(t, instead)})
	}
	if texts := tr.all("released:"); len(texts) > 0 {
		cfg.Releases = newOutbox(t, texts)
	}
	cfg.Judge = judge
	if tr.judge != nil {
		cfg.Judge = tr.judge
	}
	relay, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	st := open(t.Context(), t, relay)
	st.mode, st.judge = mode, judge
	return st
}

// open starts a session.
func open(ctx context.Context, t *testing.T, relay *Relay) *stage {
	st := &stage{t: t, relay: relay}
	var clientEnd, serverEnd *conn
	clientEnd, serverEnd, st.result = serve(ctx, relay)
	st.client, st.server = newParty(clientEnd), newParty(serverEnd)
	return st
}

func (st *stage) step(s step) {
	t := st.t
	switch s.kind {
	case "C:", "C>":
		if s.kind == "C:" {
			st.toServer.WriteString(s.text)
		}
		st.before = st.toClient.Len()
		if st.mode != "at-once" {
			st.write(st.client, s.text)
		}
	case "S:", "S>":
		if s.kind == "S:" {
			st.toClient.WriteString(s.text)
		}
		st.reply.WriteString(s.text)
	case "client gets:":
		st.toClient.WriteString(s.text)
	case "server gets:":
		st.toServer.WriteString(s.text)
	case "client waits":
		synctest.Wait()
		if got, _ := st.client.received(); st.mode != "at-once" && len(got) != st.before {
			t.Errorf("client has %q already", got[min(st.before, len(got)):])
		}
	case "client has all":
		st.say()
		synctest.Wait()
		if got, _ := st.client.received(); got != st.toClient.String() {
			t.Errorf("client has %q, want %q", got, st.toClient.String())
		}
	case "server waits":
		synctest.Wait()
		if got, _ := st.server.received(); len(got) > st.toServer.Len() {
			t.Errorf("server has %q already", got[st.toServer.Len():])
		}
	case "C ends":
		synctest.Wait()
		st.client.conn.CloseWrite()
	case "S ends":
		st.say()
		st.server.conn.CloseWrite()
	case "C closes":
		synctest.Wait()
		st.client.conn.Close()
	case "C resets":
		synctest.Wait()
		st.client.conn.SetLinger(0)
		st.client.conn.Close()
	case "S resets":
		st.say()
		st.server.conn.SetLinger(0)
		st.server.conn.Close()
	case "sleep:":
		d, err := time.ParseDuration(s.text)
		if err != nil {
			t.Fatal(err)
		}
		st.say()
		time.Sleep(d) // the bubble's clock
		synctest.Wait()
	case "client sees:":
		st.sees("client", st.client, s.text)
	case "server sees:":
		st.sees("server", st.server, s.text)
	case "consumed:":
		synctest.Wait()
		if got := st.relay.cfg.Releases.(*outbox).consumption(); got != s.text {
			t.Errorf("consumed are %q, want %q", got, s.text)
		}
	case "judged:", "judged head:", "said:", "user:", "login:":
		synctest.Wait()
		st.judgement(s)
	case "error:":
		synctest.Wait()
		time.Sleep(lingerRead + time.Second) // the bubble's clock
		select {
		case err := <-st.result:
			st.over = true
			if s.text == "none" && err != nil || s.text != "none" && (err == nil || !strings.Contains(err.Error(), s.text)) {
				t.Errorf("session ended with %v, want %s", err, s.text)
			}
		default:
			t.Error("the session is not over")
		}
	}
	st.compare(false)
}

// write has a party send text as the mode says.
func (st *stage) write(p *party, text string) {
	if st.mode == "octets" && len(text) < 4096 {
		for i := range len(text) {
			p.writes <- []byte{text[i]}
		}
	} else {
		p.writes <- []byte(text)
	}
	synctest.Wait()
}

// say has the server say what it has to, once it has got the commands so far.
func (st *stage) say() {
	if st.reply.Len() == 0 {
		return
	}
	synctest.Wait()
	if got, _ := st.server.received(); len(got) < st.toServer.Len() {
		st.t.Errorf("server is to answer and has got only %q of %q", got, st.toServer.String())
	}
	text := st.reply.String()
	st.reply.Reset()
	st.write(st.server, text)
}

// compare checks that client and server have got what they should, or, when not all is done, the beginning of it.
func (st *stage) compare(all bool) {
	for _, side := range []struct {
		name string
		p    *party
		want string
	}{{"client", st.client, st.toClient.String()}, {"server", st.server, st.toServer.String()}} {
		got, _ := side.p.received()
		if all && got != side.want || !strings.HasPrefix(side.want, got) && !strings.HasPrefix(got, side.want) {
			st.t.Errorf("%s has got\n%.2000q\nwant\n%.2000q", side.name, got, side.want)
		}
	}
}

func (st *stage) sees(name string, p *party, end string) {
	synctest.Wait()
	time.Sleep(closeWait + time.Second) // the bubble's clock
	_, err := p.received()
	if end == "end" && err != io.EOF || end == "reset" && !errors.Is(err, syscall.ECONNRESET) {
		st.t.Errorf("%s sees %v, want %s", name, err, end)
	}
}

func (st *stage) judgement(s step) {
	st.judge.mu.Lock()
	defer st.judge.mu.Unlock()
	if s.kind == "login:" {
		if st.judged == 0 || st.judge.seen[st.judged-1].origin.Login != s.text {
			st.t.Errorf("origins are %+v, want login %s", st.judge.seen, s.text)
		}
		return
	}
	if s.kind == "user:" {
		if st.judged == 0 || st.judge.seen[st.judged-1].origin.User != s.text {
			st.t.Errorf("origins are %+v, want user %s", st.judge.seen, s.text)
		}
		return
	}
	if s.kind == "said:" {
		var said []string
		if st.judged > 0 {
			said = slices.Clone(st.judge.seen[st.judged-1].said)
		}
		for i := range said {
			_, said[i], _ = strings.Cut(said[i], " ")
		}
		if got := strings.Join(said, " | "); got != s.text {
			st.t.Errorf("said\n%s\nwant\n%s", got, s.text)
		}
		return
	}
	if st.judged >= len(st.judge.seen) {
		st.t.Errorf("%d judgements, want one more", len(st.judge.seen))
		return
	}
	got := st.judge.seen[st.judged]
	st.judged++
	if got.mail != s.text || got.complete != (s.kind == "judged:") {
		st.t.Errorf("judged %.2000q, complete %v", got.mail, got.complete)
	}
	if got.origin.Client.String() != "192.168.1.17:1031" || got.origin.Server.String() != "203.0.113.5:110" || got.origin.Protocol != "pop3" {
		st.t.Errorf("origin is %+v", got.origin)
	}
}

// close ends what is left of the session and waits for it.
func (st *stage) close() {
	st.client.close()
	st.server.close()
	if !st.over {
		<-st.result // how a session ends that the test tears down is no part of the transcript
	}
	synctest.Wait()
}
