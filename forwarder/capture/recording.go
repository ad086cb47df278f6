package capture

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"
)

// bufferSize is the room for frames that wait to be encoded, in octets; while they are, there is as much again.
const bufferSize = 4 << 20

// A record in a buffer is the time in nanoseconds since the recording began, the frame's length, its way, and the frame.
const recordHeader = 8 + 4 + 1

// recording is one capture: a filter, and the frames it chose that are not encoded yet.
type recording struct {
	filter  Filter
	now     func() time.Time
	started time.Time
	dropped *atomic.Uint64 // over all recordings
	wake    chan struct{}  // holds a value when filling may hold something

	mu      sync.Mutex
	filling []byte       // records; its capacity is all there is. Guarded by mu
	full    [ways]uint64 // frames that found no room. Guarded by mu
}

func newRecording(f Filter, now func() time.Time, dropped *atomic.Uint64, size int) *recording {
	return &recording{
		filter: f, now: now, started: now(), dropped: dropped,
		wake:    make(chan struct{}, 1),
		filling: make([]byte, 0, size),
	}
}

// offer copies those of frames that the filter wants. It waits for nobody but another copy, and allocates nothing.
func (r *recording) offer(w way, frames [][]byte) {
	for _, frame := range frames {
		if len(frame) >= l3 && r.filter.wants(w, frame) {
			r.put(w, frame)
		}
	}
}

func (r *recording) put(w way, frame []byte) {
	r.mu.Lock()
	if len(r.filling)+recordHeader+len(frame) > cap(r.filling) {
		r.full[w]++
		r.mu.Unlock()
		r.dropped.Add(1)
		return
	}
	// The time is taken here, so that it grows from record to record. The difference knows no clock that is set.
	b := binary.LittleEndian.AppendUint64(r.filling, uint64(r.now().Sub(r.started)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(frame)))
	b = append(b, byte(w))
	r.filling = append(b, frame...)
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// swap leaves an empty buffer in the place of the filled one, which it returns. It keeps empty.
func (r *recording) swap(empty []byte) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	filled := r.filling
	r.filling = empty[:0]
	return filled
}

// drops returns how many frames of each way found no room.
func (r *recording) drops() [ways]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.full
}

// record is a frame that was copied. The frame is a part of its buffer.
type record struct {
	after time.Duration // since the recording began
	way   way
	frame []byte
}

// next takes the first record of a buffer, and returns what follows it.
func next(b []byte) (record, []byte) {
	length := int(binary.LittleEndian.Uint32(b[8:]))
	r := record{
		after: time.Duration(binary.LittleEndian.Uint64(b)),
		way:   way(b[12]),
		frame: b[recordHeader : recordHeader+length],
	}
	return r, b[recordHeader+length:]
}
