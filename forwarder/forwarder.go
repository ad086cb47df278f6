package forwarder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Port is one queue of a network device; stack.Queue fits. A frame is a virtio_net_hdr of 10 octets followed by the Ethernet
// frame; a device without that header delivers zeroes and ignores what is written there.
type Port interface {
	// ReadFrames waits for a frame, then takes what else is ready, at most len(bufs). It fills bufs[i] and sets sizes[i] to
	// the frame's length, virtio header included. It borrows both.
	//
	// Errors: os.ErrClosed ends the loop in order; others are transient.
	ReadFrames(bufs [][]byte, sizes []int) (int, error)

	// WriteFrames sends frames, which it borrows, and returns how many the device took. It is called by one goroutine at a
	// time, which may be another than the one in ReadFrames. One frame that the device refuses does not keep it from the rest: none is
	// tried again.
	WriteFrames(frames [][]byte) (int, error)
}

// Host is the end of what is not forwarded; stack.Stack fits. It takes frames as Port has them, and copies what it keeps. Any queue's
// loop calls it, several at once. It has not to verify IP and transport checksums of frames that are no fragments: that is done,
// unless the virtio header says that offload left them open or has verified them.
type Host interface {
	// DeliverOwn takes frames for the gateway itself: to its addresses, ARP, neighbour discovery, MLD.
	DeliverOwn(frames [][]byte)
	// DeliverIntercept takes TCP segments of intercepted flows, all of them from client to server, and ICMP errors about packets
	// from a server to a client whose flow may be intercepted, unfragmented and with at least the ports in their quote.
	DeliverIntercept(frames [][]byte)
}

// Config is what a Forwarder needs to know.
type Config struct {
	MAC       [6]byte        // the gateway's on the LAN
	MTU       int            // of the LAN, in octets of IP packet; default 1500
	Addresses []netip.Prefix // own addresses, each with its on-link prefix; the link-local IPv6 address is one of them
	Routers   []netip.Addr   // next hops for what is off-link, on-link; of each family the first that answers is used
	Routes    []Route        // exceptions to Routers; the longest prefix counts
	Intercept []Rule
	Advertise Advertise // ourselves as IPv6 router; the zero value does not

	// Holds says whether the host has a flow, which then stays with it during a bypass. It is asked for each segment of an
	// intercepted flow while there is one. Default: it has none. stack.Stack's Holds fits.
	Holds func(client, server netip.AddrPort) bool

	// RoutersChanged is told the routers in use, at most one for each family, when fail-over took another. It is called by a
	// goroutine of Run and must not wait. Default: nobody is told.
	RoutersChanged func(inUse []netip.Addr)

	Tap Tap              // default: none
	Log *slog.Logger     // default: discard
	Now func() time.Time // default: time.Now
}

// Forwarder decides about frames and forwards them. Its methods may be called from any goroutine.
type Forwarder struct {
	network    *network
	rules      *rules
	neighbours *neighbours
	clients    *clients
	errors     *errorLimit
	fragments  *fragmentLimit
	datagrams  *tcpFragments
	mtu        int
	tap        Tap // may be nil

	advertisers advertisers
	announcer   announcer

	bypass   atomic.Bool
	holds    func(client, server netip.AddrPort) bool
	passages passages

	changed func([]netip.Addr)
	log     *slog.Logger
	now     func() time.Time

	loops     atomic.Pointer[[]*queue] // set by Run
	totals    totals
	sightings sightings
	panics    logLimit
	reads     logLimit
}

