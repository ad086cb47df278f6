package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mirrorgw/testnet"
)

const (
	// dialogues is how many random sessions dovecot is led through, past the mirror and through it. mailutils, which is slow, has a
	// quarter of them unless MIRRORGW_SOAK is set.
	dialogues    = 1000
	dialogueSeed = 1

	// mailboxPairs is how many pairs of equal mailboxes there are, one of each for sessions past the mirror and one for those through it.
	mailboxPairs = 12
)

// TestDialogues leads two servers through random pipelined sessions, past the mirror and through it, in mailboxes that begin equal and
// stay so. Every reply is the same octet by octet, but for what the mirror does by design, which compare knows.
func TestDialogues(t *testing.T) {
	t.Parallel()
	lab := testnet.NewLab(t)
	startGateway(t, lab, lab.GatewayConfig())
	mails := slices.DeleteFunc(testnet.VariedMails(2, 120), func(m testnet.Mail) bool { return len(m.Data) > 30_000 })[:40]
	var boxes []testnet.Mailbox
	for i := range mailboxPairs {
		for _, way := range []string{"past", "through"} {
			boxes = append(boxes, testnet.Mailbox{User: fmt.Sprint(way, i), Mails: mails})
		}
	}
	dovecot, err := lab.StartMailServer(t.Context(), boxes...)
	if err != nil {
		t.Fatal(err)
	}
	mailutils, err := lab.StartMailutils(t.Context(), boxes...)
	if err != nil {
		t.Fatal(err)
	}
	slow := dialogues / 4
	if os.Getenv("MIRRORGW_SOAK") != "" {
		slow = dialogues
	}
	for _, server := range []dialogueServer{
		{name: "dovecot", sessions: dialogues, at: netip.AddrPortFrom(testnet.MailIPv4, 110), login: func(user string) string { return user }, count: dovecot.Count, sasl: true},
		{name: "mailutils", sessions: slow, at: netip.AddrPortFrom(testnet.WebIPv4, 110), login: mailutils.Login, count: mailutils.Count, topAddsLine: true},
	} {
		t.Run(server.name, func(t *testing.T) {
			var replies atomic.Int64
			var working sync.WaitGroup
			for pair := range mailboxPairs {
				working.Go(func() { // ends with its share of the sessions, each of which has a deadline
					for n := pair; n < server.sessions && t.Context().Err() == nil; n += mailboxPairs {
						if n == pair { // in a mailbox's first session mailutils adds to its mails
							for way, host := range map[string]*testnet.Host{"past": lab.Router, "through": lab.Client} {
								if _, err := host.FetchAll(t.Context(), server.at, server.login(fmt.Sprint(way, pair))); err != nil {
									t.Error(err)
								}
							}
						}
						d := newConversation(rand.New(rand.NewPCG(dialogueSeed, uint64(n))), server)
						count, err := d.compare(t.Context(), lab, pair)
						if err != nil {
							t.Errorf("dialogue %d: %v", n, err)
							return // the mailboxes may differ from here on
						}
						replies.Add(int64(count))
					}
				})
			}
			working.Wait()
			t.Logf("%d dialogues, %d replies", server.sessions, replies.Load())
			left := 0
			for pair := range mailboxPairs {
				past, err := server.count(fmt.Sprint("past", pair))
				if err != nil {
					t.Fatal(err)
				}
				through, err := server.count(fmt.Sprint("through", pair))
				if err != nil || past != through {
					t.Errorf("pair %d: %d mails left past the mirror, %d through it, %v", pair, past, through, err)
				}
				left += past
			}
			if !t.Failed() && (left == 0 || left == mailboxPairs*len(mails)) {
				t.Errorf("%d mails left: nothing was deleted, or all", left)
			}
		})
	}
}

// dialogueServer is a server and its habits.
type dialogueServer struct {
	name        string
	sessions    int // it is led through
	at          netip.AddrPort
	login       func(user string) string
	count       func(user string) (int, error)
	sasl        bool
	topAddsLine bool // its reply to TOP has an empty line more than the mail
}

