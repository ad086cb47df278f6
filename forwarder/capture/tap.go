package capture

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxCaptures is how many captures may run at once: each has two buffers of bufferSize.
const maxCaptures = 4

// ErrTooMany is returned by Run while as many captures run as may.
var ErrTooMany = errors.New("4 captures are running already: end one of them first")

// way is where a frame goes. Each is an interface in the file.
type way uint8

const (
	own       way = iota // received, for the gateway itself
	intercept            // received, of an intercepted session
	forwarded            // as it leaves
	sent                 // by the gateway itself: netstack's frames, the forwarder's ICMP errors and requests
	ways
)

// Tap is where frames are shown to the captures that run. Its methods may be called from any goroutine.
type Tap struct {
	running atomic.Pointer[[]*recording] // nil while there is none
	mu      sync.Mutex                   // held to change running
	now     func() time.Time
	totals  totals
}

// totals are the live form of Counters.
type totals struct {
	captures, refused       atomic.Uint64
	frames, octets, dropped atomic.Uint64
}

// Counters are what happened since New, but for Running, which is as of now.
type Counters struct {
	Running  uint64 // captures
	Captures uint64 // begun
	Refused  uint64 // captures, because too many were running
	Frames   uint64 // written
	Octets   uint64 // of these frames
	Dropped  uint64 // frames that were wanted and found a capture's buffer full
}

// New returns a Tap that nobody looks at yet. A nil now is time.Now.
func New(now func() time.Time) *Tap {
	if now == nil {
		now = time.Now
	}
	return &Tap{now: now}
}

// Active says whether any capture runs. While none does, showing frames does nothing.
func (t *Tap) Active() bool { return t.running.Load() != nil }

// Frames shows frames, which it borrows: what was received for the gateway itself and of intercepted sessions, what leaves
// forwarded, and what the gateway sends by itself. Each begins with its virtio header.
func (t *Tap) Frames(ownFrames, interceptFrames, forwardedFrames, sentFrames [][]byte) {
	list := t.running.Load()
	if list == nil {
		return
	}
	for _, r := range *list {
		r.offer(own, ownFrames)
		r.offer(intercept, interceptFrames)
		r.offer(forwarded, forwardedFrames)
		r.offer(sent, sentFrames)
	}
}

// FrameWriter sends frames; stack.Queue fits.
type FrameWriter interface {
	WriteFrames(frames [][]byte) (int, error)
}

// Writer returns a FrameWriter that shows what the gateway sends by itself, and has to send it.
func (t *Tap) Writer(to FrameWriter) FrameWriter { return &writer{t, to} }

type writer struct {
	tap *Tap
	to  FrameWriter
}

// WriteFrames implements FrameWriter. Frames are shown before they are sent, so that no answer comes first.
func (w *writer) WriteFrames(frames [][]byte) (int, error) {
	if w.tap.Active() {
		w.tap.Frames(nil, nil, nil, frames)
	}
	return w.to.WriteFrames(frames)
}

// begin adds r to those that are shown frames.
func (t *Tap) begin(r *recording) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []*recording
	if old := t.running.Load(); old != nil {
		list = *old
	}
	if len(list) == maxCaptures {
		t.totals.refused.Add(1)
		return ErrTooMany
	}
	list = append(slices.Clone(list), r)
	t.running.Store(&list)
	t.totals.captures.Add(1)
	return nil
}

// end takes r away again.
func (t *Tap) end(r *recording) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.running.Load()
	if old == nil {
		return
	}
	list := slices.DeleteFunc(slices.Clone(*old), func(other *recording) bool { return other == r })
	if len(list) == 0 {
		t.running.Store(nil)
		return
	}
	t.running.Store(&list)
}

// Counters returns the figures as they are now.
func (t *Tap) Counters() Counters {
	running := 0
	if list := t.running.Load(); list != nil {
		running = len(*list)
	}
	s := &t.totals
	return Counters{
		Running:  uint64(running),
		Captures: s.captures.Load(),
		Refused:  s.refused.Load(),
		Frames:   s.frames.Load(),
		Octets:   s.octets.Load(),
		Dropped:  s.dropped.Load(),
	}
}
