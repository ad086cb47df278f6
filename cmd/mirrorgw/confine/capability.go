package confine

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

// kept are the capabilities a gateway that was started with them goes on to use: to mend its device, and to reach its files
// whoever they belong to.
const kept = 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_FOWNER

// dropCapabilities gives up all others, for this process and for what it may start. A process without any has none to give up.
func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData // capabilities 0 to 31, and the rest
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("reading its capabilities: %w", err)
	}
	if data == ([2]unix.CapUserData{}) {
		return nil
	}
	if data[0].Effective&(1<<unix.CAP_SETPCAP) != 0 {
		if err := dropBounding(); err != nil {
			return err
		}
	}
	data[0].Effective &= kept
	data[0].Permitted &= kept
	data[1].Effective, data[1].Permitted = 0, 0
	data[0].Inheritable, data[1].Inheritable = 0, 0 // and with it the ambient set
	_, _, errno := psx.Syscall3(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data[0])), 0)
	if errno != 0 {
		return fmt.Errorf("dropping capabilities: %w", errno)
	}
	return nil
}

// dropBounding takes from the bounding set all that is not kept, up to the last one the kernel knows.
func dropBounding() error {
	for c := uintptr(0); ; c++ {
		if c < 32 && kept&(1<<c) != 0 {
			continue
		}
		_, _, errno := psx.Syscall3(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c, 0)
		if errors.Is(errno, unix.EINVAL) {
			return nil
		}
		if errno != 0 {
			return fmt.Errorf("dropping capability %d: %w", c, errno)
		}
	}
}
