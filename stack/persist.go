package stack

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// CreateDevice makes the TAP interface cfg describes for a gateway that runs as uid with the group gid: persistent, with
// several queues, opened by them and root alone, with its MTU, up, and a port of its bridge. OpenDevice with the same cfg
// then needs no right beyond opening /dev/net/tun. What is there already is brought in line, so that it may be called
// again, under a running gateway too. Queues and Offload matter to OpenDevice only.
//
// Errors: ErrBusy when somebody has it open and its owner is another; unix.EPERM without the right to.
func CreateDevice(cfg DeviceConfig, uid, gid int) error {
	if err := createDevice(cfg.withDefaults(), owner{uid: uid, gid: gid}); err != nil {
		return fmt.Errorf("creating device %s: %w", cfg.Name, err)
	}
	return nil
}

func createDevice(cfg DeviceConfig, to owner) error {
	if err := checkName(cfg.Name); err != nil {
		return err
	}
	if to.uid < 0 || to.gid < 0 {
		return fmt.Errorf("user %d and group %d: both are needed, or any local user could open it", to.uid, to.gid)
	}
	bridge, err := cfg.findBridge()
	if err != nil {
		return err
	}
	found, err := findTAP(cfg.Name)
	if err != nil {
		return err
	}
	made := !found.exists
	// A queue opened on a TAP in use would take frames from its user, so what is right is left alone. Root's may be
	// nobody's: netlink does not tell these apart.
	as := found.exists && found.persistent && found.owner == to
	if !as || to.uid == 0 || to.gid == 0 {
		if err := give(cfg.Name, found, to); err != nil && (!as || !errors.Is(err, ErrBusy)) {
			return err
		}
	}
	err = linkConfig{name: cfg.Name, mac: cfg.MAC, mtu: cfg.MTU}.apply(bridge)
	if err != nil && made {
		err = errors.Join(err, removeTAP(cfg.Name))
	}
	return err
}

// give makes the TAP found is about, or a new one, persistent and to's. It does without the lock on the name: a gateway that
// holds that and has no queue open waits for this very TAP.
func give(name string, found tap, to owner) error {
	if found.inUse {
		return ErrBusy
	}
	o := opening{name: name, multiQueue: !found.exists || found.multiQueue, persistent: true, offload: true, owner: &to}
	files, err := o.openAll(1)
	if errors.Is(err, errOffloadRefused) {
		o.offload = false
		files, err = o.openAll(1)
	}
	if err != nil {
		return err
	}
	return files[0].file.Close()
}

// DeleteDevice removes the TAP interface called name; that it is not there is no error.
//
// Errors: ErrBusy when somebody has it open; an interface of another kind has the name; unix.EPERM without the right to.
func DeleteDevice(name string) error {
	err := func() error {
		if err := checkName(name); err != nil {
			return err
		}
		found, err := findTAP(name)
		switch {
		case err != nil:
			return err
		case !found.exists:
			return nil
		case found.inUse:
			return ErrBusy
		}
		lock, err := lockDevice(name) // netlink does not tell of the user of a single queue
		if err != nil {
			return err
		}
		defer lock.Close()
		return removeTAP(name)
	}()
	if err != nil {
		return fmt.Errorf("deleting device %s: %w", name, err)
	}
	return nil
}

// removeTAP removes the interface called name.
func removeTAP(name string) error {
	link, err := netlink.LinkByName(name)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for the interface: %w", err)
	}
	err = netlink.LinkDel(link)
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w: run as root", err)
	}
	return err
}
