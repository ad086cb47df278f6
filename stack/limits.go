package stack

import (
	"net/netip"
	"time"
)

// Limits bound what clients may have of the gateway. They count flows whose client has proven its address, so that forged SYNs
// use up nobody's share. A field that is 0 sets no limit but the flow table's own.
type Limits struct {
	Flows         int // at once
	PerClient     int // at once, of one client address
	PerClientRate int // new ones a minute of one client address, which may come all at once
}

// Refusal says why a flow is not served.
type Refusal uint8

// The reasons.
const (
	TooMany         Refusal = iota // Limits.Flows are there
	TooManyOfClient                // Limits.PerClient are there
	TooFast                        // Limits.PerClientRate are spent
	NotNow                         // see Intake
	refusals
)

// Intake says what becomes of new flows.
type Intake int32

// The ways.
const (
	Serve  Intake = iota // their server is dialled, and the handler has them
	Excuse               // no server is dialled, and the handler tells the client why
	Reset                // their SYN is refused, which takes no memory
)

// SetIntake changes what becomes of new flows. Flows that are served or whose server is being dialled go on.
func (s *Stack) SetIntake(i Intake) { s.intake.Store(int32(i)) }

// SetLimits puts other limits in place of Config.Limits, for new flows.
func (s *Stack) SetLimits(l Limits) {
	s.flows.mu.Lock()
	defer s.flows.mu.Unlock()
	s.flows.limits = l
}

const (
	// maxExcusing bounds the clients that are being told why they are not served; the next ones are reset.
	maxExcusing = 256
	// maxStations bounds what is remembered of clients without a flow, which is how fast they lately opened some.
	maxStations = 2 * maxFlows
)

// station is what is known of one client address.
type station struct {
	live     int       // flows whose client has proven its address
	unproven int       // flows parked or offered
	spent    time.Time // until then some of its Limits.PerClientRate are spent
}

// stationLocked returns what is known of a client, from now on something.
func (t *flowTable) stationLocked(client netip.Addr) *station {
	if st := t.stations[client]; st != nil {
		return st
	}
	if len(t.stations) >= maxStations {
		for a, st := range t.stations {
			if st.live+st.unproven == 0 {
				delete(t.stations, a)
			}
		}
	}
	st := &station{}
	t.stations[client] = st
	return st
}

// leaveLocked forgets a client that has no flow and has spent nothing.
func (t *flowTable) leaveLocked(client netip.Addr, now time.Time) {
	if st := t.stations[client]; st != nil && st.live+st.unproven == 0 && !st.spent.After(now) {
		delete(t.stations, client)
	}
}

// roomLocked says whether a client may have one flow more, and otherwise why not. unproven says that those parked or offered
// count as well: before a server is dialled they do, lest its dial be wasted.
func (t *flowTable) roomLocked(client netip.Addr, unproven bool, now time.Time) (why Refusal, ok bool) {
	l := t.limits
	st := t.stations[client]
	if st == nil {
		st = &station{}
	}
	all, own := t.live, st.live
	if unproven {
		all, own = all+t.unproven, own+st.unproven
	}
	switch {
	case l.Flows > 0 && all >= l.Flows:
		return TooMany, false
	case l.PerClient > 0 && own >= l.PerClient:
		return TooManyOfClient, false
	case l.PerClientRate > 0 && st.spent.Sub(now) > time.Minute-l.interval():
		return TooFast, false
	}
	return 0, true
}

// interval is the time in which a client earns one new flow.
func (l Limits) interval() time.Duration { return time.Minute / time.Duration(l.PerClientRate) }

// spendLocked takes note of a new flow of a client.
func (t *flowTable) spendLocked(st *station, now time.Time) {
	if t.limits.PerClientRate > 0 {
		if st.spent.Before(now) {
			st.spent = now
		}
		st.spent = st.spent.Add(t.limits.interval())
	}
}
