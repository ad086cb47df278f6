package forwarder

import (
	"net/netip"
	"sync"
)

// maxClients bounds the client table; a spoofed flood of SYNs displaces entries, a client's next frame brings its own back.
const maxClients = 4096

// clients holds the MACs that frames of intercepted flows came from, for the answers.
type clients struct {
	mu   sync.RWMutex
	macs map[netip.Addr]mac
}

func newClients() *clients { return &clients{macs: make(map[netip.Addr]mac)} }

// learn notes where a client is. Nearly always it is known already, and no queue waits for another.
func (c *clients) learn(a netip.Addr, m mac) {
	c.mu.RLock()
	known, ok := c.macs[a]
	c.mu.RUnlock()
	if ok && known == m {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !ok && len(c.macs) >= maxClients {
		for victim := range c.macs {
			delete(c.macs, victim)
			break
		}
	}
	c.macs[a] = m
}

func (c *clients) lookup(a netip.Addr) (mac, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	m, ok := c.macs[a]
	return m, ok
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
