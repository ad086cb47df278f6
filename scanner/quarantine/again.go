package quarantine

import (
	"crypto/sha256"
	"encoding/json"
	"net/netip"
	"sync"

	"mirrorgw/scanner"
)

// maxRecent bounds the items that are known again.
const maxRecent = 1024

// recent knows the items kept last by what they are of. The zero value knows none.
type recent struct {
	mu    sync.Mutex
	items map[fingerprint]string // to the ID
}

// fingerprint tells fetches apart that are not the same mail to the same reader for the same reason.
type fingerprint [sha256.Size]byte

// fingerprintOf returns the fingerprint of a mail that is to be kept.
func fingerprintOf(i scanner.Item) (fingerprint, error) {
	text, err := json.Marshal(struct {
		Content             [sha256.Size]byte
		Client              netip.Addr
		Server              netip.AddrPort
		User, Login, Detail string
		Cause               scanner.Cause
		Findings            []scanner.Finding
	}{i.Verdict.SHA256, i.Origin.Client.Addr(), i.Origin.Server, i.Origin.User, i.Origin.Login, i.Verdict.Detail, i.Cause, i.Verdict.Findings})
	return sha256.Sum256(text), err
}

// put takes note of a new item.
func (r *recent) put(of fingerprint, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.items == nil {
		r.items = make(map[fingerprint]string)
	}
	if len(r.items) >= maxRecent {
		for victim := range r.items { // any: at worst a mail is kept twice
			delete(r.items, victim)
			break
		}
	}
	r.items[of] = id
}

func (r *recent) get(of fingerprint) (id string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id, ok = r.items[of]
	return id, ok
}

// again returns the item that a mail is in already, and lets its time begin anew; false where there is none.
func (s *Store) again(of fingerprint, size int64) (id string, ok bool) {
	if id, ok = s.recent.get(of); !ok {
		return "", false
	}
	s.room.mu.Lock() // or it might go meanwhile to make room
	defer s.room.mu.Unlock()
	info, err := s.root.Lstat(id + "/" + mailName)
	if err != nil || info.Size() != size { // deleted since, or damaged
		return "", false
	}
	now := s.now()
	if err := s.root.Chtimes(id+"/"+mailName, now, now); err != nil {
		return "", false
	}
	s.tally.forget(id)
	s.room.again.Add(1)
	return id, true
}
