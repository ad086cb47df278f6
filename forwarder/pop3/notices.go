package pop3

// Bounds on the notices a session remembers, in octets.
const (
	maxNotices = 512 << 10 // of all together: hundreds
	maxNotice  = 64 << 10  // of one
)

// notices are those that replaced messages of a session, by the messages' numbers, for the TOPs to come. The zero value is empty.
type notices struct {
	by     map[uint64][]byte
	octets int
}

// of returns the notice that replaced a message.
func (n *notices) of(message uint64) (notice []byte, known bool) {
	notice, known = n.by[message]
	return notice, known
}

// keep remembers the notice that replaced a message, which it keeps, and forgets others where they are too many.
func (n *notices) keep(message uint64, notice []byte) {
	n.forget(message)
	if len(notice) > maxNotice {
		return
	}
	for old := range n.by {
		if n.octets+len(notice) <= maxNotices {
			break
		}
		n.forget(old)
	}
	if n.by == nil {
		n.by = make(map[uint64][]byte)
	}
	n.by[message] = notice
	n.octets += len(notice)
}

// forget lets go of the notice for a message, if there is one.
func (n *notices) forget(message uint64) {
	n.octets -= len(n.by[message])
	delete(n.by, message)
}
