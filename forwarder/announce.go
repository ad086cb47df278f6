package forwarder

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// Router advertisements of our own (RFC 4861 section 6.2), so that workstations choose the gateway as their IPv6 router, and the
// solicitations that let us know soon who else advertises (section 6.3.7).

// Advertise says whether and how the gateway advertises itself as an IPv6 router. Addresses and prefixes are not its business:
// workstations have them from the router's own advertisements or by hand.
type Advertise struct {
	Enabled    bool
	Interval   time.Duration // between two advertisements at most; default 10 min, 4 s to 30 min
	Lifetime   time.Duration // for which workstations believe one; default 3 intervals, at most 9,000 s, at least an interval
	Preference Preference    // among routers (RFC 4191)
}

// Times of RFC 4861 section 10 and of its section 6.2.1.
const (
	defaultAdvertInterval = 10 * time.Minute
	leastAdvertInterval   = 4 * time.Second
	mostAdvertInterval    = 30 * time.Minute
	mostAdvertLifetime    = 9000 * time.Second
	initialAdverts        = 3
	initialAdvertInterval = 16 * time.Second
	betweenAdverts        = 3 * time.Second
	answerDelay           = 500 * time.Millisecond
	solicitations         = 3
	solicitationInterval  = 4 * time.Second
)

// withDefaults fills in what is zero.
func (a Advertise) withDefaults() Advertise {
	if a.Interval == 0 {
		a.Interval = defaultAdvertInterval
	}
	if a.Lifetime == 0 {
		a.Lifetime = min(3*a.Interval, mostAdvertLifetime)
	}
	return a
}

// check says what keeps the gateway from advertising itself so.
func (a Advertise) check(n *network) error {
	if !a.Enabled {
		return nil
	}
	a = a.withDefaults()
	switch _, ok := n.linkLocal(); {
	case !ok:
		return errors.New("advertising needs a link-local address (RFC 4861 section 4.2)")
	case a.Interval < leastAdvertInterval || a.Interval > mostAdvertInterval:
		return fmt.Errorf("advertising every %v is not within %v to %v", a.Interval, leastAdvertInterval, mostAdvertInterval)
	case a.Lifetime < a.Interval || a.Lifetime > mostAdvertLifetime:
		return fmt.Errorf("advertising a lifetime of %v is not within %v to %v", a.Lifetime, a.Interval, mostAdvertLifetime)
	case a.Preference < Low || a.Preference > High:
		return fmt.Errorf("advertising preference %d is none", a.Preference)
	}
	return nil
}

// announcer is the state of our own advertising.
type announcer struct {
	Advertise
	from      netip.Addr // our link-local address; invalid where there is none
	solicited chan struct{}

	mu    sync.Mutex
	queue *queue // where advertisements leave; nil before Run and after Withdraw. Guarded by mu.
}

func newAnnouncer(n *network, a Advertise) announcer {
	from, _ := n.linkLocal()
	return announcer{Advertise: a.withDefaults(), from: from, solicited: make(chan struct{}, 1)}
}

// linkLocal returns our link-local IPv6 address.
func (n *network) linkLocal() (netip.Addr, bool) {
	for _, a := range n.own {
		if a.Is6() && a.IsLinkLocalUnicast() {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// hearRouterDiscovery takes a router advertisement or solicitation.
func (f *Forwarder) hearRouterDiscovery(p *packet, now time.Time) {
	if p.payload()[0] == ndRouterAdvertisement {
		f.noteAdvertisement(p, now)
		return
	}
	select {
	case f.announcer.solicited <- struct{}{}:
	default: // one answer is for all
	}
}

// announce solicits advertisements of others, and sends our own where that is wanted: three soon, then at random times within the
// interval, and when one is solicited.
func (f *Forwarder) announce(ctx context.Context, q *queue) {
	a := &f.announcer
	if !a.from.IsValid() {
		return
	}
	a.mu.Lock()
	a.queue = q
	a.mu.Unlock()
	var last time.Time
	sent, asked := 0, 0
	next, ask := time.NewTimer(0), time.NewTimer(0)
	defer next.Stop()
	defer ask.Stop()
	if !a.Enabled {
		next.Stop()
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ask.C:
			f.solicitRouters(q)
			if asked++; asked < solicitations {
				ask.Reset(solicitationInterval)
			}
		case <-next.C:
			f.advertise(a.Lifetime)
			last = f.now()
			// RFC 4861 section 6.2.4, with its least interval of a third.
			wait := a.Interval/3 + rand.N(a.Interval-a.Interval/3)
			if sent++; sent < initialAdverts {
				wait = min(wait, initialAdvertInterval)
			}
			next.Reset(wait)
		case <-a.solicited:
			if a.Enabled { // RFC 4861 section 6.2.6
				next.Reset(max(betweenAdverts-f.now().Sub(last), 0) + rand.N(answerDelay))
			}
		}
	}
}

// Withdraw tells workstations that the gateway is no router any more (RFC 4861 section 6.2.5), where it advertised itself, and ends
// advertising. It has to be called while the ports are open.
func (f *Forwarder) Withdraw() {
	f.advertise(0)
	a := &f.announcer
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queue = nil
}

const (
	advertLen       = 16 + 8 // with a source link-layer address
	solicitationLen = 8 + 8
)

// advertise sends an advertisement with a lifetime, where advertising is wanted and has not ended.
func (f *Forwarder) advertise(lifetime time.Duration) {
	a := &f.announcer
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.Enabled || a.queue == nil {
		return
	}
	var b [l3 + ipv6Len + advertLen]byte
	icmp := b[l3+ipv6Len:]
	icmp[0] = ndRouterAdvertisement
	icmp[5] = byte(a.Preference) & 3 << 3
	binary.BigEndian.PutUint16(icmp[6:], uint16(lifetime/time.Second))
	f.putRouterDiscovery(b[:], 16, allNodes)
	f.totals.announced.Add(uint64(a.queue.writeOwn([][]byte{b[:]})))
}

// solicitRouters asks for the advertisements of others.
func (f *Forwarder) solicitRouters(q *queue) {
	var b [l3 + ipv6Len + solicitationLen]byte
	b[l3+ipv6Len] = ndRouterSolicitation
	f.putRouterDiscovery(b[:], 8, allRouters)
	q.writeOwn([][]byte{b[:]}) // one that is lost is repeated
}

var allRouters = netip.AddrFrom16([16]byte{0xff, 0x02, 15: 2})

// putRouterDiscovery completes a frame whose ICMPv6 message is there but for its checksum and, at option, our MAC.
func (f *Forwarder) putRouterDiscovery(b []byte, option int, to netip.Addr) {
	ether, ip, icmp := b[virtioLen:], b[l3:], b[l3+ipv6Len:]
	group, from := to.As16(), f.announcer.from.As16()
	ether[0], ether[1] = 0x33, 0x33 // RFC 2464 section 7
	copy(ether[2:6], group[12:])
	copy(ether[6:], f.network.mac[:])
	binary.BigEndian.PutUint16(ether[12:], etherIPv6)
	binary.BigEndian.PutUint32(ip, 6<<28)
	binary.BigEndian.PutUint16(ip[4:], uint16(len(icmp)))
	ip[6], ip[7] = protoICMP6, ndHopLimit
	copy(ip[8:], from[:])
	copy(ip[24:], group[:])
	icmp[option], icmp[option+1] = ndSourceAddress, 1
	copy(icmp[option+2:], f.network.mac[:])
	binary.BigEndian.PutUint16(icmp[2:], ^fold(sum(pseudoHeader(f.announcer.from, to, protoICMP6, len(icmp)), icmp)))
}
