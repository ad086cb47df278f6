package stack

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"github.com/songgao/water"
	"golang.org/x/sys/unix"
)

// VNetHeaderLen is the length of the virtio_net_hdr (linux/virtio_net.h) before each frame.
const VNetHeaderLen = 10

// errOffloadRefused wraps what the kernel said to the virtio header or the offload flags, as against the device itself.
var errOffloadRefused = errors.New("the kernel refuses offload on it")

// Flags of TUNSETOFFLOAD (linux/if_tun.h) that x/sys does not name.
const (
	tunFlagUSO4 = 0x20
	tunFlagUSO6 = 0x40
)

// Queue is one queue of a Device. One goroutine reads it; any number write.
type Queue struct {
	file *os.File
	raw  syscall.RawConn
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

// newQueue wraps an open TAP file in non-blocking mode, which it keeps.
func newQueue(file *os.File, skip int) (*Queue, error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("preparing a queue: %w", err)
	}
	q := &Queue{file: file, raw: raw, skip: skip}
	q.readFunc = q.readReady
	q.writes.New = func() any {
		w := &writeCall{}
		w.run = func(fd uintptr) { q.writeAll(fd, w) }
		return w
	}
	return q, nil
}

// openOffloadQueue opens a queue with a virtio-net header. Flags, header size and offloads survive on a persistent TAP
// whoever opened it before, so each is set every time, on every queue.
func openOffloadQueue(name string, multiQueue bool) (_ *Queue, err error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: "/dev/net/tun", Err: err}
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return nil, err
	}
	flags := uint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	if multiQueue {
		flags |= unix.IFF_MULTI_QUEUE
	}
	ifr.SetUint16(flags)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		if errors.Is(err, unix.EINVAL) {
			return nil, fmt.Errorf("%w: TUNSETIFF with flags %#x: %w", errOffloadRefused, flags, err)
		}
		return nil, fmt.Errorf("TUNSETIFF: %w", err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TUNSETVNETHDRSZ, VNetHeaderLen); err != nil {
		return nil, fmt.Errorf("%w: TUNSETVNETHDRSZ: %w", errOffloadRefused, err)
	}
	const tso = unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO6 | unix.TUN_F_TSO_ECN
	err = unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, tso|tunFlagUSO4|tunFlagUSO6)
	if errors.Is(err, unix.EINVAL) { // USO came with Linux 6.2
		err = unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, tso)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: TUNSETOFFLOAD: %w", errOffloadRefused, err)
	}
	return newQueue(os.NewFile(uintptr(fd), name), 0)
}

// openPlainQueue opens a queue without a virtio-net header and turns every offload off, those of an earlier user too.
// persistent must be what the TAP is: water sets that flag on every open.
func openPlainQueue(name string, multiQueue, persistent bool) (_ *Queue, err error) {
	ifce, err := water.New(water.Config{
		DeviceType:             water.TAP,
		PlatformSpecificParams: water.PlatformSpecificParams{Name: name, Persist: persistent, MultiQueue: multiQueue},
	})
	if err != nil {
		return nil, fmt.Errorf("TUNSETIFF: %w", err)
	}
	file, ok := ifce.ReadWriteCloser.(*os.File)
	if !ok {
		ifce.Close()
		return nil, fmt.Errorf("water gave a %T in place of a file", ifce.ReadWriteCloser)
	}
	q, err := newQueue(file, VNetHeaderLen)
	if err != nil {
		file.Close()
		return nil, err
	}
	var offErr error
	if err := q.raw.Control(func(fd uintptr) { offErr = unix.IoctlSetInt(int(fd), unix.TUNSETOFFLOAD, 0) }); err != nil {
		offErr = err
	}
	if offErr != nil {
		file.Close()
		return nil, fmt.Errorf("TUNSETOFFLOAD 0: %w", offErr)
	}
	return q, nil
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
