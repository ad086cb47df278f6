package stack

import "sync/atomic"

// counters are the live form of Counters.
type counters struct {
	active, flows, listeners                      atomic.Int64
	parked, dialled, refused, silent, unreachable atomic.Uint64
	cookie, unclaimed, notReady, refusedDraining  atomic.Uint64
	tableFull, malformed, acceptErrors, linkDrops atomic.Uint64
	icmpErrors, icmpIgnored                       atomic.Uint64
	dialsWaited, refusedIntake, acksMerged        atomic.Uint64
	refusals                                      [refusals]atomic.Uint64
}

// Counters say what became of intercepted flows since the start, but for Active, Unproven and Endpoints, which are as of
// now.
type Counters struct {
	Active          int64  // flows with their handler now
	Unproven        int64  // flows whose client has yet to prove its address: parked, or dialled and not accepted
	Flows           int64  // flows handed to the handler
	Endpoints       int64  // connections the netstack holds, those that linger after their flow included
	Parked          uint64 // SYNs held back while their server was dialled
	Dialled         uint64 // servers that accepted
	Refused         uint64 // servers that refused; their client was refused too
	Silent          uint64 // servers that stayed silent; so did we
	Unreachable     uint64 // servers no route or neighbour led to
	Cookie          uint64 // SYNs given straight to the listener because too many flows were unproven
	Unclaimed       uint64 // dialled servers whose client never finished its handshake
	NotReady        uint64 // SYNs left unanswered before Admit
	RefusedDraining uint64 // SYNs refused while ending
	TableFull       uint64 // flows turned away because the table was full
	DialsWaited     uint64 // dials that waited until others were done
	OverFlows       uint64 // clients told that there are too many flows
	OverPerClient   uint64 // clients told that they have too many flows
	OverRate        uint64 // clients told that they open flows too fast
	Excused         uint64 // clients told to come again, see Intake
	RefusedIntake   uint64 // SYNs refused, see Intake
	Malformed       uint64 // punted frames without a whole TCP header
	AcceptErrors    uint64 // connections that ended before they could be served
	LinkDrops       uint64 // frames of ours that the device did not take or whose client's MAC was not known
	AcksMerged      uint64 // acknowledgements left out because the flow's next segment, which was there already, says as much
	ICMPErrors      uint64 // ICMP errors about segments in flight, which TCP heeds
	ICMPIgnored     uint64 // ICMP errors that quote nothing in flight or tell of an MTU no path has
}

// Counters returns the counters as they are now.
func (s *Stack) Counters() Counters {
	c := &s.counters
	return Counters{
		Active:          c.active.Load(),
		Unproven:        s.flows.unprovenNow(),
		Flows:           c.flows.Load(),
		Endpoints:       int64(len(s.ns.RegisteredEndpoints()) + len(s.ns.CleanupEndpoints()) - int(c.listeners.Load())),
		Parked:          c.parked.Load(),
		Dialled:         c.dialled.Load(),
		Refused:         c.refused.Load(),
		Silent:          c.silent.Load(),
		Unreachable:     c.unreachable.Load(),
		Cookie:          c.cookie.Load(),
		Unclaimed:       c.unclaimed.Load(),
		NotReady:        c.notReady.Load(),
		RefusedDraining: c.refusedDraining.Load(),
		TableFull:       c.tableFull.Load(),
		DialsWaited:     c.dialsWaited.Load(),
		OverFlows:       c.refusals[TooMany].Load(),
		OverPerClient:   c.refusals[TooManyOfClient].Load(),
		OverRate:        c.refusals[TooFast].Load(),
		Excused:         c.refusals[NotNow].Load(),
		RefusedIntake:   c.refusedIntake.Load(),
		Malformed:       c.malformed.Load(),
		AcceptErrors:    c.acceptErrors.Load(),
		LinkDrops:       c.linkDrops.Load(),
		AcksMerged:      c.acksMerged.Load(),
		ICMPErrors:      c.icmpErrors.Load(),
		ICMPIgnored:     c.icmpIgnored.Load(),
	}
}
