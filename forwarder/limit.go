package forwarder

import (
	"net/netip"
	"sync"
	"time"
)

// bucket is a token bucket. It does not lock.
type bucket struct {
	rate   float64 // tokens a second
	burst  float64
	tokens float64
	last   time.Time // when tokens was right
}

// newBucket returns a full bucket.
func newBucket(rate, burst float64) bucket { return bucket{rate: rate, burst: burst, tokens: burst} }

// take takes a token if there is one.
func (b *bucket) take(now time.Time) bool {
	if !b.holds(now) {
		return false
	}
	b.tokens--
	return true
}

// holds says whether take would succeed.
func (b *bucket) holds(now time.Time) bool {
	if b.last.IsZero() {
		b.last = now
	}
	if passed := now.Sub(b.last); passed > 0 { // a clock that goes backwards earns nothing
		b.tokens = min(b.burst, b.tokens+b.rate*passed.Seconds())
		b.last = now
	}
	return b.tokens >= 1
}

// Rates of ICMP errors (requirement A2): overall per family, IPv6 as RFC 4443 section 2.4(f) has it for a small device, and for each
// host they go to.
const (
	errorsPerSecond4   = 1000
	errorsBurst4       = 50
	errorsPerSecond6   = 10
	errorsBurst6       = 10
	errorsPerTarget    = 1
	errorsTargetBurst  = 6
	errorTargetBuckets = 1024
)

// errorLimit decides whether one more ICMP error may go out. Queues share it; only frames that earn an error get here.
type errorLimit struct {
	mu         sync.Mutex
	ipv4, ipv6 bucket
	targets    map[netip.Addr]bucket // at most errorTargetBuckets
}

func newErrorLimit() *errorLimit {
	return &errorLimit{
		ipv4:    newBucket(errorsPerSecond4, errorsBurst4),
		ipv6:    newBucket(errorsPerSecond6, errorsBurst6),
		targets: make(map[netip.Addr]bucket, errorTargetBuckets),
	}
}

// allow takes a token for an error to target. The target's own bucket is asked first, so that one host's flood does not
// use up what is there for the others.
func (l *errorLimit) allow(target netip.Addr, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	one, known := l.targets[target]
	if !known {
		one = newBucket(errorsPerTarget, errorsTargetBurst)
	}
	overall := &l.ipv4
	if target.Is6() {
		overall = &l.ipv6
	}
	allowed := one.holds(now) && overall.take(now)
	if allowed {
		one.tokens--
	}
	if !known && len(l.targets) >= errorTargetBuckets {
		// Whoever is forgotten gets a full bucket when he returns; the overall rate still holds.
		for victim := range l.targets {
			delete(l.targets, victim)
			break
		}
	}
	l.targets[target] = one
	return allowed
}

// Rate of fragments for the gateway itself. The host keeps each until its datagram is whole or for 30 or 60 seconds (RFC 8200
// section 4.5); the longest ping is 45 of them. What is kept of orphans stays below 4 MiB (requirement A12).
const (
	fragmentsPerSecond = 32
	fragmentsBurst     = 64
)

// fragmentLimit decides whether one more fragment may reach the host. Queues share it.
type fragmentLimit struct {
	mu     sync.Mutex
	bucket bucket
}

func newFragmentLimit() *fragmentLimit {
	return &fragmentLimit{bucket: newBucket(fragmentsPerSecond, fragmentsBurst)}
}

// allow takes a token.
func (l *fragmentLimit) allow(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bucket.take(now)
}
