package stack

import (
	"context"
	"net/netip"
	"sync"
)

// Defaults of Config.
const (
	defaultDials          = 256
	defaultDialsPerServer = 32
)

// dialSlots bounds the dials under way, in all and to each server. Whoever wants to dial more waits, and a server that
// answers nobody keeps only those waiting who want to reach it.
type dialSlots struct {
	all chan struct{} // a token for each dial under way
	per int           // to each server

	mu      sync.Mutex
	servers map[netip.AddrPort]*serverSlots // those with a dial under way or waited for; guarded by mu
}

// serverSlots are the dials to one server.
type serverSlots struct {
	tokens chan struct{} // one for each dial that has its turn
	users  int           // dials that have their turn or wait for it; guarded by dialSlots.mu
}

func newDialSlots(all, per int) *dialSlots {
	return &dialSlots{all: make(chan struct{}, all), per: per, servers: make(map[netip.AddrPort]*serverSlots)}
}

// take waits for a dial's turn; waited says that it had to. release ends the dial.
//
// Errors: ctx's, when its end comes first.
func (d *dialSlots) take(ctx context.Context, server netip.AddrPort) (release func(), waited bool, err error) {
	d.mu.Lock()
	to := d.servers[server]
	if to == nil {
		to = &serverSlots{tokens: make(chan struct{}, d.per)}
		d.servers[server] = to
	}
	to.users++
	d.mu.Unlock()
	leave := func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if to.users--; to.users == 0 {
			delete(d.servers, server)
		}
	}
	// The server's turn comes first: who waits for it takes no slot from those who want to reach another.
	first, err := enter(ctx, to.tokens)
	if err != nil {
		leave()
		return nil, true, err
	}
	second, err := enter(ctx, d.all)
	if err != nil {
		<-to.tokens
		leave()
		return nil, true, err
	}
	return func() {
		<-d.all
		<-to.tokens
		leave()
	}, first || second, nil
}

// enter puts a token into slots and says whether it had to wait for room.
func enter(ctx context.Context, slots chan struct{}) (waited bool, err error) {
	select {
	case slots <- struct{}{}:
		return false, nil
	default:
	}
	select {
	case slots <- struct{}{}:
		return true, nil
	case <-ctx.Done():
		return true, ctx.Err()
	}
}