// exchange is a command, or lines that belong together, and how its answer is framed.
type exchange struct {
	line    string // USER in it stands for the mailbox's login, SASL for an initial response
	asked   string // what the mirror asks the server in place of line, if that is something else
	multi   bool   // +OK begins several lines
	sasl    bool   // continuations come before the status
	greets  bool   // nothing is sent: the greeting
	refused string // what the mirror says, which does not ask the server; empty: it asks
	top     bool   // TOP with body lines: the mirror asks for the whole mail
	capa    bool
}

// What the mirror answers without asking the server.
const (
	saysUnknown = "-ERR unknown or malformed command\r\n"
	saysFeature = "-ERR not available here\r\n"
)

// conversation is one session, the same for both ways.
type conversation struct {
	server    dialogueServer
	exchanges []exchange
	quits     bool // else the client vanishes after the last reply
	cuts      []int
}

// newConversation makes up a session: a few words, a login by one of three ways, commands, and an end.
func newConversation(random *rand.Rand, server dialogueServer) *conversation {
	d := &conversation{server: server, exchanges: []exchange{{greets: true}}}
	add := func(list ...exchange) { d.exchanges = append(d.exchanges, list...) }
	pick := func(list []exchange) exchange { return list[random.IntN(len(list))] }

	for range random.IntN(3) { // dovecot hangs up after three it does not know
		add(pick([]exchange{
			{line: "CAPA", multi: true, capa: true},
			{line: "capa ", asked: "CAPA", multi: true, capa: true},
			{line: "STAT"},
			{line: "STLS", refused: saysFeature},
			{line: "UTF8", refused: saysFeature},
			{line: "XTND XMIT", refused: saysUnknown},
			{line: "", refused: saysUnknown},
		}))
	}
	switch {
	case server.sasl && random.IntN(4) == 0:
		add(exchange{line: "AUTH PLAIN SASL"})
	case server.sasl && random.IntN(4) == 0:
		add(exchange{line: "AUTH PLAIN\r\nSASL", sasl: true})
	default:
		add(exchange{line: "USER USER"}, exchange{line: "PASS " + testnet.Password})
	}

	number := func() int { return random.IntN(42) } // sometimes 0 or too many
	deletes := random.IntN(8) == 0
	for range 3 + random.IntN(25) {
		switch random.IntN(14) {
		case 0, 1, 2:
			add(exchange{line: fmt.Sprintf("RETR %d", number()), multi: true})
		case 3, 4:
			lines := random.IntN(6)
			add(exchange{line: fmt.Sprintf("TOP %d %d", number(), lines), multi: true, top: lines > 0})
		case 5:
			add(exchange{line: "TOP " + fmt.Sprint(1+random.IntN(5)) + " 100000", multi: true, top: true})
		case 6:
			add(pick([]exchange{{line: "LIST", multi: true}, {line: "UIDL", multi: true}, {line: "CAPA", multi: true, capa: true}}))
		case 7:
			add(exchange{line: fmt.Sprintf("LIST %d", number())}, exchange{line: fmt.Sprintf("UIDL %d", number())})
		case 8:
			if deletes || random.IntN(2) == 0 {
				add(exchange{line: fmt.Sprintf("DELE %d", number())})
			}
		case 9:
			add(pick([]exchange{{line: "STAT"}, {line: "NOOP"}, {line: "LAST"}, {line: "stat"}, {line: "nOOp  ", asked: "NOOP"}, {line: "retr 1", multi: true}, {line: "list 2 ", asked: "LIST 2"}}))
		case 10:
			if !deletes {
				add(exchange{line: "RSET"})
			}
		case 11:
			if random.IntN(2) == 0 { // the mirror hangs up after twenty, and dovecot too
				add(pick([]exchange{
					{line: "XTND", refused: saysUnknown},
					{line: "RETR", refused: saysUnknown, multi: true},
					{line: "RETR one", refused: saysUnknown, multi: true},
					{line: "RETR -1", refused: saysUnknown, multi: true},
					{line: "TOP 1", refused: saysUnknown, multi: true},
					{line: "TOP 1 x", refused: saysUnknown, multi: true},
					{line: "DELE", refused: saysUnknown},
					{line: "LIST x", refused: saysUnknown},
					{line: "UIDL 01", refused: saysUnknown},
					{line: "NOOP \x00", refused: saysUnknown},
					{line: "STLS", refused: saysFeature},
					{line: "UTF8", refused: saysFeature},
				}))
			}
		default:
			add(exchange{line: "NOOP"})
		}
	}
	d.quits = random.IntN(3) != 0
	if d.quits {
		if !deletes {
			add(exchange{line: "RSET"})
		}
		add(exchange{line: "QUIT"})
	}

	// The client sends all at once, in lines, or in pieces of any length.
	switch size := 0; random.IntN(3) {
	case 0:
		for _, e := range d.exchanges {
			size += len(e.line) + 2
			d.cuts = append(d.cuts, size)
		}
	case 1:
		for range 40 {
			size += 1 + random.IntN(60)
			d.cuts = append(d.cuts, size)
		}
	}
	return d
}

