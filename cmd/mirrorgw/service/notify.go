package service

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// What a service tells the service manager, sd_notify(3).
const (
	notifyReady    = "READY=1"
	notifyStopping = "STOPPING=1"
	notifyWatchdog = "WATCHDOG=1"
)

// notifyVariable names the service manager's socket.
const notifyVariable = "NOTIFY_SOCKET"

// reloadingNow returns what a service says before it reloads; notifyReady follows. The time is that of CLOCK_MONOTONIC.
func reloadingNow() string {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil { // it is always there
		return "RELOADING=1"
	}
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/1000)
}

// notify sends state to the service manager that started this process: one datagram to the unix socket NOTIFY_SOCKET names,
// where a first @ stands for the abstract namespace. Without that variable there is nobody to tell.
func notify(state string) error {
	path := os.Getenv(notifyVariable)
	if path == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("telling the service manager %s: %w", state, err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("telling the service manager %s: %w", state, err)
	}
	return nil
}
