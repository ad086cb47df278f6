package stack

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// VNetHeaderLen is the length of the virtio_net_hdr (linux/virtio_net.h) before each frame.
const VNetHeaderLen = 10

// Queue is one queue of a Device. One goroutine reads it; any number write.
type Queue struct {
	*tapFile
	skip int // octets of a frame's virtio header that the device does not see: none with offload, all when plain

	// The reader's call in progress. The closure is made once, so that reading allocates nothing.
	readFunc  func(fd uintptr) bool
	readBufs  [][]byte
	readSizes []int
	readCount int
	readErr   error

	writes sync.Pool // of *writeCall
}

// writeCall is one WriteFrames in progress; pooled with its closure, so that writing allocates nothing.
type writeCall struct {
	frames [][]byte
	count  int
	err    error
	run    func(fd uintptr)
}

// newQueue returns the queue of an open file, which it keeps.
func newQueue(f *tapFile, offload bool) *Queue {
	q := &Queue{tapFile: f}
	if !offload {
		q.skip = VNetHeaderLen
	}
	q.readFunc = q.readReady
	q.writes.New = func() any {
		w := &writeCall{}
		w.run = func(fd uintptr) { q.writeAll(fd, w) }
		return w
	}
	return q
}

// ReadFrames waits for a frame, then takes what else is ready, at most len(bufs), and returns how many: bufs[i] holds a
// virtio_net_hdr (all zero on a plain device) and an Ethernet frame of sizes[i] octets together. A frame larger than its
// buffer is cut. It allocates nothing.
//
// Errors: os.ErrClosed after Close; others are the kernel's and may pass.
func (q *Queue) ReadFrames(bufs [][]byte, sizes []int) (int, error) {
	q.readBufs, q.readSizes, q.readCount, q.readErr = bufs, sizes, 0, nil
	err := q.raw.Read(q.readFunc)
	n := q.readCount
	q.readBufs, q.readSizes = nil, nil
	switch {
	case n > 0:
		return n, nil
	case err != nil:
		return 0, os.ErrClosed // all that the poller itself can say
	case q.readErr != nil:
		return 0, fmt.Errorf("reading frames: %w", q.readErr)
	}
	return 0, nil
}

// readReady reads until nothing is left or the buffers are full. It reports false to be called again when there is
// something to read. The descriptor never blocks, so the system call goes past Go's scheduler: the hand-off would cost
// more than the call.
func (q *Queue) readReady(fd uintptr) bool {
	for q.readCount < len(q.readBufs) {
		buf := q.readBufs[q.readCount]
		clear(buf[:q.skip])
		b := buf[q.skip:]
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		switch errno {
		case 0:
			q.readSizes[q.readCount] = q.skip + int(n)
			q.readCount++
		case syscall.EINTR:
		case syscall.EAGAIN:
			return q.readCount > 0
		default:
			q.readErr = errno
			return true
		}
	}
	return true
}

// WriteFrames sends frames, each a virtio_net_hdr (ignored on a plain device) and an Ethernet frame, and returns how many
// the device took. A frame it refuses does not keep it from the rest; the error is the first one's. It borrows the frames and
// allocates nothing.
//
// Errors: os.ErrClosed after Close; unix.EAGAIN when the device had no room; others are the kernel's and may pass.
func (q *Queue) WriteFrames(frames [][]byte) (int, error) {
	w := q.writes.Get().(*writeCall)
	w.frames, w.count, w.err = frames, 0, nil
	err := q.raw.Control(w.run)
	n := w.count
	if err != nil {
		err = os.ErrClosed // all that the poller itself can say
	} else {
		err = w.err
	}
	w.frames = nil
	q.writes.Put(w)
	return n, err
}

// writeAll is the body of w.run.
func (q *Queue) writeAll(fd uintptr, w *writeCall) {
	for i := 0; i < len(w.frames); {
		b := w.frames[i][q.skip:]
		_, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		switch {
		case errno == syscall.EINTR:
			continue
		case errno == 0:
			w.count++
		case w.err == nil:
			w.err = errno
		}
		i++
	}
}

// close gives the queue back; a reader gets os.ErrClosed.
func (q *Queue) close() error { return q.file.Close() }
