package stack_test

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"mirrorgw/stack"
)

// nobody and its group stand for the service user.
const nobody = 65534

// thread calls a function on a thread of its own, in a test's namespace.
type thread func(do func() error) error

// here returns the thread for functions of the test's namespace. It ends with the calling goroutine.
func here(t *testing.T) thread {
	t.Helper()
	ns, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return func(do func() error) error {
		done := make(chan error)
		go func() { // ends with do, and its thread with it
			runtime.LockOSThread()
			if err := netns.Set(ns); err != nil {
				done <- err
				return
			}
			done <- do()
		}()
		return <-done
	}
}

// as returns the thread for functions of the test's namespace with a user without capabilities, but for root's right to
// open /dev/net/tun, which distributions give to everybody and containers do not.
func as(t *testing.T, uid uintptr) thread {
	t.Helper()
	there := here(t)
	return func(do func() error) error {
		return there(func() error {
			for _, call := range [][4]uintptr{
				{unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 1},
				{unix.SYS_SETGROUPS, 0, 0},
				{unix.SYS_SETRESGID, uid, uid, uid},
				{unix.SYS_SETRESUID, uid, uid, uid},
				{unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1},
			} {
				if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
					return fmt.Errorf("system call %d: %w", call[0], errno)
				}
			}
			var caps [2]unix.CapUserData
			caps[0].Effective = 1 << unix.CAP_DAC_OVERRIDE
			caps[0].Permitted = caps[0].Effective
			if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &caps[0]); err != nil {
				return err
			}
			return do()
		})
	}
}

// tryOpen opens the device and closes it.
func tryOpen(cfg stack.DeviceConfig) func() error {
	return func() error {
		d, err := stack.OpenDevice(cfg)
		if err != nil {
			return err
		}
		return d.Close()
	}
}

func makeBridge(t *testing.T, name string) *netlink.Bridge {
	t.Helper()
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}}
	if err := netlink.LinkAdd(bridge); err != nil {
		t.Fatal(err)
	}
	return bridge
}

func tapOf(t *testing.T, name string) *netlink.Tuntap {
	t.Helper()
	link, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	tap, ok := link.(*netlink.Tuntap)
	if !ok {
		t.Fatalf("%s is of kind %s", name, link.Type())
	}
	return tap
}

// TestServiceUserOpensItsDevice: what CreateDevice made, its user opens without a right, whatever way it is opened, and
// nobody else does (REQUIREMENTS E4).
func TestServiceUserOpensItsDevice(t *testing.T) {
	for name, offload := range bothWays {
		t.Run(name, func(t *testing.T) {
			inNamespace(t)
			bridge := makeBridge(t, "br0")
			cfg := stack.DeviceConfig{Name: "mirror0", Bridge: "br0", MTU: 1600, Offload: offload, Queues: 4}
			for range 2 { // the second time nothing is left to do
				if err := stack.CreateDevice(cfg, nobody, nobody); err != nil {
					t.Fatal(err)
				}
				tap := tapOf(t, "mirror0")
				if tap.NonPersist || tap.Owner != nobody || tap.Group != nobody || tap.Flags&netlink.TUNTAP_MULTI_QUEUE == 0 ||
					tap.MTU != 1600 || tap.MasterIndex != bridge.Index || tap.Attrs().Flags&net.FlagUp == 0 {
					t.Errorf("%+v", tap)
				}
			}
			if err := as(t, nobody)(func() error {
				d, err := stack.OpenDevice(cfg)
				if err != nil {
					return err
				}
				defer d.Close()
				if d.Offload() != (offload == stack.OffloadOn) || len(d.Queues()) != 4 {
					t.Errorf("offload %v, %d queues", d.Offload(), len(d.Queues()))
				}
				return nil
			}); err != nil {
				t.Errorf("its user: %v", err)
			}
			if !exists("mirror0") {
				t.Error("it went with its user")
			}
			if err := as(t, nobody-1)(tryOpen(cfg)); !errors.Is(err, unix.EPERM) {
				t.Errorf("another user: %v", err)
			}
		})
	}
}