// words is what a user's client sends, or what the mirror makes of it.
func (d *conversation) words(user string, asked bool) string {
	login := d.server.login(user)
	initial := base64.StdEncoding.EncodeToString([]byte("\x00" + login + "\x00" + testnet.Password))
	fill := strings.NewReplacer("USER USER", "USER "+login, "SASL", initial)
	var all strings.Builder
	for _, e := range d.exchanges {
		switch {
		case e.greets:
		case asked && e.asked != "":
			all.WriteString(e.asked + "\r\n")
		default:
			all.WriteString(fill.Replace(e.line) + "\r\n")
		}
	}
	return all.String()
}

// errInUse reports a mailbox whose last session's server has not yet let go of it.
var errInUse = errors.New("the mailbox is in use")

// run leads the server through the dialogue and returns its answers, one for each exchange.
func (d *conversation) run(ctx context.Context, from *testnet.Host, user string, asked bool) ([][]byte, error) {
	for began := time.Now(); ; {
		answers, err := d.try(ctx, from, d.words(user, asked))
		if !errors.Is(err, errInUse) || time.Since(began) > patience {
			return answers, err
		}
	}
}

func (d *conversation) try(ctx context.Context, from *testnet.Host, words string) (answers [][]byte, err error) {
	c, err := from.Dial(ctx, "tcp", d.server.at)
	if err != nil {
		return nil, err
	}
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	sent := make(chan error, 1)
	greeted := make(chan struct{}) // who speaks before the greeting speaks no POP3
	go func() {                    // ends with the connection
		<-greeted
		sent <- d.send(c, words)
	}()
	defer func() {
		if len(answers) == 0 {
			close(greeted)
		}
		cerr := c.Close()
		if serr := <-sent; err == nil {
			err = errors.Join(serr, cerr)
		}
	}()
	r := bufio.NewReader(c)
	for _, e := range d.exchanges {
		answer, err := e.read(r)
		if err != nil {
			return answers, fmt.Errorf("answer %d, to %q: %w after %.200q", len(answers), e.line, err, answer)
		}
		if bytes.Contains(answer, []byte("[IN-USE]")) {
			return nil, errInUse
		}
		if answers = append(answers, answer); e.greets {
			close(greeted)
		}
	}
	if d.quits { // and nothing more
		rest, err := io.ReadAll(r)
		if err != nil || len(rest) > 0 {
			return answers, fmt.Errorf("after QUIT: %.200q, %w", rest, err)
		}
	}
	return answers, nil
}

// send writes words in the dialogue's pieces.
func (d *conversation) send(c net.Conn, words string) error {
	at := 0
	for _, cut := range slices.Concat(d.cuts, []int{len(words)}) {
		if cut = min(cut, len(words)); cut > at {
			if _, err := io.WriteString(c, words[at:cut]); err != nil {
				return err
			}
			at = cut
		}
	}
	return nil
}

// read returns the answer to e, as it is on the wire.
func (e exchange) read(r *bufio.Reader) (answer []byte, err error) {
	status, err := r.ReadBytes('\n')
	if err != nil {
		return status, err
	}
	if e.sasl && status[0] == '+' && !bytes.HasPrefix(status, []byte("+OK")) {
		next, err := r.ReadBytes('\n')
		return append(status, next...), err
	}
	if !e.multi || !bytes.HasPrefix(status, []byte("+OK")) {
		return status, nil
	}
	answer = status
	for crlf := true; ; {
		line, err := r.ReadBytes('\n')
		answer = append(answer, line...)
		if err != nil {
			return answer, err
		}
		if crlf && string(line) == ".\r\n" {
			return answer, nil
		}
		crlf = bytes.HasSuffix(line, []byte("\r\n"))
	}
}
