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

// escalation remembers which mails were refused because an engine failed, so that one mail never blocks a mailbox for good.
// It is kept in memory and lost at a restart.
type escalation struct {
	mu    sync.Mutex
	byKey map[[sha256.Size]byte]*list.Element
	order *list.List // of *retried, the one retried longest ago in front
}

type retried struct {
	key   [sha256.Size]byte
	first time.Time
	tries int
}

func newEscalation() *escalation {
	return &escalation{byKey: make(map[[sha256.Size]byte]*list.Element), order: list.New()}
}

// due counts one more refusal of the mail with this digest, and reports whether it has been refused often and long enough.
func (e *escalation) due(key [sha256.Size]byte, now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	el, known := e.byKey[key]
	if !known {
		if e.order.Len() >= maxRetried {
			oldest := e.order.Front()
			delete(e.byKey, oldest.Value.(*retried).key)
			e.order.Remove(oldest)
		}
		el = e.order.PushBack(&retried{key: key, first: now})
		e.byKey[key] = el
	}
	e.order.MoveToBack(el)
	r := el.Value.(*retried)
	r.tries++
	return r.tries >= escalateTries && now.Sub(r.first) >= escalateAfter
}

// forget drops a mail that engines can judge again.
func (e *escalation) forget(key [sha256.Size]byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if el, known := e.byKey[key]; known {
		delete(e.byKey, key)
		e.order.Remove(el)
	}
}
