package doctor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// maxSetting bounds a file of /proc/sys or sysfs that holds a number.
const maxSetting = 32

// readNumber reads a file that holds a decimal number.
func readNumber(path string) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	b := make([]byte, maxSetting)
	n, err := f.Read(b)
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", path, err)
	}
	return strconv.Atoi(strings.TrimSpace(string(b[:n])))
}

// readLinks returns every interface of the network namespace.
//
// netlink.LinkList leaves out the state of a bridge's port and the timers of its spanning tree, so the message is read here.
func readLinks() ([]Link, error) {
	const tries = 3 // a dump that something changed under is asked for again
	var err error
	for range tries {
		req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
		req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
		var messages [][]byte
		if messages, err = req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK); err != nil {
			if errors.Is(err, netlink.ErrDumpInterrupted) {
				continue
			}
			break
		}
		links := make([]Link, 0, len(messages))
		for _, m := range messages {
			l, err := parseLink(m)
			if err != nil {
				return nil, err
			}
			links = append(links, l)
		}
		return links, nil
	}
	return nil, fmt.Errorf("asking for the interfaces: %w", err)
}

var errShort = errors.New("a netlink message is cut short")

// attributes calls f with each attribute of b (struct nlattr of linux/netlink.h), its type without flags. nl.ParseRouteAttr panics on
// one that is cut short.
//
// Errors: errShort.
func attributes(b []byte, f func(kind uint16, value []byte)) error {
	for len(b) > 0 {
		if len(b) < unix.SizeofRtAttr {
			return errShort
		}
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofRtAttr || size > len(b) {
			return errShort
		}
		const flags = unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER
		f(binary.NativeEndian.Uint16(b[2:])&^flags, b[unix.SizeofRtAttr:size])
		b = b[min(len(b), (size+unix.NLA_ALIGNTO-1)&^(unix.NLA_ALIGNTO-1)):]
	}
	return nil
}

// parseLink reads an RTM_NEWLINK message.
func parseLink(m []byte) (l Link, err error) {
	if len(m) < unix.SizeofIfInfomsg {
		return l, errShort
	}
	info := nl.DeserializeIfInfomsg(m)
	l.Index = int(info.Index)
	l.Up = info.Flags&unix.IFF_UP != 0
	l.Carrier = info.Flags&unix.IFF_LOWER_UP != 0
	var nested []byte
	err = attributes(m[unix.SizeofIfInfomsg:], func(kind uint16, v []byte) {
		switch kind {
		case unix.IFLA_IFNAME:
			l.Name = text(v)
		case unix.IFLA_ADDRESS:
			l.MAC = append(net.HardwareAddr(nil), v...)
		case unix.IFLA_MASTER:
			l.master = int(number(v))
		case unix.IFLA_LINKINFO:
			nested = v
		}
	})
	if err != nil || nested == nil {
		return l, err
	}
	var data, port []byte
	var portKind string
	err = attributes(nested, func(kind uint16, v []byte) {
		switch kind {
		case unix.IFLA_INFO_KIND:
			l.Kind = text(v)
		case unix.IFLA_INFO_DATA:
			data = v
		case unix.IFLA_INFO_SLAVE_KIND:
			portKind = text(v)
		case unix.IFLA_INFO_SLAVE_DATA:
			port = v
		}
	})
	if err != nil {
		return l, err
	}
	if l.Kind == kindBridge {
		if err := attributes(data, l.bridgeData); err != nil {
			return l, err
		}
	}
	if portKind == kindBridge {
		return l, attributes(port, func(kind uint16, v []byte) {
			if kind == nl.IFLA_BRPORT_STATE {
				l.PortState = PortState(number(v))
			}
		})
	}
	return l, nil
}

// bridgeData reads one attribute of a bridge.
func (l *Link) bridgeData(kind uint16, v []byte) {
	switch kind {
	case nl.IFLA_BR_FORWARD_DELAY:
		const tick = 10 * time.Millisecond // USER_HZ is 100
		l.ForwardDelay = time.Duration(number(v)) * tick
	case nl.IFLA_BR_STP_STATE:
		l.STP = number(v) != 0
	case nl.IFLA_BR_NF_CALL_IPTABLES:
		l.filtered4 = number(v) != 0
	case nl.IFLA_BR_NF_CALL_IP6TABLES:
		l.filtered6 = number(v) != 0
	case nl.IFLA_BR_NF_CALL_ARPTABLES:
		l.filteredARP = number(v) != 0
	}
}

// readLearnt asks a bridge for the port behind which it has a MAC. One entry is asked for, not the table, which holds whatever the
// LAN forges.
//
// Errors: unix.ENOENT where it has none.
func readLearnt(bridge int, vlan uint16, mac net.HardwareAddr) (port int, err error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, 0)
	req.AddData(&netlink.Ndmsg{Family: unix.AF_BRIDGE})
	req.AddData(nl.NewRtAttr(unix.NDA_LLADDR, mac))
	req.AddData(nl.NewRtAttr(unix.NDA_MASTER, nl.Uint32Attr(uint32(bridge))))
	if vlan != 0 {
		req.AddData(nl.NewRtAttr(unix.NDA_VLAN, nl.Uint16Attr(vlan)))
	}
	messages, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWNEIGH)
	if err != nil {
		return 0, fmt.Errorf("asking the bridge: %w", err)
	}
	const index = 4 // of ndm_ifindex
	if len(messages) != 1 || len(messages[0]) < unix.SizeofNdMsg {
		return 0, errShort
	}
	return int(binary.NativeEndian.Uint32(messages[0][index:])), nil
}

// text is a string with the zero that ends it in C.
func text(v []byte) string {
	s, _, _ := strings.Cut(string(v), "\x00")
	return s
}

// number reads an integer of one to four octets in the machine's order.
func number(v []byte) uint32 {
	switch {
	case len(v) >= 4:
		return binary.NativeEndian.Uint32(v)
	case len(v) >= 2:
		return uint32(binary.NativeEndian.Uint16(v))
	case len(v) == 1:
		return uint32(v[0])
	}
	return 0
}
