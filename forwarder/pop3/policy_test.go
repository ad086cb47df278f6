package pop3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"mirrorgw/scanner"
)

// The mails that are judged unclean for one cause each, as the server sends them. A cause without one fails TestPolicies.
var unclean = map[scanner.Cause]string{
	scanner.CauseInfected:  "Subject: x\r\n\r\nneedle\r\n",
	scanner.CauseEncrypted: "Subject: x\r\n\r\nlocked\r\n",
	scanner.CauseOversize:  "Subject: x\r\n\r\n" + strings.Repeat("0123456789\r\n", 200),
	scanner.CausePartial:   "Content-Type: message/partial; id=a; number=1\r\n\r\npiece\r\n",
	scanner.CauseMalformed: "Content-Type: multipart/mixed; boundary=" + strings.Repeat("b", 1001) + "\r\n\r\nno such boundary\r\n",
	scanner.CauseBudget:    "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ndeep\r\n",
	scanner.CauseError:     "Subject: x\r\n\r\n..crash\r\n", // with a dot that is stuffed
}

// probe is an engine and an opener that go by words in the content.
type probe struct{}

func (probe) Name() string { return "probe" }

func (probe) Scan(_ context.Context, part *scanner.Part) (scanner.Findings, error) {
	content, _ := part.Region()
	switch {
	case bytes.Contains(content, []byte("needle")):
		return scanner.Findings{{Engine: "probe", Rule: "Needle", Part: part.Path}}, nil
	case bytes.Contains(content, []byte("crash")):
		return nil, errors.New("down")
	}
	return nil, nil
}

func (probe) Open(_ context.Context, part *scanner.Part, out scanner.Contents) error {
	if content, _ := part.Region(); bytes.Contains(content, []byte("locked")) {
		out.Note(scanner.CauseEncrypted, "a password is wanted")
	}
	return nil
}

// shelf keeps mails in memory and writes a short notice for each.
type shelf struct{ kept []string }

func (s *shelf) Keep(_ context.Context, _ scanner.Item, mail io.Reader) (string, error) {
	text, err := io.ReadAll(mail)
	s.kept = append(s.kept, string(text))
	return "0123456789ab", err
}

func (s *shelf) Compose(item scanner.Item, id string) ([]byte, error) {
	return fmt.Appendf(nil, "Subject: [mirrorgw]\r\n\r\n%s, see %s\r\n", item.Cause, id), nil
}

// TestPolicies has every cause meet every action, between a client and a server: what the client gets, what is kept, and that
// the session goes on. In shadow mode the client gets all of them as they came.
func TestPolicies(t *testing.T) {
	for cause := range scanner.DefaultPolicy() {
		wire, there := unclean[cause]
		if !there {
			t.Errorf("no mail whose cause is %s", cause)
			continue
		}
		mail := strings.ReplaceAll(wire, "\r\n.", "\r\n")
		class := "unscannable; cause=" + string(cause)
		if cause == scanner.CauseInfected {
			class = "infected; finding=probe:Needle"
		}
		body := "+OK message\r\n" + wire + ".\r\n"
		for action, want := range map[scanner.Action]string{
			scanner.Deliver: "",
			scanner.Tag:     "+OK message follows\r\nX-Mirrorgw-Verdict: " + class + "\r\n" + wire + ".\r\n",
			scanner.Replace: "+OK message follows\r\nSubject: [mirrorgw]\r\n\r\n" + string(cause) + ", see 0123456789ab\r\n.\r\n",
			scanner.Retry:   "-ERR " + refuseMessage,
		} {
			for _, shadow := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s shadow=%t", cause, action, shadow), func(t *testing.T) {
					counted := map[scanner.Action]string{scanner.Deliver: "Delivered", scanner.Tag: "Tagged", scanner.Replace: "Replaced", scanner.Retry: "Retried"}[action]
					if shadow {
						counted = "Delivered"
					}
					tr := transcript{steps: []step{{kind: "counters:", text: strings.Replace("Delivered=0 Tagged=0 Replaced=0 Retried=0", counted+"=0", counted+"=1", 1)}, {kind: "S:", text: "+OK ready\r\n"}, {kind: "C:", text: "RETR 1\r\n"}}}
					if shadow || action == scanner.Deliver {
						tr.steps = append(tr.steps, step{kind: "S:", text: body})
					} else {
						tr.steps = append(tr.steps, step{kind: "S>", text: body}, step{kind: "client gets:", text: want})
					}
					tr.steps = append(tr.steps, step{kind: "C:", text: "NOOP\r\n"}, step{kind: "S:", text: "+OK\r\n"})
					for _, mode := range []string{"written", "octets", "at-once"} {
						synctest.Test(t, func(t *testing.T) {
							shelf := &shelf{}
							policy := scanner.DefaultPolicy()
							policy[cause] = action
							tr.judge = newJudge(t, shelf, policy, shadow)
							play(t, tr, mode)
							if kept := !shadow && action == scanner.Replace; (len(shelf.kept) == 1) != kept || kept && shelf.kept[0] != mail {
								t.Errorf("%s: kept %q", mode, shelf.kept)
							}
						})
					}
				})
			}
		}
	}
}

