package forwarder

import "sync/atomic"

// Counters are what happened since New. Each frame received is forwarded, punted or dropped exactly once, so that
// Received = Forwarded + PuntedOwn + PuntedIntercept + all of Dropped, except for the batch at hand.
type Counters struct {
	Received       uint64 // frames read from the device
	ReceivedBytes  uint64 // their octets, virtio header not counted
	Forwarded      uint64 // frames sent on that the device took
	ForwardedBytes uint64

	PuntedOwn            uint64 // frames for the gateway itself
	PuntedOwnBytes       uint64
	PuntedIntercept      uint64 // frames of intercepted flows
	PuntedInterceptBytes uint64

	FlowsSkipped  uint64 // flows forwarded past the host by a rule's skip lists
	FlowsBypassed uint64 // flows forwarded past the host by a bypass

	Fragmented    uint64 // of the frames forwarded, those that left in fragments (IPv4 without DF)
	FragmentsSent uint64 // in how many

	Dropped map[Reason]uint64 // frames by reason, every reason present

	ICMPErrorsSent        uint64 // Time Exceeded and Packet Too Big that left
	ICMPErrorsSuppressed  uint64 // due, but over the rate limit (RFC 1812 section 4.3.2.8, RFC 4443 section 2.4(f))
	NeighbourRequests     uint64 // ARP requests and neighbour solicitations sent
	RouterChanges         uint64 // times that another router was taken into use, or the first again
	AddressConflicts      uint64 // frames in which another station had one of our addresses
	AddressProbes         uint64 // questions whether another station has one of our addresses
	AddressDefences       uint64 // announcements that answered a conflict
	ForeignAdvertisements uint64 // router advertisements of others that came by
	Advertisements        uint64 // of our own that were sent

	ReadErrors uint64 // reads of a device that failed and were tried again
}

// tally counts one batch in its queue's own memory.
type tally struct {
	received, receivedBytes   uint64
	forwarded, forwardedBytes uint64
	own, ownBytes             uint64
	intercept, interceptBytes uint64
	errorsSent, errorsHeld    uint64
	split, fragments          uint64
	skipped, bypassed         uint64
	dropped                   [reasons]uint64
}

// totals is the sum over all batches of all queues.
type totals struct {
	received, receivedBytes   atomic.Uint64
	forwarded, forwardedBytes atomic.Uint64
	own, ownBytes             atomic.Uint64
	intercept, interceptBytes atomic.Uint64
	errorsSent, errorsHeld    atomic.Uint64
	split, fragments          atomic.Uint64
	skipped, bypassed         atomic.Uint64
	requests, readErrors      atomic.Uint64
	conflicts                 atomic.Uint64
	probes, defences          atomic.Uint64
	changes                   atomic.Uint64
	advertisements, announced atomic.Uint64
	dropped                   [reasons]atomic.Uint64
}

// add moves what t counted into the totals; t is empty afterwards.
func (s *totals) add(t *tally) {
	addTo(&s.received, t.received)
	addTo(&s.receivedBytes, t.receivedBytes)
	addTo(&s.forwarded, t.forwarded)
	addTo(&s.forwardedBytes, t.forwardedBytes)
	addTo(&s.own, t.own)
	addTo(&s.ownBytes, t.ownBytes)
	addTo(&s.intercept, t.intercept)
	addTo(&s.interceptBytes, t.interceptBytes)
	addTo(&s.errorsSent, t.errorsSent)
	addTo(&s.errorsHeld, t.errorsHeld)
	addTo(&s.split, t.split)
	addTo(&s.fragments, t.fragments)
	addTo(&s.skipped, t.skipped)
	addTo(&s.bypassed, t.bypassed)
	for r := range t.dropped {
		addTo(&s.dropped[r], t.dropped[r])
	}
	*t = tally{}
}

// addTo spares the shared cache line the many counters a batch does not touch.
func addTo(c *atomic.Uint64, n uint64) {
	if n != 0 {
		c.Add(n)
	}
}

// Counters returns the figures as they are now.
func (f *Forwarder) Counters() Counters {
	s := &f.totals
	c := Counters{
		Received:              s.received.Load(),
		ReceivedBytes:         s.receivedBytes.Load(),
		Forwarded:             s.forwarded.Load(),
		ForwardedBytes:        s.forwardedBytes.Load(),
		PuntedOwn:             s.own.Load(),
		PuntedOwnBytes:        s.ownBytes.Load(),
		PuntedIntercept:       s.intercept.Load(),
		PuntedInterceptBytes:  s.interceptBytes.Load(),
		Dropped:               make(map[Reason]uint64, reasons),
		FlowsSkipped:          s.skipped.Load(),
		FlowsBypassed:         s.bypassed.Load(),
		Fragmented:            s.split.Load(),
		FragmentsSent:         s.fragments.Load(),
		ICMPErrorsSent:        s.errorsSent.Load(),
		ICMPErrorsSuppressed:  s.errorsHeld.Load(),
		NeighbourRequests:     s.requests.Load(),
		RouterChanges:         s.changes.Load(),
		AddressConflicts:      s.conflicts.Load(),
		AddressProbes:         s.probes.Load(),
		AddressDefences:       s.defences.Load(),
		ForeignAdvertisements: s.advertisements.Load(),
		Advertisements:        s.announced.Load(),
		ReadErrors:            s.readErrors.Load(),
	}
	for r := range s.dropped {
		c.Dropped[Reason(r)] = s.dropped[r].Load()
	}
	return c
}
