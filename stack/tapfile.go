package stack

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/songgao/water"
	"golang.org/x/sys/unix"
)

// TUNPath is where TAP interfaces are opened.
const TUNPath = "/dev/net/tun"

// errOffloadRefused wraps what the kernel said to the virtio header or the offload flags, as against the device itself.
var errOffloadRefused = errors.New("the kernel refuses offload on it")

// Flags of TUNSETOFFLOAD (linux/if_tun.h) that x/sys does not name.
const (
	tunFlagUSO4 = 0x20
	tunFlagUSO6 = 0x40
)

// opening says how the queues of a TAP are opened, each the same way.
type opening struct {
	name       string
	multiQueue bool // must be as it is on a TAP that exists
	persistent bool // the same
	offload    bool
	owner      *owner // of a TAP that is made by opening it; nil: it is there already
}

// owner is who may open a TAP without further rights.
type owner struct{ uid, gid int }

// self is the user this process runs as.
func self() owner { return owner{uid: os.Geteuid(), gid: os.Getegid()} }

// openAll opens n queues, or none.
func (o opening) openAll(n int) ([]*tapFile, error) {
	files := make([]*tapFile, 0, n)
	for range n {
		f, err := o.open()
		if err != nil {
			for _, f := range files {
				f.close()
			}
			return nil, explain(err)
		}
		files = append(files, f)
		o.owner = nil // the first one made it
	}
	return files, nil
}

// open opens one queue.
func (o opening) open() (*tapFile, error) {
	open := o.openPlain
	if o.offload {
		open = o.openOffload
	}
	f, err := open()
	if err != nil || o.owner == nil {
		return f, err
	}
	if err := f.give(*o.owner, o.persistent); err != nil {
		f.file.Close()
		return nil, err
	}
	return f, nil
}

// openOffload opens a queue with a virtio-net header. Flags, header size and offloads survive on a persistent TAP
// whoever opened it before, so each is set every time, on every queue.
func (o opening) openOffload() (_ *tapFile, err error) {
	fd, err := unix.Open(TUNPath, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: TUNPath, Err: err}
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	ifr, err := unix.NewIfreq(o.name)
	if err != nil {
		return nil, err
	}
	flags := uint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	if o.multiQueue {
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
	return newTAPFile(os.NewFile(uintptr(fd), o.name))
}

// openPlain opens a queue without a virtio-net header and turns every offload off, those of an earlier user too. Water
// sets the persistent flag on every open, to what it is.
func (o opening) openPlain() (_ *tapFile, err error) {
	ifce, err := water.New(water.Config{
		DeviceType:             water.TAP,
		PlatformSpecificParams: water.PlatformSpecificParams{Name: o.name, Persist: o.persistent, MultiQueue: o.multiQueue},
	})
	if err != nil {
		return nil, fmt.Errorf("TUNSETIFF: %w", err)
	}
	file, ok := ifce.ReadWriteCloser.(*os.File)
	if !ok {
		ifce.Close()
		return nil, fmt.Errorf("water gave a %T in place of a file", ifce.ReadWriteCloser)
	}
	f, err := newTAPFile(file)
	if err != nil {
		file.Close()
		return nil, err
	}
	if err := f.ioctl(unix.TUNSETOFFLOAD, 0); err != nil {
		file.Close()
		return nil, fmt.Errorf("TUNSETOFFLOAD 0: %w", err)
	}
	return f, nil
}

// tapFile is an open queue of a TAP, in non-blocking mode.
type tapFile struct {
	file *os.File
	raw  syscall.RawConn
	gone atomic.Bool // its interface is no more
}

// close gives the file back; that of nil does nothing.
func (f *tapFile) close() error {
	if f == nil {
		return nil
	}
	return f.file.Close()
}

// newTAPFile wraps file, which it keeps.
func newTAPFile(file *os.File) (*tapFile, error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("preparing a queue: %w", err)
	}
	return &tapFile{file: file, raw: raw}, nil
}

// ioctl makes a call whose argument is a number.
func (f *tapFile) ioctl(request uint, value int) error {
	var inner error
	if err := f.raw.Control(func(fd uintptr) { inner = unix.IoctlSetInt(int(fd), request, value) }); err != nil {
		return err
	}
	return inner
}

// give makes o the one user, and the group, without rights of its own that may open the TAP: one without owner opens for
// everybody who may open /dev/net/tun. Persistent, it outlives its last queue.
func (f *tapFile) give(o owner, persistent bool) error {
	keep := 0
	if persistent {
		keep = 1
	}
	for _, step := range []struct {
		what    string
		request uint
		value   int
	}{{"TUNSETOWNER", unix.TUNSETOWNER, o.uid}, {"TUNSETGROUP", unix.TUNSETGROUP, o.gid}, {"TUNSETPERSIST", unix.TUNSETPERSIST, keep}} {
		if err := f.ioctl(step.request, step.value); err != nil {
			return fmt.Errorf("%s %d: %w", step.what, step.value, err)
		}
	}
	return nil
}

// explain adds to an error of the kernel what a person can do about it.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w: run as root, or have root run \"mirrorgw device up\" for this user", err)
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("%w (%w)", ErrBusy, err)
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV):
		return fmt.Errorf("%w: the kernel's tun driver is missing: modprobe tun", err)
	}
	return err
}