// TestServiceUserIsToldWhatIsNotRight: all of it in one line, and the device is left as it was.
func TestServiceUserIsToldWhatIsNotRight(t *testing.T) {
	inNamespace(t)
	makeBridge(t, "br0")
	if err := stack.CreateDevice(stack.DeviceConfig{Name: "mirror0"}, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetDown(tapOf(t, "mirror0")); err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetTxQLen(tapOf(t, "mirror0"), 1000); err != nil { // which will do
		t.Fatal(err)
	}
	err := as(t, nobody)(tryOpen(stack.DeviceConfig{Name: "mirror0", Bridge: "br0", MTU: 1600}))
	if !errors.Is(err, unix.EPERM) {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{"its MTU is 1500, less than 1600", "it is not a port of bridge br0", "it is down", `"mirrorgw device up"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "address") || strings.Contains(err.Error(), "queue") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%q", err)
	}
}

// TestCreateUnderARunningGateway: an upgrade brings the device in line while it is open, and gives it to nobody else.
func TestCreateUnderARunningGateway(t *testing.T) {
	inNamespace(t)
	cfg := stack.DeviceConfig{Name: "mirror0"}
	if err := stack.CreateDevice(cfg, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	d := openDevice(t, cfg)
	cfg.MTU = 1600
	if err := stack.CreateDevice(cfg, nobody, nobody); err != nil {
		t.Errorf("as it is: %v", err)
	}
	if tap := tapOf(t, "mirror0"); tap.MTU != 1600 || tap.Queues != len(d.Queues()) {
		t.Errorf("MTU %d, %d queues", tap.MTU, tap.Queues)
	}
	if err := stack.CreateDevice(cfg, nobody-1, nobody); !errors.Is(err, stack.ErrBusy) {
		t.Errorf("for another user: %v", err)
	}
	if err := stack.DeleteDevice("mirror0"); !errors.Is(err, stack.ErrBusy) || !exists("mirror0") {
		t.Errorf("deleting: %v", err)
	}
	d.Close()
	if err := stack.CreateDevice(cfg, nobody-1, nobody); err != nil || tapOf(t, "mirror0").Owner != nobody-1 {
		t.Errorf("for another user, once closed: %v", err)
	}
	if err := stack.CreateDevice(cfg, 0, 0); err != nil || tapOf(t, "mirror0").Owner != 0 {
		t.Errorf("for root: %v", err)
	}
	if err := as(t, nobody)(tryOpen(cfg)); !errors.Is(err, unix.EPERM) {
		t.Errorf("somebody, when it is root's: %v", err)
	}
}

func TestDeleteDevice(t *testing.T) {
	inNamespace(t)
	if err := stack.CreateDevice(stack.DeviceConfig{Name: "mirror0"}, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is not there
		if err := stack.DeleteDevice("mirror0"); err != nil || exists("mirror0") {
			t.Errorf("%v", err)
		}
	}
	makeBridge(t, "br0")
	if err := stack.DeleteDevice("br0"); err == nil || !exists("br0") {
		t.Errorf("a bridge was deleted: %v", err)
	}
}

func TestCreateDeviceErrors(t *testing.T) {
	inNamespace(t)
	tests := []struct {
		name     string
		cfg      stack.DeviceConfig
		uid, gid int
		want     string
	}{
		{"no name", stack.DeviceConfig{}, nobody, nobody, "the name must have"},
		{"a pattern", stack.DeviceConfig{Name: "mirror%d"}, nobody, nobody, "the name must have"},
		{"no user", stack.DeviceConfig{Name: "mirror0"}, -1, nobody, "any local user could open it"},
		{"no group", stack.DeviceConfig{Name: "mirror0"}, nobody, -1, "any local user could open it"},
		{"no bridge", stack.DeviceConfig{Name: "mirror0", Bridge: "br9"}, nobody, nobody, "bridge br9 does not exist"},
		{"MTU out of range", stack.DeviceConfig{Name: "mirror0", MTU: 9_000_000}, nobody, nobody, "setting its MTU to 9000000"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := stack.CreateDevice(test.cfg, test.uid, test.gid); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v", err)
			}
			if exists("mirror0") {
				t.Error("left behind")
			}
		})
	}
}

// TestDeviceOfOneRunIsItsUsers: one that vanishes with the gateway is not open to others while it runs either.
func TestDeviceOfOneRunIsItsUsers(t *testing.T) {
	inNamespace(t)
	openDevice(t, stack.DeviceConfig{Name: "mirror0"})
	err := as(t, nobody)(func() error {
		link := &netlink.Tuntap{
			LinkAttrs: netlink.LinkAttrs{Name: "mirror0"}, Mode: netlink.TUNTAP_MODE_TAP,
			Flags: netlink.TUNTAP_MULTI_QUEUE_DEFAULTS, NonPersist: true, Queues: 1,
		}
		err := netlink.LinkAdd(link)
		for _, f := range link.Fds {
			f.Close()
		}
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "operation not permitted") {
		t.Errorf("somebody else joined in: %v", err)
	}
}
