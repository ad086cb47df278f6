package forwarder

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds and times of the neighbour table (requirement A18).
const (
	maxNeighbours   = 1024
	refreshAfter    = 30 * time.Second // a confirmed MAC is asked for again
	reachableFor    = 35 * time.Second // and counts as reachable, with some time for the answer
	forgetAfter     = 40 * time.Second // an on-link neighbour that does not answer is forgotten; a router never is
	answerWithin    = 3 * time.Second  // after its request an answer counts
	maxTries        = 3                // requests for an on-link neighbour that never answered; unanswered, they make a router silent
	newPerSecond    = 100              // on-link neighbours first asked for
	newBurst        = 100
	solicitInterval = time.Second
)

// neighbour is one station on the LAN. A loop reads mac without the table's lock.
type neighbour struct {
	addr    netip.Addr
	router  bool // or the gateway of a route
	watched bool // a router that another can stand in for: it is asked every solicitInterval

	mac  atomic.Uint64 // macKnown and the MAC, or 0
	used atomic.Bool   // since its MAC was confirmed

	// Guarded by neighbours.mu.
	confirmed time.Time // when the last accepted answer came
	asked     time.Time // when the last request went out
	tries     int       // requests since the last accepted answer
	toAll     bool      // one of these was not unicast to the known MAC, so that any answer counts
	silent    bool      // a gateway did not answer maxTries requests
}

const macKnown = 1 << 48

// packMAC makes one word of a MAC, for an atomic.
func packMAC(m mac) uint64 {
	return macKnown | uint64(m[0])<<40 | uint64(m[1])<<32 | uint64(m[2])<<24 | uint64(m[3])<<16 | uint64(m[4])<<8 | uint64(m[5])
}

func unpackMAC(w uint64) (mac, bool) {
	return mac{byte(w >> 40), byte(w >> 32), byte(w >> 24), byte(w >> 16), byte(w >> 8), byte(w)}, w&macKnown != 0
}

// address returns the neighbour's MAC. A nil neighbour has none.
func (n *neighbour) address() (mac, bool) {
	if n == nil {
		return mac{}, false
	}
	return unpackMAC(n.mac.Load())
}

// neighbours maps next hops to MACs, learnt only from answers to own requests. Gateways are in it from the start and stay.
type neighbours struct {
	*gateways
	wake  chan struct{}
	moved atomic.Bool // another router than before is in use

	mu      sync.RWMutex
	entries map[netip.Addr]*neighbour
	fresh   []*neighbour // wanted and not yet asked for
	limit   bucket       // of new entries
}

func newNeighbours(g *gateways) *neighbours {
	t := &neighbours{
		gateways: g,
		wake:     make(chan struct{}, 1),
		entries:  make(map[netip.Addr]*neighbour),
		limit:    newBucket(newPerSecond, newBurst),
	}
	for _, n := range g.all {
		t.entries[n.addr] = n
	}
	return t
}

// lookup returns the MAC of an on-link address.
func (t *neighbours) lookup(a netip.Addr) (mac, bool) {
	t.mu.RLock()
	n := t.entries[a]
	t.mu.RUnlock()
	m, ok := n.address()
	if ok && !n.used.Load() { // the load spares the cache line the store
		n.used.Store(true)
	}
	return m, ok
}

// want has a request go out for a neighbour that lookup did not know, unless one is under way or too many are new.
func (t *neighbours) want(a netip.Addr, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.entries[a] != nil || !t.limit.take(now) {
		return
	}
	if len(t.entries) >= maxNeighbours {
		for _, victim := range t.entries { // any: who is still needed is asked for again
			if !victim.router {
				t.forgetLocked(victim)
				break
			}
		}
	}
	n := &neighbour{addr: a}
	t.entries[a] = n
	t.fresh = append(t.fresh, n) // bounded by the rate limit and emptied by due
	t.rouse()
}

// rouse has whoever asks for neighbours look at the table now.
func (t *neighbours) rouse() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// chooseLocked chooses anew among the routers of a gateway's family, when it fell silent or answered again.
func (t *neighbours) chooseLocked(n *neighbour) {
	if n.watched && t.family(n.addr).chooseLocked() {
		t.moved.Store(true)
		t.rouse()
	}
}

func (t *neighbours) forgetLocked(n *neighbour) {
	delete(t.entries, n.addr)
	n.mac.Store(0)
}

// request says for whom to ask, and whether only the station that was there before.
type request struct {
	addr    netip.Addr
	unicast bool
	mac     mac // where to, when unicast
}

