package forwarder

import (
	"fmt"
	"net/netip"
)

// Rule says which TCP flows are intercepted. The first rule whose ports, clients and servers hold decides; its skip lists
// then say what is forwarded untouched after all.
type Rule struct {
	Name        string         // for errors and logs
	Ports       []uint16       // of the server
	Clients     []netip.Prefix // empty: the gateway's own networks
	Servers     []netip.Prefix // empty: all
	SkipClients []netip.Prefix
	SkipServers []netip.Prefix
}

// rules answers whether a flow is intercepted.
type rules struct {
	ports [1 << 16 / 64]uint64 // a bit for each port that some rule names
	list  []rule
}

type rule struct {
	ports [1 << 16 / 64]uint64
	Rule
}

// newRules checks and copies rules.
func newRules(list []Rule, own []netip.Prefix) (*rules, error) {
	r := &rules{list: make([]rule, len(list))}
	for i, given := range list {
		if len(given.Ports) == 0 {
			return nil, fmt.Errorf("rule %q: no ports", given.Name)
		}
		to := &r.list[i]
		to.Name = given.Name
		for _, port := range given.Ports {
			if port == 0 {
				return nil, fmt.Errorf("rule %q: port 0", given.Name)
			}
			to.ports[port/64] |= 1 << (port % 64)
			r.ports[port/64] |= 1 << (port % 64)
		}
		for _, l := range []struct {
			to   *[]netip.Prefix
			from []netip.Prefix
		}{
			{&to.Clients, given.Clients},
			{&to.Servers, given.Servers},
			{&to.SkipClients, given.SkipClients},
			{&to.SkipServers, given.SkipServers},
		} {
			for _, p := range l.from {
				if !p.IsValid() || p.Addr().Is4In6() {
					return nil, fmt.Errorf("rule %q: %v is no prefix", given.Name, p)
				}
				*l.to = append(*l.to, p.Masked())
			}
		}
		if len(to.Clients) == 0 {
			to.Clients = own
		}
	}
	return r, nil
}

// intercepts says whether a client's segment to a server's port is for the host.
func (r *rules) intercepts(client, server netip.Addr, port uint16) bool {
	index, skipped := r.match(client, server, port)
	return index >= 0 && !skipped
}

// match returns the index of the rule that decides about a client's segment to a server's port, or -1. skipped says that it
// forwards it untouched.
func (r *rules) match(client, server netip.Addr, port uint16) (index int, skipped bool) {
	bit := uint64(1) << (port % 64)
	if r.ports[port/64]&bit == 0 {
		return -1, false
	}
	for i := range r.list {
		l := &r.list[i]
		if l.ports[port/64]&bit == 0 || !within(l.Clients, client) || len(l.Servers) > 0 && !within(l.Servers, server) {
			continue
		}
		return i, within(l.SkipClients, client) || within(l.SkipServers, server)
	}
	return -1, false
}

// Rule returns the index in Config.Intercept of the rule by which a flow is intercepted; ok is false where none is.
func (f *Forwarder) Rule(client, server netip.AddrPort) (index int, ok bool) {
	index, skipped := f.rules.match(client.Addr(), server.Addr(), server.Port())
	return index, index >= 0 && !skipped
}

// within says whether one of the prefixes holds a.
func within(prefixes []netip.Prefix, a netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
