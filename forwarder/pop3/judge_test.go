package pop3

import (
	"context"
	"io"
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
	return scanner.Ruling{Action: action, Mark: c.mark, Tag: []byte(testTag), Notice: []byte(testNotice)}
}
