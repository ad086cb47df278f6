package scanner

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"
)

// When a mail that engines fail on is no longer left on the server: from the third time on, and an hour after the first.
const (
	escalateTries = 3
	escalateAfter = time.Hour
)

// maxRetried bounds the table of retried mails. Beyond it the one retried longest ago is forgotten: its count begins anew.
const maxRetried = 4096

// Retries remembers which mails were refused because an engine failed, so that one mail never blocks a mailbox for good. It is
// kept in memory; OpenRetries returns one that outlives the process. It is safe for concurrent use.
type Retries struct {
	mu      sync.Mutex
	byKey   map[[sha256.Size]byte]*list.Element
	order   *list.List // of *retried, the one retried longest ago in front
	journal *journal   // nil: in memory only
}

type retried struct {
	key   [sha256.Size]byte
	first time.Time
	tries int
}

// NewRetries returns an empty table.
func NewRetries() *Retries {
	return &Retries{byKey: make(map[[sha256.Size]byte]*list.Element), order: list.New()}
}

// due counts one more refusal of the mail with this digest, and reports whether it has been refused often and long enough.
// A clock that has been set back before the first refusal begins the hour anew, or it might last for years.
func (e *Retries) due(key [sha256.Size]byte, now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.entry(key, now)
	if now.Before(r.first) {
		r.first = now
	}
	r.tries++
	e.note(*r)
	return r.tries >= escalateTries && now.Sub(r.first) >= escalateAfter
}

// entry returns the entry of a mail as the latest of the table, a new one where there is none. e.mu is held.
func (e *Retries) entry(key [sha256.Size]byte, first time.Time) *retried {
	el, known := e.byKey[key]
	if !known {
		if e.order.Len() >= maxRetried {
			e.drop(e.order.Front())
		}
		el = e.order.PushBack(&retried{key: key, first: first})
		e.byKey[key] = el
	}
	e.order.MoveToBack(el)
	return el.Value.(*retried)
}

// forget drops a mail that engines can judge again.
func (e *Retries) forget(key [sha256.Size]byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if el, known := e.byKey[key]; known {
		e.drop(el)
		e.note(retried{key: key, first: time.UnixMilli(0)})
	}
}

// drop takes an entry off the table. e.mu is held.
func (e *Retries) drop(el *list.Element) {
	delete(e.byKey, el.Value.(*retried).key)
	e.order.Remove(el)
}

// note writes what has become of an entry, no tries for one that is gone, to the journal if there is one. e.mu is held.
func (e *Retries) note(r retried) {
	if e.journal != nil {
		e.journal.add(r, e.all)
	}
}

// all calls yield with every entry, the one retried longest ago first. e.mu is held.
func (e *Retries) all(yield func(retried) bool) {
	for el := e.order.Front(); el != nil; el = el.Next() {
		if !yield(*el.Value.(*retried)) {
			return
		}
	}
}
