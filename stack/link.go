package stack

import (
	"bytes"
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// tap is what is known of an interface before it is opened.
type tap struct {
	exists, persistent, multiQueue bool
}

// findTAP looks for the interface called name.
//
// Errors: ErrBusy when somebody has a queue of it open; an interface of another kind has the name.
func findTAP(name string) (tap, error) {
	link, err := netlink.LinkByName(name)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return tap{}, nil
	}
	if err != nil {
		return tap{}, fmt.Errorf("looking for the interface: %w", err)
	}
	t, ok := link.(*netlink.Tuntap)
	if !ok || t.Mode != netlink.TUNTAP_MODE_TAP {
		return tap{}, fmt.Errorf("an interface of kind %s has this name: choose another name (device.name)", link.Type())
	}
	if t.Queues+t.DisabledQueues > 0 {
		return tap{}, ErrBusy
	}
	return tap{exists: true, persistent: !t.NonPersist, multiQueue: t.Flags&netlink.TUNTAP_MULTI_QUEUE != 0}, nil
}

// findBridge looks for the bridge called name.
func findBridge(name string) (netlink.Link, error) {
	link, err := netlink.LinkByName(name)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil, fmt.Errorf("bridge %s does not exist: create it (ip link add %s type bridge) or leave device.bridge out", name, name)
	}
	if err != nil {
		return nil, fmt.Errorf("looking for bridge %s: %w", name, err)
	}
	if link.Type() != "bridge" {
		return nil, fmt.Errorf("%s is not a bridge but an interface of kind %s (device.bridge)", name, link.Type())
	}
	return link, nil
}

// configureLink brings the interface up with the device's MTU and, when bridge is not nil, makes it a port of it.
//
// The interface gets a hardware address of its own: a bridge keeps frames for a port's address to the host, so the
// gateway's own address must not be the port's. It begins with fe, so that a bridge without a fixed address, which takes the
// lowest of its ports', does not change its own.
func (d *Device) configureLink(bridge netlink.Link) error {
	link, err := netlink.LinkByName(d.name)
	if err != nil {
		return fmt.Errorf("finding the interface just opened: %w", err)
	}
	port := append(net.HardwareAddr{0xfe}, d.mac[1:]...)
	if attrs := link.Attrs(); !bytes.Equal(attrs.HardwareAddr, port) {
		if err := netlink.LinkSetHardwareAddr(link, port); err != nil {
			return explain(fmt.Errorf("setting its address: %w", err))
		}
	}
	if link.Attrs().MTU != d.mtu {
		if err := netlink.LinkSetMTU(link, d.mtu); err != nil {
			return explain(fmt.Errorf("setting its MTU to %d: %w", d.mtu, err))
		}
	}
	if bridge != nil && link.Attrs().MasterIndex != bridge.Attrs().Index {
		// The host has no business of its own on a bridge port. Without IPv6 in the kernel there is nothing to turn off.
		if err := netlink.LinkSetIP6AddrGenMode(link, nl6AddrGenNone); err != nil && !errors.Is(err, unix.EAFNOSUPPORT) && !errors.Is(err, unix.EOPNOTSUPP) {
			return explain(fmt.Errorf("turning its link-local address off: %w", err))
		}
		if err := netlink.LinkSetMaster(link, bridge); err != nil {
			return explain(fmt.Errorf("joining bridge %s: %w", bridge.Attrs().Name, err))
		}
	}
	if link.Attrs().Flags&net.FlagUp == 0 {
		if err := netlink.LinkSetUp(link); err != nil {
			return explain(fmt.Errorf("bringing it up: %w", err))
		}
	}
	return nil
}

// nl6AddrGenNone is IN6_ADDR_GEN_MODE_NONE of linux/if_link.h.
const nl6AddrGenNone = 1