// ruled is a judge that always rules the same.
type ruled scanner.Ruling

func (r ruled) Judge(context.Context, scanner.Origin, *scanner.Buffer, bool) scanner.Ruling {
	return scanner.Ruling(r)
}

// A ruling that cannot be carried out as it is refuses the mail: nothing of it passes, and nothing is put before it that is no line.
func TestRulingsThatCannotBeCarriedOut(t *testing.T) {
	for name, ruling := range map[string]scanner.Ruling{
		"no tag":                 {Action: scanner.Tag},
		"a tag of two lines":     {Action: scanner.Tag, Tag: []byte("A: b\r\nC: d\r\n")},
		"a tag with a bare LF":   {Action: scanner.Tag, Tag: []byte("A: b\nC: d\r\n")},
		"a tag with a NUL":       {Action: scanner.Tag, Tag: []byte("A: b\x00\r\n")},
		"a tag that ends in LF":  {Action: scanner.Tag, Tag: []byte("A: b\n")},
		"a tag that is a dot":    {Action: scanner.Tag, Tag: []byte(".\r\n")},
		"a tag that is an end":   {Action: scanner.Tag, Tag: []byte("\r\n")},
		"no notice":              {Action: scanner.Replace},
		"an action there is not": {Action: scanner.Deliver + 1, Tag: []byte("A: b\r\n"), Notice: []byte("A: b\r\n")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := openWith(t.Context(), t, Config{Judge: ruled(ruling)})
				st.send(st.server, "+OK ready\r\n")
				st.send(st.client, "RETR 1\r\nNOOP\r\n")
				st.send(st.server, "+OK\r\nSubject: x\r\n\r\nmail\r\n.\r\n+OK noop\r\n")
				st.got("client", st.client, "+OK ready\r\n-ERR "+refuseMessage+"+OK noop\r\n")
				if c := st.relay.Counters(); c.Retried != 1 || c.Delivered+c.Tagged+c.Replaced != 0 {
					t.Errorf("%+v", c)
				}
				st.close()
			})
		})
	}
}

func newJudge(t *testing.T, shelf *shelf, policy scanner.Policy, shadow bool) *scanner.Judge {
	t.Helper()
	sc, err := scanner.New(scanner.Config{
		Engines: []scanner.Engine{probe{}}, Openers: []scanner.Opener{probe{}}, Limits: scanner.Limits{Message: 2000, Depth: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	judge, err := scanner.NewJudge(scanner.JudgeConfig{Scanner: sc, Keeper: shelf, Composer: shelf, Policy: policy, Shadow: shadow})
	if err != nil {
		t.Fatal(err)
	}
	return judge
}

// In shadow mode a message is delivered also when it outgrows the spool or cannot be held at all.
func TestShadowDeliversWhatCannotBeHeld(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, spool := range map[string]scanner.Spool{
		"outgrows": {Memory: 10, Max: 20, Dir: dir},
		"no disk":  {Memory: 10, Dir: filepath.Join(dir, "gone")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				policy := scanner.DefaultPolicy()
				policy[scanner.CauseOversize] = scanner.Retry
				st := openWith(t.Context(), t, Config{Spool: spool, Shadow: true, Judge: newJudge(t, &shelf{}, policy, true)})
				const reply = "+OK message\r\nSubject: x\r\n\r\nneedle\r\n..dot\r\n.\r\n"
				st.send(st.server, "+OK ready\r\n")
				st.send(st.client, "RETR 1\r\nNOOP\r\n")
				for _, octet := range []byte(reply) {
					st.send(st.server, string(octet))
				}
				st.send(st.server, "+OK\r\n")
				st.got("client", st.client, "+OK ready\r\n"+reply+"+OK\r\n")
				if c := st.relay.Counters(); c.Retried != 0 || (c.Unheld == 1) != (name == "no disk") || c.Delivered+c.Unheld != 1 {
					t.Errorf("%+v", c)
				}
				st.close()
			})
		})
	}
}