// New returns a Forwarder; it starts nothing.
//
// Errors name the value that cannot be: a MAC of a group, an address that no host can have, a router or gateway that is not on-link.
func New(c Config) (*Forwarder, error) {
	if !isStation(c.MAC) {
		return nil, fmt.Errorf("mac %x is no station's", c.MAC)
	}
	if c.MTU == 0 {
		c.MTU = 1500
	}
	if len(c.Addresses) == 0 {
		return nil, errors.New("no address")
	}
	minimum := 68 // RFC 791 section 3.2
	for _, p := range c.Addresses {
		if err := checkAddress(p); err != nil {
			return nil, err
		}
		if p.Addr().Is6() {
			minimum = 1280 // RFC 8200 section 5
		}
	}
	if c.MTU < minimum || c.MTU > 65535 {
		return nil, fmt.Errorf("mtu %d is not within %d to 65535", c.MTU, minimum)
	}
	n := newNetwork(c.MAC, c.Addresses)
	n.routing = c.Advertise.Enabled
	if err := checkRouters(n, c.Routers); err != nil {
		return nil, err
	}
	if err := checkRoutes(n, c.Routes); err != nil {
		return nil, err
	}
	if err := c.Advertise.check(n); err != nil {
		return nil, err
	}
	r, err := newRules(c.Intercept, n.onLink)
	if err != nil {
		return nil, err
	}
	f := &Forwarder{
		network:    n,
		rules:      r,
		neighbours: newNeighbours(newGateways(c.Routers, c.Routes)),
		clients:    newClients(),
		errors:     newErrorLimit(),
		fragments:  newFragmentLimit(),
		datagrams:  newTCPFragments(),
		mtu:        c.MTU,
		tap:        c.Tap,

		advertisers: advertisers{list: make(map[netip.Addr]Advertiser)},
		announcer:   newAnnouncer(n, c.Advertise),

		holds:   c.Holds,
		changed: c.RoutersChanged,
		log:     c.Log,
		now:     c.Now,
	}
	if f.holds == nil {
		f.holds = func(_, _ netip.AddrPort) bool { return false }
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	if f.now == nil {
		f.now = time.Now
	}
	return f, nil
}

// checkAddress says what keeps a host from having an address.
func checkAddress(p netip.Prefix) error {
	a := p.Addr()
	switch {
	case !p.IsValid():
		return fmt.Errorf("address %v is no prefix", p)
	case a.Is4In6(), a.IsUnspecified(), a.IsLoopback(), a.IsMulticast():
		return fmt.Errorf("address %v: no host has it", p)
	case a.Is4() && neverForwarded(a):
		return fmt.Errorf("address %v: nothing is forwarded there", p)
	case a.Is4() && p.Bits() <= 30 && (a == lastAddress(p) || a == p.Masked().Addr()):
		return fmt.Errorf("address %v is its network's broadcast or network address", p)
	}
	return nil
}

// Run forwards until every port is closed, and returns nil when all it started has ended. When ctx ends it asks for no more
// neighbours, and each loop ends after the frames at hand; closing the ports is what wakes one that waits.
//
// Errors: no port.
func (f *Forwarder) Run(ctx context.Context, host Host, ports []Port) error {
	if len(ports) == 0 {
		return errors.New("no port")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queues := make([]*queue, len(ports))
	for i, p := range ports {
		queues[i] = newQueue(f, host, p)
	}
	f.loops.Store(&queues)

	var asking sync.WaitGroup
	asking.Go(func() { f.askNeighbours(ctx, queues[0]) }) // ends with ctx, which ends with the loops
	asking.Go(func() { f.announce(ctx, queues[0]) })      // the same
	var loops sync.WaitGroup
	for _, q := range queues {
		loops.Go(func() { q.run(ctx) }) // ends when its port is closed or with ctx
	}
	loops.Wait()
	cancel()
	asking.Wait()
	return nil
}

// askNeighbours sends requests through q: at once for the routers and for who is wanted, then in turn for all that are due.
func (f *Forwarder) askNeighbours(ctx context.Context, q *queue) {
	ticker := time.NewTicker(solicitInterval)
	defer ticker.Stop()
	a, g := newAsker(), new(guard)
	for all := true; ; {
		f.ask(q, a, all)
		if all {
			f.watch(q, g)
		}
		f.tellOfRouters()
		select {
		case <-ctx.Done():
			return
		case <-f.neighbours.wake:
			all = false
		case <-ticker.C:
			all = true
		}
	}
}

// asker is the memory that requests are written from.
type asker struct {
	list  []request
	frame [requestRoom]byte
}

func newAsker() *asker { return &asker{list: make([]request, 0, maxNeighbours)} }

// ask sends what is due now.
func (f *Forwarder) ask(q *queue, a *asker, all bool) {
	a.list = f.neighbours.due(a.list[:0], all, f.now())
	for _, r := range a.list {
		if n := f.putRequest(a.frame[:], r); n > 0 && q.writeOwn([][]byte{a.frame[:n]}) == 1 {
			f.totals.requests.Add(1)
		}
	}
}

// tellOfRouters says that other routers than before are in use, where it is so.
func (f *Forwarder) tellOfRouters() {
	if !f.neighbours.moved.Swap(false) {
		return
	}
	inUse := f.neighbours.inUse()
	f.totals.changes.Add(1)
	f.log.Warn("another router is in use", slog.Any("routers", inUse))
	if f.changed != nil {
		f.changed(inUse)
	}
}

// Routers returns the state of the routers, IPv4 first, each family in its order of preference, and then that of the routes.
func (f *Forwarder) Routers() []Router { return f.neighbours.states(f.now()) }

// logLimit lets one line through a second.
type logLimit struct {
	mu   sync.Mutex
	last time.Time
}

func (l *logLimit) allow(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.last.IsZero() && now.Sub(l.last) < time.Second {
		return false
	}
	l.last = now
	return true
}
