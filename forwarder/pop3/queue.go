package pop3

import (
	"sync/atomic"
	"time"
)

// depth bounds the commands in flight; a client that pipelines more is read when replies have made room.
const depth = 64

// answer says how a pending command is answered.
type answer uint8

const (
	answerLocal     answer = iota // by the gateway; nothing was sent to the server. The zero value
	answerGreeting                // one status line nobody asked for (RFC 1939 section 4)
	answerLine                    // one status line
	answerLogin                   // one status line; +OK ends the AUTHORIZATION state
	answerQuit                    // one status line, the last of the session
	answerLines                   // multi-line, streamed
	answerCAPA                    // multi-line, filtered
	answerMechs                   // multi-line, filtered: AUTH without argument
	answerSASL                    // continuations, then a status line
	answerSTLS                    // one status line; +OK may make the session opaque
	answerMessage                 // multi-line, held and judged
	answerTopFields               // the same, but free when it holds header fields only
	answerCount                   // one status line, to a STAT of the gateway's own
	answerMerged                  // the server's reply with the maildrop's part in it
	answerReleased                // by the maildrop; nothing was sent to the server
)

// turn tells the client pump what its next octets are, after AUTH and STLS.
type turn uint8

const (
	turnCommand  turn = iota // a command
	turnContinue             // one SASL line
	turnOpaque               // nothing the relay reads
)

// pending is one outstanding command.
type pending struct {
	answer answer

	// Of the client's command.
	verb    verb   // unknown where there is none
	message uint64 // of a command with a message's number
	lines   uint64 // TOP: body lines wanted; with any it went upstream as RETR

	local   string    // answerLocal: the reply
	last    bool      // answerLocal: the session ends after it
	account account   // answerLogin: whom the server takes the client for if it says +OK
	early   bool      // STLS: the client had already sent more
	turns   chan turn // AUTH, STLS
	pushed  time.Time // when it was put into the queue

	accepted bool      // answerLogin, answerSASL: the server said +OK; valid once the reply has left
	drop     *maildrop // answerMerged, answerReleased, answerCount and answerQuit; may be nil with that
}

// top says whether no more of a message is wanted than TOP asks for.
func (p *pending) top() bool { return p.verb == cmdTOP }

// judged says whether the reply is a message.
func (p *pending) judged() bool { return p.answer == answerMessage || p.answer == answerTopFields }

// upstream says whether it is the server that answers.
func (p *pending) upstream() bool { return p.answer != answerLocal && p.answer != answerReleased }

// queue holds the outstanding commands of a session in order. The client pump pushes, the server pump takes and finishes.
type queue struct {
	entries     chan *pending
	outstanding atomic.Int32 // pushed and not finished
	messages    atomic.Int32 // those of them that are judged
	upstream    atomic.Int32 // those of them that the server answers
	drained     chan struct{}
}

func newQueue() *queue {
	return &queue{entries: make(chan *pending, depth), drained: make(chan struct{}, 1)}
}

// push appends p, waiting for room; false when done is closed first.
func (q *queue) push(p *pending, done <-chan struct{}) bool {
	p.pushed = time.Now()
	q.outstanding.Add(1)
	if p.judged() {
		q.messages.Add(1)
	}
	if p.upstream() {
		q.upstream.Add(1)
	}
	select {
	case q.entries <- p:
		return true
	case <-done:
		return false
	}
}

// finish says that the reply to p, the entry taken last, has left.
func (q *queue) finish(p *pending) {
	if p.judged() {
		q.messages.Add(-1)
	}
	if p.upstream() {
		q.upstream.Add(-1)
	}
	if q.outstanding.Add(-1) == 0 {
		select {
		case q.drained <- struct{}{}:
		default:
		}
	}
}

// waitDrained returns once every reply has left; false when done is closed first. Only the goroutine that pushes may
// call it.
func (q *queue) waitDrained(done <-chan struct{}) bool {
	for q.outstanding.Load() > 0 {
		select {
		case <-q.drained:
		case <-done:
			return false
		}
	}
	return true
}
