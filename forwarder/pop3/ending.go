package pop3

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Why a session ended otherwise than by the server's orderly close.
var (
	ErrServerClosed   = errors.New("pop3: the server closed with commands unanswered")
	ErrTruncated      = errors.New("pop3: the server closed within a message")
	ErrNotPOP3        = errors.New("pop3: no POP3 is spoken on this connection")
	ErrServerSilent   = errors.New("pop3: the server fell silent")
	ErrOverTime       = errors.New("pop3: a message took longer than it may")
	ErrWithheld       = errors.New("pop3: a message was withheld when its first fields had left")
	ErrManyWithheld   = errors.New("pop3: more messages were withheld than are remembered")
	ErrMalformedReply = errors.New("pop3: the server's reply is outside the grammar or too long")
	ErrUnsolicited    = errors.New("pop3: the server sent what no command asked for")
	ErrInjection      = errors.New("pop3: plain text beyond the switch to TLS")
	ErrClientLeft     = errors.New("pop3: the client left within a message or a login")
	ErrClientIdle     = errors.New("pop3: the client fell silent")
	ErrTooManyBad     = errors.New("pop3: too many bad commands")
	ErrBadSASLLine    = errors.New("pop3: the client's SASL line is malformed or too long")
	ErrPanic          = errors.New("pop3: fault in the gateway")
)

// errDrained ends a session once its context has; run answers with the context's cause.
var errDrained = errors.New("drained")

// lost is the failure of a connection. Unlike the errors above it resets the other one: a reset travels on.
type lost struct {
	side string // client or server
	err  error
}

// Error implements error.
func (e *lost) Error() string { return fmt.Sprintf("pop3: connection to the %s: %v", e.side, e.err) }

// Unwrap returns the connection's error.
func (e *lost) Unwrap() error { return e.err }

// serverError names a failed read of a reply.
func serverError(err error) error {
	switch {
	case errors.Is(err, errLineTooLong):
		return ErrMalformedReply
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrServerSilent
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrServerClosed
	default:
		return &lost{side: "server", err: err}
	}
}

// resets says which connections end with RST rather than FIN when a session ends with err. The server's does whenever
// the end is the gateway's or the client's doing, so that it rolls back at once. The client's does not where that could
// take delivered replies with it.
func resets(err error) (client, server bool) {
	var broken *lost
	switch {
	case err == nil, errors.Is(err, ErrServerClosed), errors.Is(err, ErrTruncated):
		return false, false
	case errors.As(err, &broken), errors.Is(err, ErrInjection), errors.Is(err, ErrPanic):
		return true, true
	default:
		return false, true
	}
}

// count adds err to the counters.
func (c *counters) count(err error) {
	switch {
	case errors.Is(err, ErrTruncated):
		c.truncated.Add(1)
	case errors.Is(err, ErrServerSilent), errors.Is(err, ErrOverTime), errors.Is(err, ErrClientIdle), errors.Is(err, os.ErrDeadlineExceeded):
		c.timeOuts.Add(1)
	case errors.Is(err, ErrMalformedReply):
		c.malformedReplies.Add(1)
	case errors.Is(err, ErrUnsolicited):
		c.unsolicited.Add(1)
	case errors.Is(err, ErrInjection):
		c.injections.Add(1)
	case errors.Is(err, ErrPanic):
		c.panics.Add(1)
	}
}

// suspect says whether err is worth a warning: a server or client that breaks the protocol's rules, perhaps to no honest end.
func suspect(err error) bool {
	return errors.Is(err, ErrMalformedReply) || errors.Is(err, ErrUnsolicited) || errors.Is(err, ErrInjection) ||
		errors.Is(err, ErrNotPOP3)
}