// due appends to list the requests to be sent now: for those wanted since the last call, and with all, which is to be once every
// solicitInterval, for those whose time has come. It takes them as sent.
func (t *neighbours) due(list []request, all bool, now time.Time) []request {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.fresh {
		if t.entries[n.addr] == n && n.tries == 0 {
			list = append(list, n.askLocked(now))
		}
	}
	t.fresh = t.fresh[:0]
	if !all {
		return list
	}
	for _, n := range t.entries {
		_, known := n.address()
		age := now.Sub(n.confirmed)
		if n.router && n.tries >= maxTries && !n.silent {
			n.silent = true
			t.chooseLocked(n)
		}
		switch {
		case now.Sub(n.asked) < solicitInterval && n.tries > 0: // wanted a moment ago
		case !known && !n.router && n.tries >= maxTries,
			known && !n.router && age >= forgetAfter,
			known && !n.router && age >= refreshAfter && !n.used.Load():
			t.forgetLocked(n)
		case !known, n.tries > 0, n.watched, age >= refreshAfter:
			list = append(list, n.askLocked(now))
		}
	}
	return list
}

// askLocked notes a request. The first for a known MAC goes to that station alone: others do not see it, so that they cannot
// time a forged answer, and a forged one is not believed. A watched router is asked so often that one lost frame must not open
// that door: to it three go alone.
func (n *neighbour) askLocked(now time.Time) request {
	m, known := n.address()
	alone := 1
	if n.watched {
		alone = maxTries
	}
	r := request{addr: n.addr, unicast: known && n.tries < alone, mac: m}
	n.asked = now
	n.tries++
	n.toAll = n.toAll || !r.unicast
	return r
}

// hear takes an answer and says whether it was accepted: only one to an outstanding request is, and one that changes a MAC only
// where the station asked by unicast did not answer.
func (t *neighbours) hear(a netip.Addr, m mac, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.entries[a]
	if n == nil || n.tries == 0 || now.Sub(n.asked) > answerWithin {
		return false
	}
	if old, known := n.address(); known && old != m && !n.toAll {
		return false
	}
	n.mac.Store(packMAC(m))
	n.used.Store(false)
	n.confirmed, n.tries, n.toAll, n.silent = now, 0, false, false
	t.chooseLocked(n)
	return true
}

// contradicts says whether "a is at m" is against what is known of a gateway. It is believed only where the router does not answer.
func (t *neighbours) contradicts(a netip.Addr, m mac) bool {
	n := t.find(a)
	if n == nil {
		return false
	}
	known, ok := n.address()
	if !ok || known == m {
		return false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return !n.toAll
}

// doubt has a gateway asked again at the next turn: somebody else claims its address, which may be forged or may be its
// successor.
func (t *neighbours) doubt(a netip.Addr, now time.Time) {
	n := t.find(a)
	if n == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if early := now.Add(-refreshAfter); n.tries == 0 && n.confirmed.After(early) {
		n.confirmed = early
	}
}

// Router is what is known of a next hop, for status.
type Router struct {
	Addr      netip.Addr
	To        netip.Prefix // what it is a route's gateway for; the zero Prefix: everything else, it is a router
	MAC       [6]byte      // zero while it has never answered
	Reachable bool         // answered within the last 35 seconds, and one of the last three requests
	InUse     bool         // what goes there leaves by it
}

// stateLocked returns what is known of a gateway.
func (t *neighbours) stateLocked(n *neighbour, now time.Time) Router {
	m, known := n.address()
	return Router{Addr: n.addr, MAC: m, Reachable: known && !n.silent && now.Sub(n.confirmed) < reachableFor}
}

// states returns the state of the routers, IPv4 first, and then that of the routes.
func (t *neighbours) states(now time.Time) []Router {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var list []Router
	for _, fam := range []*family{&t.ipv4, &t.ipv6} {
		for _, n := range fam.routers {
			r := t.stateLocked(n, now)
			r.InUse = fam.inUse.Load() == n
			list = append(list, r)
		}
	}
	for _, way := range t.routes {
		r := t.stateLocked(way.via, now)
		r.To, r.InUse = way.to, true
		list = append(list, r)
	}
	return list
}

// inUse returns the routers in use, IPv4 first.
func (t *neighbours) inUse() []netip.Addr {
	var list []netip.Addr
	for _, fam := range []*family{&t.ipv4, &t.ipv6} {
		if n := fam.inUse.Load(); n != nil {
			list = append(list, n.addr)
		}
	}
	return list
}
