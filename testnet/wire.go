package testnet

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
)

const (
	// ethernetHeaderSize is two addresses and a type.
	ethernetHeaderSize = 14

	defaultMTU   = 1500
	defaultQueue = 1024

	// maxFrame bounds a frame of any wire, whatever its MTU.
	maxFrame = 1<<16 + ethernetHeaderSize
)

// WireConfig says how a wire behaves. The zero value is a faultless switch with an MTU of 1500.
type WireConfig struct {
	// MTU is the largest payload of a frame, in octets without the Ethernet header; longer frames are lost and counted.
	// Zero is 1500.
	MTU int

	// Loss is the share of frames lost, from 0 to 1, and Seed decides which: the same frames in the same order meet
	// the same fate.
	Loss float64
	Seed uint64

	// Delay is added to every frame; order is kept.
	Delay time.Duration

	// Clock times Delay; nil is the real clock. faketime.ManualClock fits.
	Clock tcpip.Clock

	// Hub sends every frame to every other end. Otherwise addresses are learnt, and a frame for a known address goes to
	// its end only, as in a switch.
	Hub bool

	// Queue is the number of frames that wait at each end before more are lost. Zero is 1024.
	Queue int

	// Filter, when set, sees every frame sent, with the name of its sender, and returns false to have it lost. It runs
	// under the wire's lock, one frame at a time: it may keep counters without a lock of its own, borrows frame, and
	// must not call the wire or a host on it.
	Filter func(from string, frame []byte) bool
}

// WireCounters counts frames.
type WireCounters struct {
	Sent       uint64 // handed to the wire
	Delivered  uint64 // put into a queue; a flooded frame counts once for each end
	Lost       uint64 // taken by Loss
	Filtered   uint64 // refused by Filter
	Oversized  uint64 // longer than the MTU allows
	Overflowed uint64 // met a full queue
}

// Wire is an Ethernet segment in memory. Its methods may be called from any goroutine.
type Wire struct {
	cfg WireConfig

	mu struct {
		sync.Mutex
		closed   bool
		ports    []*port
		learnt   map[[6]byte]*port
		rand     *rand.Rand
		counters WireCounters
		delayed  []delayedFrame // in order of due time, which is the order of sending
		waiting  bool           // a timer for delayed[0] is set
		nodes    int            // MAC addresses given out
	}
}

// delayedFrame is a frame under way.
type delayedFrame struct {
	due   tcpip.MonotonicTime
	from  *port
	frame []byte
}

// port is one end of a wire. Frames in its queue are shared with other ports: whoever takes one must not write to it.
type port struct {
	name   string
	queue  chan []byte
	closed chan struct{} // closed once, by Wire.unplug
}

// NewWire returns a wire with no ends.
func NewWire(cfg WireConfig) *Wire {
	if cfg.MTU == 0 {
		cfg.MTU = defaultMTU
	}
	if cfg.Queue == 0 {
		cfg.Queue = defaultQueue
	}
	if cfg.Clock == nil {
		cfg.Clock = tcpip.NewStdClock()
	}
	w := &Wire{cfg: cfg}
	w.mu.learnt = make(map[[6]byte]*port)
	w.mu.rand = rand.New(rand.NewPCG(cfg.Seed, 0x77697265))
	return w
}

// MTU is the largest payload of a frame in octets.
func (w *Wire) MTU() int { return w.cfg.MTU }

// Counters returns what happened so far.
func (w *Wire) Counters() WireCounters {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.counters
}

// Close unplugs every end. Taps then return os.ErrClosed; nodes stay to be closed by their owner, and hear nothing more.
// Frames under way are lost. Close may be called more than once.
func (w *Wire) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.closed {
		return nil
	}
	w.mu.closed = true
	for _, p := range w.mu.ports {
		close(p.closed)
	}
	w.mu.ports, w.mu.delayed = nil, nil
	clear(w.mu.learnt)
	return nil
}

