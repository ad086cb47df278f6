package scanner

import (
	"container/list"
	"crypto/sha256"
	"slices"
	"sync"
	"time"
)

// cacheFor is how long a verdict is believed. Within one Scanner the rules do not change, but what an engine outside this
// process knows may.
const cacheFor = time.Hour

// maxCachedFindings bounds the findings of a verdict that is remembered, and so the memory of an entry.
const maxCachedFindings = 8

// cache remembers the verdicts on the contents seen last, by their digest and by nothing that a server or sender could
// choose: clients that leave mail on the server fetch it again, and several clients fetch the same mail. A nil cache is empty
// and stays so.
type cache struct {
	size int

	mu    sync.Mutex
	byKey map[[sha256.Size]byte]*list.Element // guarded by mu
	order *list.List                          // of *cached, the one asked for longest ago in front; guarded by mu
}

type cached struct {
	verdict Verdict
	since   time.Time
}

// newCache returns a cache of at most size verdicts, nil for none.
func newCache(size int) *cache {
	if size <= 0 {
		return nil
	}
	return &cache{size: size, byKey: make(map[[sha256.Size]byte]*list.Element), order: list.New()}
}

// get returns the verdict on the content with this digest, if there is one to go by.
func (c *cache) get(sum [sha256.Size]byte) (Verdict, bool) {
	if c == nil {
		return Verdict{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	el, known := c.byKey[sum]
	if known && time.Since(el.Value.(*cached).since) >= cacheFor {
		c.drop(el)
		known = false
	}
	if !known {
		return Verdict{}, false
	}
	c.order.MoveToBack(el)
	v := el.Value.(*cached).verdict
	v.Findings = slices.Clone(v.Findings)
	return v, true
}

// put remembers v if it is a fact about its content alone: clean, or infected and nothing else. What kept a mail from being
// judged may be gone the next time.
func (c *cache) put(v Verdict) {
	fact := v.Class == Clean || v.Class == Infected && len(v.Also) == 0
	if c == nil || !fact || len(v.Findings) > maxCachedFindings {
		return
	}
	v.Findings = slices.Clone(v.Findings)
	c.mu.Lock()
	defer c.mu.Unlock()
	if el, known := c.byKey[v.SHA256]; known {
		c.drop(el)
	} else if c.order.Len() >= c.size {
		c.drop(c.order.Front())
	}
	c.byKey[v.SHA256] = c.order.PushBack(&cached{verdict: v, since: time.Now()})
}

// drop forgets an entry. c.mu is held.
func (c *cache) drop(el *list.Element) {
	delete(c.byKey, el.Value.(*cached).verdict.SHA256)
	c.order.Remove(el)
}
