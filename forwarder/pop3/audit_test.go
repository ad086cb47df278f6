package pop3

import (
	"bytes"
	"slices"
	"strings"

	"mirrorgw/scanner"
)

// exchange is a command and its reply, read by second eyes.
type exchange struct {
	command string // without its line end; empty for the greeting
	status  string // the reply's first line
	body    string // of a multi-line reply, without its end
	many    bool   // the reply has a body
	whole   bool   // the reply is there to its end
}

// message says whether the command asks for a message.
func (x exchange) message() bool {
	return strings.HasPrefix(x.command, "RETR ") || strings.HasPrefix(x.command, "TOP ")
}

// exchanges pairs commands with replies, as RFC 1939 has them, of a server that ends its lines in CRLF.
func exchanges(commands, replies string) (list []exchange, left string) {
	rest := []byte(replies)
	for _, command := range slices.Concat([]string{""}, strings.SplitAfter(commands, "\n")) {
		if command != "" && !strings.HasSuffix(command, "\n") {
			continue
		}
		x := exchange{command: strings.ToUpper(strings.TrimRight(command, "\r\n"))}
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		if x.status = string(line); !ended {
			list, rest = append(list, x), nil
			continue
		}
		x.status, rest, x.whole = x.status+"\n", after, true
		x.many = strings.HasPrefix(x.status, "+OK") && (x.message() || x.command == "LIST" || x.command == "UIDL" || x.command == "CAPA")
		if x.many {
			n, end := reference(rest, false)
			x.body, x.whole, rest = string(rest[:n]), end != "", rest[n+len(end):]
		}
		list = append(list, x)
	}
	return list, string(rest)
}

// audit holds the session played so far against the four invariants of DESIGN section 6. typed is all the client has said; there is
// no SASL in it and no TOP n 0.
func (st *stage) audit(typed string) {
	st.t.Helper()
	got, _ := st.client.received()
	up, _ := st.server.received()
	judge := st.relay.cfg.Judge.(*clerk)
	judge.mu.Lock()
	defer judge.mu.Unlock()

	// I2: what changes the mailbox goes up only if, and when, this client said so.
	own := strings.Split(strings.ToUpper(typed), "\r\n")
	for line := range strings.SplitSeq(up, "\r\n") {
		verb, _, _ := strings.Cut(line, " ")
		if verb != "DELE" && verb != "RSET" && verb != "QUIT" {
			continue
		}
		at := slices.Index(own, line)
		if at < 0 {
			st.t.Errorf("I2: the server got %q, the client said %q", up, typed)
			return
		}
		own = own[at+1:]
	}

	// The messages as the server sent them, judged in this order, and as the client got them.
	sent, _ := exchanges(up, st.server.said())
	var messages []exchange
	for _, x := range sent {
		if x.message() {
			messages = append(messages, x)
		}
	}
	received, left := exchanges(typed, got)
	if left != "" {
		st.t.Errorf("the client got %q more than replies", left)
	}
	judged := 0
	for _, x := range received {
		if !x.message() {
			continue
		}
		var from exchange
		if len(messages) > 0 {
			from, messages = messages[0], messages[1:]
		}
		action := scanner.Retry
		if from.many && from.whole && judged < len(judge.seen) {
			if action = judge.seen[judged].action; !judge.seen[judged].complete || judge.seen[judged].mail != unstuffed([]byte(from.body)) {
				st.t.Errorf("judged %.200q of %.200q", judge.seen[judged].mail, from.body)
			}
			judged++
		}
		st.auditMessage(x, from, action)
	}
}

// auditMessage holds what the client got for one message against what the server sent and the judge made of it.
func (st *stage) auditMessage(x, from exchange, action scanner.Action) {
	st.t.Helper()
	if !x.many {
		return
	}
	var mail strings.Builder // without the lines that say to wait
	for line := range strings.Lines(x.body) {
		if !strings.HasPrefix(line, "X-Mirrorgw-Wait: ") {
			mail.WriteString(line)
		}
	}
	switch {
	case x.whole && (!from.whole || action == scanner.Retry):
		st.t.Errorf("I1: the client has all of %q, the server said %q, the ruling was %v", x.body, from.body, action)
	case x.whole && action == scanner.Deliver && !strings.HasPrefix(x.command, "TOP") && mail.String() != from.body:
		st.t.Errorf("I3: the client has %.500q, the server said %.500q", mail.String(), from.body)
	case x.whole && action == scanner.Replace:
		// I4: the ruling came from a judge, which keeps the original before it rules so.
		fields, ok := strings.CutSuffix(mail.String()+".\r\n", wireNotice)
		if !ok || !strings.HasPrefix(from.body, fields) {
			st.t.Errorf("I4: the client has %q", x.body)
		}
	case !x.whole && (action == scanner.Deliver || fieldsOnly([]byte(mail.String()), false)) && !strings.HasPrefix(from.body, mail.String()):
		st.t.Errorf("I1, I3: the client has %q of %q", x.body, from.body)
	}
}
