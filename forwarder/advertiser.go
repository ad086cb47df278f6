package forwarder

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Router advertisements of others (RFC 4861 section 4.2). A workstation that hears one may take its sender as default router for
// IPv6, and what it sends that way is not scanned.

// maxAdvertisers bounds the table of who advertises; a flood displaces entries.
const maxAdvertisers = 64

// Preference is how much a router wants to be chosen (RFC 4191 section 2.1).
type Preference int8

// The preferences, in their order.
const (
	Low    Preference = -1
	Medium Preference = 0
	High   Preference = 1
)

// String returns the word of RFC 4191.
func (p Preference) String() string {
	switch p {
	case Low:
		return "low"
	case High:
		return "high"
	default:
		return "medium"
	}
}

// Advertiser is another station that tells workstations to send IPv6 by it.
type Advertiser struct {
	Addr       netip.Addr // link-local
	MAC        [6]byte
	Preference Preference // the highest of what it advertises
	Seen       time.Time  // last
	Until      time.Time  // workstations believe it until then
}

// advertisers is who advertised lately.
type advertisers struct {
	mu   sync.Mutex
	list map[netip.Addr]Advertiser // at most maxAdvertisers
}

// note takes an advertisement.
func (l *advertisers) note(a Advertiser) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.list[a.Addr]; !known && len(l.list) >= maxAdvertisers {
		for victim, old := range l.list {
			if !old.Until.After(a.Seen) { // nobody believes it any more
				delete(l.list, victim)
			}
		}
		for victim := range l.list {
			if len(l.list) < maxAdvertisers {
				break
			}
			delete(l.list, victim)
		}
	}
	l.list[a.Addr] = a
}

// forget takes an advertiser's withdrawal.
func (l *advertisers) forget(a netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.list, a)
}

// Advertisers returns the other stations that workstations on the LAN believe to be IPv6 routers, as far as their advertisements came
// by, the last seen first. While there is one, IPv6 can bypass the gateway.
func (f *Forwarder) Advertisers() []Advertiser {
	now := f.now()
	l := &f.advertisers
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []Advertiser
	for _, a := range l.list {
		if a.Until.After(now) {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b Advertiser) int {
		if d := b.Seen.Compare(a.Seen); d != 0 {
			return d
		}
		return a.Addr.Compare(b.Addr)
	})
	return list
}

// noteAdvertisement notes the router advertisement at hand, whose form readDiscovery has checked.
func (f *Forwarder) noteAdvertisement(p *packet, now time.Time) {
	f.totals.advertisements.Add(1)
	b := p.payload()
	a := Advertiser{Addr: p.from, MAC: p.src, Preference: preferenceOf(b[5]), Seen: now}
	seconds := time.Duration(binary.BigEndian.Uint16(b[6:]))
	if seconds == 0 {
		a.Preference = Low
	}
	a.Until = now.Add(seconds * time.Second)
	for o := b[16:]; len(o) >= 8; o = o[int(o[1])*8:] {
		const routeInformation = 24 // RFC 4191 section 2.3
		if o[0] != routeInformation {
			continue
		}
		if until := now.Add(time.Duration(binary.BigEndian.Uint32(o[4:])) * time.Second); until.After(a.Until) {
			a.Until = until
		}
		a.Preference = max(a.Preference, preferenceOf(o[3]))
	}
	if a.Until.After(now) {
		f.advertisers.note(a)
	} else {
		f.advertisers.forget(p.from)
	}
}

// preferenceOf reads the two bits of RFC 4191; the reserved value counts as medium.
func preferenceOf(flags byte) Preference {
	switch flags >> 3 & 3 {
	case 1:
		return High
	case 3:
		return Low
	default:
		return Medium
	}
}
