package forwarder

import (
	"net/netip"
	"sync"
	"time"
)

// Sighting is the last time a station did what may take clients off the gateway. The zero value was never seen.
type Sighting struct {
	Addr netip.Addr
	MAC  [6]byte   // of the station
	Last time.Time // when
}

// sightings are what was seen of each kind. Frames that are seen so are rare, unless forged, and one lock serves them all.
type sightings struct {
	mu       sync.Mutex
	claimed  Sighting
	redirect Sighting
}

// AddressClaimed returns the last claim of another station to one of the gateway's addresses, which is Addr (RFC 5227 section
// 2.4, RFC 4862 section 5.4): an ARP message from it, a neighbour advertisement about it, or a solicitation from it.
func (f *Forwarder) AddressClaimed() Sighting {
	f.sightings.mu.Lock()
	defer f.sightings.mu.Unlock()
	return f.sightings.claimed
}

// Redirected returns the last ICMP redirect to the gateway, whose sender is Addr. It was dropped.
func (f *Forwarder) Redirected() Sighting {
	f.sightings.mu.Lock()
	defer f.sightings.mu.Unlock()
	return f.sightings.redirect
}

// noteClaim looks at a frame for the gateway, or dropped as martian, for a claim to one of its addresses.
func (f *Forwarder) noteClaim(p *packet, d decision, now time.Time) {
	addr, who := d.station, d.mac
	if d.fate == drop { // a martian: only its source says anything
		addr, who = p.from, p.src
	}
	if !addr.IsValid() || who == f.network.mac || !f.network.isOwn(addr) {
		return
	}
	f.totals.conflicts.Add(1)
	f.sightings.mu.Lock()
	defer f.sightings.mu.Unlock()
	f.sightings.claimed = Sighting{Addr: addr, MAC: who, Last: now}
}

// noteRedirect remembers who sent a redirect.
func (f *Forwarder) noteRedirect(p *packet, now time.Time) {
	f.sightings.mu.Lock()
	defer f.sightings.mu.Unlock()
	f.sightings.redirect = Sighting{Addr: p.from, MAC: p.src, Last: now}
}
