package scanner

import (
	"cmp"
	"maps"
	"sync"
)

// RulingKind is what rulings are counted by.
type RulingKind struct {
	Protocol string // of the relay that asked, see Origin
	Class    Class
	Action   Action
}

// Compare orders kinds by protocol, class and action.
func (k RulingKind) Compare(l RulingKind) int {
	return cmp.Or(cmp.Compare(k.Protocol, l.Protocol), cmp.Compare(k.Class, l.Class), cmp.Compare(k.Action, l.Action))
}

// Rulings returns how many mails were ruled on, by kind; a kind that has not occurred is not there.
func (j *Judge) Rulings() map[RulingKind]uint64 { return j.counted.rulings.all() }

// rulings counts rulings by kind. There are as many kinds as relays' protocols times classes times actions. The zero value is
// ready to use.
type rulings struct {
	mu     sync.Mutex
	counts map[RulingKind]uint64 // guarded by mu
}

func (r *rulings) add(k RulingKind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = make(map[RulingKind]uint64)
	}
	r.counts[k]++
}

func (r *rulings) all() map[RulingKind]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.counts)
}
