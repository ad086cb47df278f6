package pop3

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// halfCloser is the part of a connection that sends FIN and goes on reading. *net.TCPConn and netstack's connections fit.
type halfCloser interface{ CloseWrite() error }

// lingerer is the part of a connection whose SetLinger(0) makes Close a reset. *net.TCPConn and netstack's connections fit.
type lingerer interface{ SetLinger(sec int) error }

// lingerRead bounds the wait for the peer's FIN after ours: closing with unread octets would reset the connection and
// could take delivered replies with it.
const lingerRead = 2 * time.Second

// firstOctets is what a leg holds itself: most commands, so that one takes one read, and most replies of one line.
const firstOctets = 64

// leg is one connection of a session. At a time one goroutine reads and one writes; any may stop it.
type leg struct {
	conn     net.Conn
	stall    time.Duration // bound on each write
	patience time.Duration // bound on each read where not zero; belongs to the reading goroutine
	until    time.Time     // where not zero, end of all patience; belongs to the reading goroutine

	first [firstOctets]byte // what await has read
	ahead []byte            // of it, what is left for Read. Both belong to the reading goroutine

	octetsRead, octetsWritten atomic.Uint64

	mu      sync.Mutex
	stopped bool // both directions fail from now on; deadlines are no longer moved
	deaf    bool // reading fails from now on
	waiting bool // between waitWithin and waited
	nudged  bool // since the last of these
}

// past is a deadline that has been missed.
var past = time.Unix(1, 0)

// Read implements io.Reader within patience.
func (l *leg) Read(p []byte) (int, error) {
	if len(l.ahead) > 0 {
		n := copy(p, l.ahead)
		l.ahead = l.ahead[n:]
		return n, nil
	}
	if l.patience > 0 {
		by := time.Now().Add(l.patience)
		if !l.until.IsZero() && l.until.Before(by) {
			by = l.until
		}
		l.readBy(by)
	}
	n, err := l.conn.Read(p)
	l.octetsRead.Add(uint64(max(n, 0)))
	return n, err
}

// await waits for the next octets, however long, and leaves them to the next Read. It spares a reader's buffer while there is nothing to
// read.
func (l *leg) await() error {
	for len(l.ahead) == 0 {
		n, err := l.conn.Read(l.first[:])
		if n == 0 && err != nil {
			return err
		}
		l.ahead = l.first[:n]
		l.octetsRead.Add(uint64(n))
	}
	return nil
}

// Write implements io.Writer within stall.
func (l *leg) Write(p []byte) (int, error) {
	l.mu.Lock()
	if !l.stopped {
		l.conn.SetWriteDeadline(time.Now().Add(l.stall)) // an error shows in the write
	}
	l.mu.Unlock()
	n, err := l.conn.Write(p)
	l.octetsWritten.Add(uint64(max(n, 0)))
	return n, err
}

// readWithin bounds the read in progress and those to come by one deadline; 0 lifts it.
func (l *leg) readWithin(d time.Duration) {
	var by time.Time
	if d > 0 {
		by = time.Now().Add(d)
	}
	l.readBy(by)
}

// readBy bounds the read in progress and those to come by one deadline; the zero value lifts it.
func (l *leg) readBy(by time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.stopped && !l.deaf {
		l.conn.SetReadDeadline(by) // an error shows in the read
	}
}

// waitWithin begins a wait, a read that fails after d and at a nudge. It reports false when there was a nudge since the last one. waited
// must follow.
func (l *leg) waitWithin(d time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.nudged {
		l.nudged = false
		return false
	}
	l.waiting = true
	if !l.stopped && !l.deaf {
		l.conn.SetReadDeadline(time.Now().Add(d)) // an error shows in the read
	}
	return true
}

// waited ends a wait and says whether there was a nudge. The deadline stays where it is.
func (l *leg) waited() (nudged bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	nudged, l.waiting, l.nudged = l.nudged, false, false
	return nudged
}

// nudge ends the wait in progress, or else keeps the next one from beginning. Other reads do not notice.
func (l *leg) nudge() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nudged = true
	if l.waiting && !l.stopped && !l.deaf {
		l.conn.SetReadDeadline(past)
	}
}

// stop makes reads and writes fail, those in progress included, without closing yet.
func (l *leg) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	l.conn.SetDeadline(past)
}

// stopReading makes reads fail, the one in progress included.
func (l *leg) stopReading() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deaf = true
	if !l.stopped {
		l.conn.SetReadDeadline(past)
	}
}

// closeWrite sends FIN where the connection can; false where it cannot.
func (l *leg) closeWrite() bool {
	hc, ok := l.conn.(halfCloser)
	return ok && hc.CloseWrite() == nil
}

// close ends the connection in order: FIN, then whatever the peer still says is dropped until its FIN or lingerRead.
// It is called after all other use of the leg has ended. ended says that the peer's FIN was already read.
func (l *leg) close(ended bool) {
	if !ended && l.closeWrite() {
		l.conn.SetReadDeadline(time.Now().Add(lingerRead))
		_, _ = io.Copy(io.Discard, l.conn) // its end, whatever it is, ends the wait
	}
	l.conn.Close()
}

// reset ends the connection with RST where it can.
func (l *leg) reset() {
	if lc, ok := l.conn.(lingerer); ok {
		lc.SetLinger(0)
	}
	l.conn.Close()
}

// addrPort returns a as an address and port; the zero value when it is of another kind.
func addrPort(a net.Addr) netip.AddrPort {
	if a == nil {
		return netip.AddrPort{}
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
