package pop3

import (
	"errors"
	"os"
)

// End says in one word how a session ended, for metrics.
type End uint8

const (
	Lost           End = iota // a connection failed; also what no other word fits
	Closed                    // the server closed in order, as after QUIT
	Drained                   // the gateway was asked to end
	ServerClosed              // the server closed with commands unanswered
	Truncated                 // the server closed within a message
	TimedOut                  // one side fell silent or took nothing
	ClientLeft                // the client left within a message or a login
	BadClient                 // the client broke the protocol's rules
	MalformedReply            // the server's reply was outside the grammar or too long
	Unsolicited               // the server sent what no command asked for
	Injection                 // plain text beyond the switch to TLS
	Fault                     // a fault in the gateway
	Withheld                  // a message the client had the beginning of was not to be delivered, or too many were not
	Foreign                   // no POP3 was spoken
	ends                      // how many there are
)

// String returns the word for e, which is stable: metrics carry it.
func (e End) String() string {
	return [ends]string{
		"lost", "closed", "drained", "server_closed", "truncated", "timed_out", "client_left", "bad_client",
		"malformed_reply", "unsolicited", "injection", "fault", "withheld", "not_pop3",
	}[e]
}

// endOf says what the end of a session with err is counted as.
func endOf(err error) End {
	for _, e := range []struct {
		err error
		end End
	}{
		{errDrained, Drained},
		{ErrServerClosed, ServerClosed},
		{ErrTruncated, Truncated},
		{ErrServerSilent, TimedOut},
		{ErrOverTime, TimedOut},
		{ErrClientIdle, TimedOut},
		{os.ErrDeadlineExceeded, TimedOut},
		{ErrClientLeft, ClientLeft},
		{ErrTooManyBad, BadClient},
		{ErrBadSASLLine, BadClient},
		{ErrMalformedReply, MalformedReply},
		{ErrUnsolicited, Unsolicited},
		{ErrInjection, Injection},
		{ErrPanic, Fault},
		{ErrWithheld, Withheld},
		{ErrManyWithheld, Withheld},
		{ErrNotPOP3, Foreign},
	} {
		if errors.Is(err, e.err) {
			return e.end
		}
	}
	if err == nil {
		return Closed
	}
	return Lost
}

// Ends returns how many sessions ended in each way, every way present.
func (r *Relay) Ends() map[End]uint64 {
	all := make(map[End]uint64, ends)
	for e := range ends {
		all[e] = r.counters.ends[e].Load()
	}
	return all
}
