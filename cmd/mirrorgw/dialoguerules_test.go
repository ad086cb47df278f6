package main

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"mirrorgw/testnet"
)

// compare leads the server through the dialogue past the mirror and through it, and says where answers differ that should not.
func (d *conversation) compare(ctx context.Context, lab *testnet.Lab, pair int) (replies int, err error) {
	var past, through [][]byte
	var pastErr, throughErr error
	var running sync.WaitGroup
	running.Go(func() { past, pastErr = d.run(ctx, lab.Router, fmt.Sprint("past", pair), true) })
	running.Go(func() { through, throughErr = d.run(ctx, lab.Client, fmt.Sprint("through", pair), false) })
	running.Wait()
	if pastErr != nil {
		return 0, fmt.Errorf("past the mirror: %w", pastErr)
	}
	if throughErr != nil {
		return 0, fmt.Errorf("through the mirror: %w", throughErr)
	}
	for i, e := range d.exchanges {
		got, want := disowned(through[i]), disowned(e.through(past[i], d.server))
		if !bytes.Equal(got, want) {
			return 0, fmt.Errorf("answer %d, to %q: %s", i, e.line, firstDifference(got, [][]byte{want}))
		}
	}
	return len(d.exchanges), nil
}

// through returns what the mirror makes of a server's answer. This is all that it does by design:
//
//   - it answers itself what it does not know, and what it cannot honour;
//   - it takes no notice of blanks at a line's end, which the dialogue past it has not;
//   - of capabilities it shows those that it can honour;
//   - for TOP with body lines it asks for the whole mail, judges it, and cuts it itself, with a status line of its own.
func (e exchange) through(answer []byte, server dialogueServer) []byte {
	switch {
	case e.refused != "":
		return []byte(e.refused)
	case !bytes.HasPrefix(answer, []byte("+OK")):
		return answer
	case e.capa:
		return honoured(answer)
	case e.top:
		_, mail, _ := bytes.Cut(answer, []byte("\r\n"))
		if server.topAddsLine {
			mail = bytes.Replace(mail, []byte("\r\n\r\n\r\n"), []byte("\r\n\r\n"), 1)
		}
		return append([]byte("+OK top of message follows\r\n"), mail...)
	}
	return answer
}

// honoured returns the lines of a CAPA reply that the mirror lets through.
func honoured(answer []byte) []byte {
	var kept []byte
	for line := range bytes.Lines(answer) {
		tag, _, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		switch tag {
		case "+OK", ".", "TOP", "USER", "LOGIN-DELAY", "PIPELINING", "EXPIRE", "UIDL", "IMPLEMENTATION", "AUTH-RESP-CODE", "RESP-CODES", "CAPA", "SASL":
			kept = append(kept, line...)
		}
	}
	return kept
}

// own matches what is a session's or a mailbox's own: the greeting's time stamp, the names of mails and users.
var own = regexp.MustCompile(`<[0-9.]+@[^>]*>|[0-9a-f]{32}\.[0-9]+\.|[0-9a-f]{16}\b|(past|through)[0-9]+`)

// disowned returns an answer without what is its session's or its mailbox's own.
func disowned(answer []byte) []byte { return own.ReplaceAll(answer, []byte("*")) }
