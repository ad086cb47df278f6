package pop3

import (
	"context"
	"io"
	"os"
	"strings"
	"sync"

	"mirrorgw/scanner"
)

const (
	testTag    = "X-Mirrorgw-Verdict: unscannable\r\n"
	testNotice = "Subject: [mirrorgw] withheld\r\nX-Mirrorgw-Verdict: infected\r\n\r\nfirst line\r\n.second line\r\nthird line\r\n"
	// wireNotice is testNotice as it leaves: stuffed and with its end.
	wireNotice = "Subject: [mirrorgw] withheld\r\nX-Mirrorgw-Verdict: infected\r\n\r\nfirst line\r\n..second line\r\nthird line\r\n.\r\n"
)

// seen is what a judge was asked.
type seen struct {
	origin   scanner.Origin
	mail     string
	complete bool
	action   scanner.Action
	said     []string // in the session so far
}

// clerk is a Judge that rules as told, one action per message and the last one from then on, and takes notes.
type clerk struct {
	mu      sync.Mutex
	actions []scanner.Action
	mark    scanner.Mark
	edits   [][2]string               // octets of each mail delivered, and those to take their place
	hook    func(ctx context.Context) // called during judgement when not nil
	seen    []seen
}

func (c *clerk) Judge(ctx context.Context, o scanner.Origin, mail *scanner.Buffer, complete bool) scanner.Ruling {
	if c.hook != nil {
		c.hook(ctx)
	}
	content, err := io.ReadAll(mail.Reader())
	if err != nil {
		return scanner.Ruling{}
	}
	var said []string
	if o.Transcript != nil {
		said = o.Transcript.Lines()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	action := scanner.Deliver
	if len(c.actions) > 0 {
		action = c.actions[0]
		if len(c.actions) > 1 {
			c.actions = c.actions[1:]
		}
	}
	c.seen = append(c.seen, seen{o, string(content), complete, action, said})
	var edits []scanner.Edit
	at := 0
	for _, e := range c.edits {
		i := strings.Index(string(content[at:]), e[0])
		if i < 0 {
			continue
		}
		made := scanner.Edit{At: int64(at + i), End: int64(at + i + len(e[0])), Text: scanner.Spool{Memory: 16, Dir: os.TempDir()}.NewBuffer()}
		if _, err := io.WriteString(made.Text, e[1]); err != nil {
			return scanner.Ruling{}
		}
		edits, at = append(edits, made), int(made.End)
	}
	return scanner.Ruling{Action: action, Edits: edits, Mark: c.mark, Tag: []byte(testTag), Notice: []byte(testNotice)}
}
