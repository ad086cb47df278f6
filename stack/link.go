package stack

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// tap is what is known of an interface before it is opened.
type tap struct {
	exists, persistent, multiQueue bool
	inUse                          bool  // somebody has a queue of it open
	owner                          owner // 0 for root and for nobody
}

// findTAP looks for the interface called name.
//
// Errors: an interface of another kind has the name.
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
	return tap{
		exists: true, persistent: !t.NonPersist, multiQueue: t.Flags&netlink.TUNTAP_MULTI_QUEUE != 0,
		inUse: t.Queues+t.DisabledQueues > 0,
		owner: owner{uid: int(t.Owner), gid: int(t.Group)},
	}, nil
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

// linkConfig is what an interface is to be like beside its queues.
type linkConfig struct {
	name string
	mac  net.HardwareAddr // the gateway's
	mtu  int
}

// queueLength is how many frames each of the interface's queues holds while its reader waits for a processor. The kernel's 1,000 are
// 70 ms of 100 Mbit/s and a SYN flood in one queue: on a busy host some were lost.
const queueLength = 5000

// change is one thing that is not as it should be.
type change struct {
	is    string // how it is, for whoever may not change it; empty: it will do
	doing string
	do    func() error
}

// apply brings the interface up with its MTU, at least, and, when bridge is not nil, makes it a port of it. What is right already takes
// no rights.
//
// Errors: unix.EPERM with everything that is not right and only root can change.
func (c linkConfig) apply(bridge netlink.Link) error {
	link, err := netlink.LinkByName(c.name)
	if err != nil {
		return fmt.Errorf("finding the interface just opened: %w", err)
	}
	var denied []string
	for _, ch := range c.changes(link, bridge) {
		err := ch.do()
		switch {
		case errors.Is(err, unix.EPERM) && ch.is == "": // such as of an interface that an older version made
		case errors.Is(err, unix.EPERM):
			denied = append(denied, ch.is)
		case err != nil:
			return fmt.Errorf("%s: %w", ch.doing, err)
		}
	}
	if len(denied) > 0 {
		return fmt.Errorf("%w to change what is not as configured: %s: run as root, or have root run \"mirrorgw device up\"", unix.EPERM, strings.Join(denied, ", "))
	}
	return nil
}

// changes returns what has to be done to link.
//
// The interface gets a hardware address of its own: a bridge keeps frames for a port's address to the host, so the
// gateway's own address must not be the port's. It begins with fe, so that a bridge without a fixed address, which takes the
// lowest of its ports', does not change its own.
func (c linkConfig) changes(link, bridge netlink.Link) []change {
	var list []change
	attrs := link.Attrs()
	port := append(net.HardwareAddr{0xfe}, c.mac[1:]...)
	if !bytes.Equal(attrs.HardwareAddr, port) {
		list = append(list, change{
			fmt.Sprintf("its address is %s, not %s", attrs.HardwareAddr, port), "setting its address",
			func() error { return netlink.LinkSetHardwareAddr(link, port) },
		})
	}
	if attrs.MTU < c.mtu { // more is left: a bridge drops what is above it in silence, while who forwards tells the sender
		list = append(list, change{
			fmt.Sprintf("its MTU is %d, less than %d", attrs.MTU, c.mtu), fmt.Sprintf("setting its MTU to %d", c.mtu),
			func() error { return netlink.LinkSetMTU(link, c.mtu) },
		})
	}
	if attrs.TxQLen < queueLength {
		list = append(list, change{"", "lengthening its queue", func() error { return netlink.LinkSetTxQLen(link, queueLength) }})
	}
	if bridge != nil && attrs.MasterIndex != bridge.Attrs().Index {
		list = append(list, change{
			fmt.Sprintf("it is not a port of bridge %s", bridge.Attrs().Name), fmt.Sprintf("joining bridge %s", bridge.Attrs().Name),
			func() error { return join(link, bridge) },
		})
	}
	if attrs.Flags&net.FlagUp == 0 {
		list = append(list, change{"it is down", "bringing it up", func() error { return netlink.LinkSetUp(link) }})
	}
	return list
}

// join makes link a port of bridge.
func join(link, bridge netlink.Link) error {
	if err := noHostAddress(link); err != nil {
		return err
	}
	return netlink.LinkSetMaster(link, bridge)
}

// noHostAddress keeps the kernel from giving link a link-local address: the host has no business of its own on a bridge
// port. Without IPv6 in the kernel there is nothing to turn off.
func noHostAddress(link netlink.Link) error {
	err := netlink.LinkSetIP6AddrGenMode(link, nl6AddrGenNone)
	if err != nil && !errors.Is(err, unix.EAFNOSUPPORT) && !errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("turning its link-local address off: %w", err)
	}
	return nil
}

// nl6AddrGenNone is IN6_ADDR_GEN_MODE_NONE of linux/if_link.h.
const nl6AddrGenNone = 1
