package forwarder

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// Fragments of TCP that go on (requirements A11 and A12). Only the first of a datagram tells which flow it is of: decide looks at
// it, and here is remembered how far each datagram has come whose first fragment went on. A later fragment goes on where it begins
// at the very octet at which the one before it ended. So nothing overlaps, nothing is written over a header, and there is one way
// to put together what passes.

// Bounds of what is remembered. An older datagram makes room for a newer one of a source in the same set.
const (
	fragmentSources    = 16 // sets; sources are spread over them
	datagramsPerSource = 64
	reassemblyTime4    = 30 * time.Second // Linux's; RFC 1122 section 3.3.2 has 60 to 120 s
	reassemblyTime6    = 60 * time.Second // RFC 8200 section 4.5
	maxDatagram        = 65535
)

// part is where a fragment lies in its datagram's payload.
type part struct {
	id   uint32
	at   int // its first octet
	size int
	more bool // others follow
}

// datagram is one of TCP whose first fragment went on, and not yet its last.
type datagram struct {
	from, to netip.Addr
	id       uint32
	next     int // octets of it that went on; 0: the slot is free
	began    time.Time
}

// tcpFragments holds the datagrams in fragments. Queues share it; only fragments of TCP get here.
type tcpFragments struct {
	seed maphash.Seed // so that nobody can choose whose set he shares

	mu   sync.Mutex
	sets [fragmentSources][datagramsPerSource]datagram // guarded by mu
}

func newTCPFragments() *tcpFragments { return &tcpFragments{seed: maphash.MakeSeed()} }

// passes says whether a fragment of TCP goes on, of which decide has seen that it is of no intercepted flow if it is the first.
func (t *tcpFragments) passes(p *packet, now time.Time) bool {
	switch {
	case p.raw[0]&needsChecksum != 0 || p.raw[1] != gsoNone: // who sends fragments leaves neither to others
		return false
	case !p.later && !p.part.more: // an atomic fragment has nothing to do with others of its number (RFC 6946)
		return true
	case p.part.size == 0, p.part.more && p.part.size%offsetUnit != 0, p.part.at+p.part.size > maxDatagram:
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	d, spare := t.findLocked(p, now)
	switch {
	case !p.later && d == nil:
		d = spare
		*d = datagram{from: p.from, to: p.to, id: p.part.id, began: now}
	case !p.later, d == nil, d.next != p.part.at:
		return false
	}
	d.next += p.part.size
	if !p.part.more {
		d.next = 0
	}
	return true
}

// mixes says whether a fragment that is none of TCP claims to belong to a datagram of TCP, which then has no further one go on. Over
// IPv6 each fragment names a protocol of its own, and receivers believe the first one's (RFC 8200 section 4.5).
func (t *tcpFragments) mixes(p *packet, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	d, _ := t.findLocked(p, now)
	if d == nil {
		return false
	}
	d.next = 0
	return true
}

// forget has no further fragment of p's datagram go on.
func (t *tcpFragments) forget(p *packet, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d, _ := t.findLocked(p, now); d != nil {
		d.next = 0
	}
}

// findLocked returns the datagram of a fragment, or nil, and the slot for it if it were new.
func (t *tcpFragments) findLocked(p *packet, now time.Time) (found, spare *datagram) {
	lives := reassemblyTime4
	if p.from.Is6() {
		lives = reassemblyTime6
	}
	source := p.from.As16()
	set := &t.sets[maphash.Bytes(t.seed, source[:])%fragmentSources]
	spare = &set[0]
	for i := range set {
		d := &set[i]
		if d.next > 0 && now.Sub(d.began) >= lives {
			d.next = 0
		}
		switch {
		case d.next > 0 && d.id == p.part.id && d.from == p.from && d.to == p.to:
			found = d
		case spare.next > 0 && (d.next == 0 || d.began.Before(spare.began)):
			spare = d
		}
	}
	return found, spare
}

// part4 reads an IPv4 header's fragmentation (RFC 791 section 3.1), for a payload of size octets.
func part4(ip []byte, size int) part {
	word := binary.BigEndian.Uint16(ip[6:])
	return part{
		id:   uint32(binary.BigEndian.Uint16(ip[4:])),
		at:   int(word&offsetMask) * offsetUnit,
		size: size,
		more: word&moreFragments != 0,
	}
}

// part6 reads an IPv6 fragment header (RFC 8200 section 4.5), with size octets behind it.
func part6(h []byte, size int) part {
	word := binary.BigEndian.Uint16(h[2:])
	return part{id: binary.BigEndian.Uint32(h[4:]), at: int(word &^ 7), size: size, more: word&1 != 0}
}
