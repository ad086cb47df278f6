package forwarder

import (
	"net/netip"
	"sync"
)

// SetBypass has the flows of Config.Intercept forwarded past the host from now on, or intercepted again. A flow that the host
// holds when a bypass begins stays with it; one that was forwarded when it ends is the host's in its middle, which resets it.
func (f *Forwarder) SetBypass(on bool) { f.bypass.Store(on) }

// bypassed says whether a segment of an intercepted flow passes the host.
func (f *Forwarder) bypassed(p *packet) bool {
	return f.bypass.Load() && !f.holds(netip.AddrPortFrom(p.from, p.fromPort()), netip.AddrPortFrom(p.to, p.port()))
}

// Past says why a flow that some rule names is forwarded past the host. Its String is stable.
type Past uint8

// The reasons.
const (
	NotPast  Past = iota // it is not
	Skipped              // by the rule's skip lists
	Bypassed             // by SetBypass
)

// String returns the reason's stable name.
func (p Past) String() string {
	switch p {
	case Skipped:
		return "skipped"
	case Bypassed:
		return "bypassed"
	default:
		return "none"
	}
}

// Passage is a number of flows that were forwarded past the host, of one client to one server. Those for whom there was no
// room are summed up under addresses that are not valid.
type Passage struct {
	Why    Past
	Client netip.Addr
	Server netip.AddrPort
	Flows  uint64
}

// maxPassages bounds the clients and servers told apart between two calls of TakePassages.
const maxPassages = 1024

// passages counts new flows that are forwarded past the host. Only frames that open one get here.
type passages struct {
	mu      sync.Mutex
	entries map[passageKey]*passageCount // guarded by mu; at most maxPassages and one for each reason
}

type passageKey struct {
	why    Past
	client netip.Addr
	server netip.AddrPort
}

type passageCount struct {
	flows uint64
	last  uint16 // the client's port: its next SYN from there is a repetition
}

// note counts a flow that is opened. It returns false for a repetition.
func (ps *passages) note(why Past, client, server netip.AddrPort) bool {
	key := passageKey{why, client.Addr(), server}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	one := ps.entries[key]
	if one == nil && len(ps.entries) >= maxPassages {
		key = passageKey{why: why}
		one = ps.entries[key]
	}
	if one == nil {
		one = &passageCount{}
		if ps.entries == nil {
			ps.entries = make(map[passageKey]*passageCount)
		}
		ps.entries[key] = one
	}
	if one.flows > 0 && one.last == client.Port() {
		return false
	}
	one.flows++
	one.last = client.Port()
	return true
}

// TakePassages returns the flows that were forwarded past the host since the last call.
func (f *Forwarder) TakePassages() []Passage {
	f.passages.mu.Lock()
	entries := f.passages.entries
	f.passages.entries = nil
	f.passages.mu.Unlock()
	list := make([]Passage, 0, len(entries))
	for k, n := range entries {
		list = append(list, Passage{Why: k.why, Client: k.client, Server: k.server, Flows: n.flows})
	}
	return list
}

// pass counts a frame that opens a flow past the host.
func (q *queue) pass(why Past) {
	p := &q.packet
	if !q.f.passages.note(why, netip.AddrPortFrom(p.from, p.fromPort()), netip.AddrPortFrom(p.to, p.port())) {
		return
	}
	if why == Bypassed {
		q.tally.bypassed++
	} else {
		q.tally.skipped++
	}
}