// plug adds an end.
func (w *Wire) plug(name string) (*port, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.closed {
		return nil, os.ErrClosed
	}
	p := &port{name: name, queue: make(chan []byte, w.cfg.Queue), closed: make(chan struct{})}
	w.mu.ports = append(w.mu.ports, p)
	return p, nil
}

// unplug removes an end; a second call does nothing.
func (w *Wire) unplug(p *port) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, q := range w.mu.ports {
		if q != p {
			continue
		}
		w.mu.ports = append(w.mu.ports[:i], w.mu.ports[i+1:]...)
		for mac, q := range w.mu.learnt {
			if q == p {
				delete(w.mu.learnt, mac)
			}
		}
		close(p.closed)
		return
	}
}

// nextMAC gives out 02:00:00:00:00:01 and up: locally administered, and the same in every run.
func (w *Wire) nextMAC() [6]byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.nodes++
	mac := [6]byte{0: 0x02}
	binary.BigEndian.PutUint32(mac[2:], uint32(w.mu.nodes))
	return mac
}

// errFrameSize reports a frame no wire carries.
var errFrameSize = errors.New("frame longer than 65550 octets")

// send puts a frame on the wire. It keeps frame, which nobody may write to afterwards. What the wire loses is no error.
func (w *Wire) send(from *port, frame []byte) error {
	if len(frame) > maxFrame {
		return errFrameSize
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-from.closed:
		return os.ErrClosed
	default:
	}
	w.mu.counters.Sent++
	switch {
	case len(frame) > w.cfg.MTU+ethernetHeaderSize:
		w.mu.counters.Oversized++
		return nil
	case w.cfg.Filter != nil && !w.cfg.Filter(from.name, frame):
		w.mu.counters.Filtered++
		return nil
	case w.cfg.Loss > 0 && w.mu.rand.Float64() < w.cfg.Loss:
		w.mu.counters.Lost++
		return nil
	}
	if w.cfg.Delay <= 0 {
		w.deliverLocked(from, frame)
		return nil
	}
	due := w.cfg.Clock.NowMonotonic().Add(w.cfg.Delay)
	w.mu.delayed = append(w.mu.delayed, delayedFrame{due: due, from: from, frame: frame})
	w.scheduleLocked()
	return nil
}

// scheduleLocked sets the timer for the first frame under way.
func (w *Wire) scheduleLocked() {
	if w.mu.waiting || len(w.mu.delayed) == 0 {
		return
	}
	w.mu.waiting = true
	w.cfg.Clock.AfterFunc(w.mu.delayed[0].due.Sub(w.cfg.Clock.NowMonotonic()), w.arrive)
}

// arrive delivers all frames that are due.
func (w *Wire) arrive() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.waiting = false
	now := w.cfg.Clock.NowMonotonic()
	for len(w.mu.delayed) > 0 && !w.mu.delayed[0].due.After(now) {
		d := w.mu.delayed[0]
		w.mu.delayed[0] = delayedFrame{}
		w.mu.delayed = w.mu.delayed[1:]
		w.deliverLocked(d.from, d.frame)
	}
	w.scheduleLocked()
}

// deliverLocked queues a frame at the end its destination was learnt on, or at all ends but its own.
func (w *Wire) deliverLocked(from *port, frame []byte) {
	var known *port
	if len(frame) >= ethernetHeaderSize && !w.cfg.Hub {
		destination, source := [6]byte(frame[0:6]), [6]byte(frame[6:12])
		known = w.mu.learnt[destination]
		select {
		case <-from.closed: // unplugged while the frame was under way: nothing to learn
		default:
			if source[0]&1 == 0 {
				w.mu.learnt[source] = from
			}
		}
	}
	for _, p := range w.mu.ports {
		if p == from || known != nil && p != known {
			continue
		}
		select {
		case p.queue <- frame:
			w.mu.counters.Delivered++
		default:
			w.mu.counters.Overflowed++
		}
	}
}
