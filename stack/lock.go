package stack

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// ErrBusy is returned when another process has the device open.
var ErrBusy = errors.New("in use by another process")

// lockDevice makes this process the one user of the device called name in this network namespace, until the returned
// socket is closed. The kernel itself lets a second process join a multi-queue TAP, which would share its frames out.
func lockDevice(name string) (*net.UnixListener, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: "@mirrorgw-tap-" + name})
	if errors.Is(err, unix.EADDRINUSE) {
		return nil, ErrBusy
	}
	if err != nil {
		return nil, fmt.Errorf("locking the device: %w", err)
	}
	return l, nil
}
