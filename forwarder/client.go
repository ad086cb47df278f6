package forwarder

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of the client table and of what one client may open.
const (
	// maxClients bounds the table; a spoofed flood of SYNs displaces entries, a client's next frame brings its own back.
	maxClients = 4096

	// A client has synBurst SYNs in advance and earns synsPerSecond; every segment of its that is no SYN earns one more, so that who
	// finishes its handshakes may open as many flows as it can, and who does not is slowed down.
	synsPerSecond = 200
	synBurst      = 400
)

// client is what is known of the source of intercepted flows. A loop reads it without a lock.
type client struct {
	mac   atomic.Uint64 // where its frames came from, for the answers
	spent atomic.Bool   // syns is not full

	mu   sync.Mutex
	syns bucket // guarded by mu
}

// clients holds the sources of intercepted flows.
type clients struct {
	mu      sync.RWMutex
	entries map[netip.Addr]*client // at most maxClients
}

func newClients() *clients { return &clients{entries: make(map[netip.Addr]*client)} }

// learn notes where a client is and returns it. Nearly always it is known already, and no queue waits for another.
func (c *clients) learn(a netip.Addr, m mac) *client {
	c.mu.RLock()
	one, ok := c.entries[a]
	c.mu.RUnlock()
	at := packMAC(m)
	if !ok {
		one = c.add(a, at)
	}
	if one.mac.Load() != at {
		one.mac.Store(at)
	}
	return one
}

func (c *clients) add(a netip.Addr, at uint64) *client {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one, ok := c.entries[a]; ok { // another queue was faster
		return one
	}
	if len(c.entries) >= maxClients {
		for victim := range c.entries {
			delete(c.entries, victim)
			break
		}
	}
	one := &client{syns: newBucket(synsPerSecond, synBurst)}
	one.mac.Store(at)
	c.entries[a] = one
	return one
}

func (c *clients) lookup(a netip.Addr) (mac, bool) {
	c.mu.RLock()
	one := c.entries[a]
	c.mu.RUnlock()
	if one == nil {
		return mac{}, false
	}
	return unpackMAC(one.mac.Load())
}

// maySYN takes a SYN of the client into account and says whether it may go on.
func (c *client) maySYN(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spent.Store(true)
	return c.syns.take(now)
}

// proceeds notes a segment of the client that is no SYN.
func (c *client) proceeds() {
	if !c.spent.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.syns.tokens++; c.syns.tokens >= c.syns.burst {
		c.syns.tokens = c.syns.burst
		c.spent.Store(false)
	}
}

// opens says whether the segment of an intercepted flow opens it.
func (p *packet) opens() bool {
	const syn, ack, rst = 0x02, 0x10, 0x04
	b := p.payload()
	return len(b) >= tcpLen && b[13]&(syn|ack|rst) == syn
}

// Lookup returns the MAC of a client whose flow is intercepted, as its last intercepted frame had it. A client displaced from the
// table is asked for as an on-link neighbour, so that a later call knows it; one behind another router is at that.
func (f *Forwarder) Lookup(client netip.Addr) ([6]byte, bool) {
	if m, ok := f.clients.lookup(client); ok {
		return m, true
	}
	if f.network.isOwn(client) {
		return [6]byte{}, false
	}
	if !f.network.isOnLink(client) {
		return f.neighbours.routeTo(client).address()
	}
	m, ok := f.neighbours.lookup(client)
	if !ok {
		f.neighbours.want(client, f.now())
	}
	return m, ok
}
