package stack

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// VNetHeaderLen is the length of the virtio_net_hdr (linux/virtio_net.h) before each frame.
const VNetHeaderLen = 10

// Queue is one queue of a Device. One goroutine reads it; any number write. It outlives the interface: when that is deleted,
// Device.Run gives it the file of the next one.
type Queue struct {
	skip int           // octets of a frame's virtio header that the device does not see: none with offload, all when plain
	lost chan struct{} // wakes Device.Run; holds one

	file atomic.Pointer[tapFile] // nil while there is none; replaced under mu

	mu      sync.Mutex
	closed  bool       // guarded by mu
	changed *sync.Cond // file or closed

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

// newQueue returns the queue of an open file, which it keeps. It sends to lost when it finds the interface gone.
func newQueue(f *tapFile, offload bool, lost chan struct{}) *Queue {
	q := &Queue{lost: lost}
	if !offload {
		q.skip = VNetHeaderLen
	}
	q.file.Store(f)
	q.changed = sync.NewCond(&q.mu)
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
// buffer is cut. While the interface is gone it waits for the next one. It allocates nothing.
//
// Errors: os.ErrClosed after Close; others are the kernel's and may pass.
func (q *Queue) ReadFrames(bufs [][]byte, sizes []int) (int, error) {
	for {
		f := q.file.Load()
		if f == nil {
			if !q.await(f) {
				return 0, os.ErrClosed
			}
			continue
		}
		q.readBufs, q.readSizes, q.readCount, q.readErr = bufs, sizes, 0, nil
		err := f.raw.Read(q.readFunc)
		n := q.readCount
		q.readBufs, q.readSizes = nil, nil
		switch {
		case n > 0:
			return n, nil
		case err == nil && q.readErr == nil:
			return 0, nil
		case err == nil && !isGone(q.readErr):
			return 0, fmt.Errorf("reading frames: %w", q.readErr)
		case err == nil:
			q.report(f)
		} // else the file was closed, which is all that the poller itself can say
		if !q.await(f) {
			return 0, os.ErrClosed
		}
	}
}

// isGone says whether err tells that the file's interface is no more.
func isGone(err error) bool {
	return errors.Is(err, syscall.EBADFD) || errors.Is(err, syscall.ENODEV)
}

// report tells Device.Run that f is of no more use.
func (q *Queue) report(f *tapFile) {
	f.gone.Store(true)
	select {
	case q.lost <- struct{}{}:
	default: // it has been told and has not looked yet
	}
}

// await waits until the queue has another file than old. It reports false when the queue is closed.
func (q *Queue) await(old *tapFile) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.closed && (q.file.Load() == nil || q.file.Load() == old) {
		q.changed.Wait()
	}
	return !q.closed
}

// swap closes the queue's file and gives it f, which it keeps; nil has it wait for another.
func (q *Queue) swap(f *tapFile) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		f.close()
		return
	}
	q.file.Swap(f).close()
	q.changed.Broadcast()
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

// errGone is what writers get while there is no interface.
var errGone = errors.New("the interface is gone")

// WriteFrames sends frames, each a virtio_net_hdr (ignored on a plain device) and an Ethernet frame, and returns how many
// the device took. A frame it refuses does not keep it from the rest; the error is the first one's. It borrows the frames and
// allocates nothing.
//
// Errors: os.ErrClosed after Close; unix.EAGAIN when the device had no room, unix.EIO while the interface is down; others
// are the kernel's and may pass.
func (q *Queue) WriteFrames(frames [][]byte) (int, error) {
	f := q.file.Load()
	if f == nil {
		return 0, q.whyNone()
	}
	w := q.writes.Get().(*writeCall)
	w.frames, w.count, w.err = frames, 0, nil
	err := f.raw.Control(w.run)
	n := w.count
	if err != nil { // the file was closed, which is all that the poller itself can say
		err = q.whyNone()
	} else {
		err = w.err
	}
	w.frames = nil
	q.writes.Put(w)
	return n, err
}

// whyNone returns the error of a write that met no open file.
func (q *Queue) whyNone() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return os.ErrClosed
	}
	return errGone
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
func (q *Queue) close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil
	}
	q.closed = true
	q.changed.Broadcast()
	return q.file.Swap(nil).close()
}
