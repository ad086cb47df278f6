package pop3

import "sync/atomic"

// Counters says what the sessions of a Relay have done so far.
type Counters struct {
	SessionsActive uint64 // sessions being relayed now
	Sessions       uint64 // sessions begun

	Delivered uint64 // messages that left as they came
	Tagged    uint64 // messages that left behind a tag line
	Replaced  uint64 // messages in whose place a notice left
	Retried   uint64 // messages answered with -ERR by the gateway, those that did not fit the spool included
	TopFields uint64 // TOP n 0 replies that held header fields only and left unjudged
	TopNotice uint64 // TOP replies answered from the notice of a message replaced before
	Unheld    uint64 // messages that could not be held, and in shadow mode left unjudged
	Released  uint64 // messages sent from quarantine, which had been released to their reader
	Consumed  uint64 // those that their reader has deleted since
	Truncated uint64 // messages the server did not finish; their clients got no terminator

	Dripped   uint64 // messages whose first fields left before the verdict, since they took long
	WaitLines uint64 // X-Mirrorgw-Wait lines put into those
	Withheld  uint64 // of those, messages that were then not to be delivered; their clients got no terminator
	OverTime  uint64 // messages that took longer than they may
	KeptAlive uint64 // NOOPs of the gateway's own

	Refused          uint64 // commands answered -ERR by the gateway
	MalformedReplies uint64 // sessions ended for a reply outside the grammar or beyond a limit
	Unsolicited      uint64 // sessions ended for server data that no command asked for
	AfterQuit        uint64 // sessions whose client sent something after QUIT, which was dropped
	Injections       uint64 // sessions ended for plain text beyond the switch to TLS
	TimeOuts         uint64 // sessions ended for silence or a stalled peer
	OpaqueFlows      uint64 // sessions that went opaque by STLS
	NotPOP3Closed    uint64 // sessions ended since no POP3 was spoken
	NotPOP3Passed    uint64 // sessions that went opaque for the same reason
	OpaqueOctets     uint64 // octets relayed unscanned by opaque sessions
	Panics           uint64 // sessions ended by a fault in the gateway
}

// counters is the live form of Counters.
type counters struct {
	active   atomic.Int64
	sessions atomic.Uint64

	delivered, tagged, replaced, retried atomic.Uint64
	topFields, topNotice, truncated      atomic.Uint64
	unheld, released, consumed           atomic.Uint64

	notPOP3Closed, notPOP3Passed atomic.Uint64

	dripped, waitLines, withheld, overTime, keptAlive atomic.Uint64

	refused, malformedReplies, unsolicited, afterQuit, injections, timeOuts atomic.Uint64
	opaqueFlows, opaqueOctets, panics                                       atomic.Uint64

	ends [ends]atomic.Uint64
}

// Counters returns the figures so far. They are read one by one, not as of one instant.
func (r *Relay) Counters() Counters {
	c := r.counters
	return Counters{
		SessionsActive:   uint64(max(c.active.Load(), 0)),
		Sessions:         c.sessions.Load(),
		Delivered:        c.delivered.Load(),
		Tagged:           c.tagged.Load(),
		Replaced:         c.replaced.Load(),
		Retried:          c.retried.Load(),
		TopFields:        c.topFields.Load(),
		TopNotice:        c.topNotice.Load(),
		Unheld:           c.unheld.Load(),
		Released:         c.released.Load(),
		Consumed:         c.consumed.Load(),
		Truncated:        c.truncated.Load(),
		Dripped:          c.dripped.Load(),
		WaitLines:        c.waitLines.Load(),
		Withheld:         c.withheld.Load(),
		OverTime:         c.overTime.Load(),
		KeptAlive:        c.keptAlive.Load(),
		Refused:          c.refused.Load(),
		MalformedReplies: c.malformedReplies.Load(),
		Unsolicited:      c.unsolicited.Load(),
		AfterQuit:        c.afterQuit.Load(),
		Injections:       c.injections.Load(),
		TimeOuts:         c.timeOuts.Load(),
		OpaqueFlows:      c.opaqueFlows.Load(),
		NotPOP3Closed:    c.notPOP3Closed.Load(),
		NotPOP3Passed:    c.notPOP3Passed.Load(),
		OpaqueOctets:     c.opaqueOctets.Load(),
		Panics:           c.panics.Load(),
	}
}
