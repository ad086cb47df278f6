package doctor

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// kernel is where facts about the host come from. A test has folders and interfaces of its own.
type kernel struct {
	proc, sys string // where /proc/sys/net and /sys/class/net are
	links     func() ([]Link, error)
	learnt    func(bridge int, vlan uint16, mac net.HardwareAddr) (port int, err error)
}

// ReadHost asks the kernel about the leg of a gateway: of the network namespace this process lives in, without any privilege. What
// cannot be read is left unknown.
func ReadHost(device, bridge string, mac net.HardwareAddr) Host {
	return kernel{proc: "/proc/sys/net", sys: "/sys/class/net", links: readLinks, learnt: readLearnt}.read(device, bridge, mac)
}

func (k kernel) read(device, bridge string, mac net.HardwareAddr) Host {
	h := Host{Device: device, Bridge: bridge, MAC: mac}
	if links, err := k.links(); err == nil {
		h.Read = true
		h.place(links)
		for i := range h.Ports {
			k.card(&h.Ports[i])
		}
		if h.bridged() {
			h.Elsewhere = k.elsewhere(&h)
		}
	}
	k.settings(&h)
	return h
}

// place finds the TAP, what it is a port of, and the other ports of that.
func (h *Host) place(links []Link) {
	for i := range links {
		if links[i].Name == h.Device {
			h.TAP = &links[i]
		}
	}
	if h.TAP == nil || h.TAP.master == 0 {
		return
	}
	for i := range links {
		switch {
		case links[i].Index == h.TAP.master:
			h.Master = &links[i]
		case links[i].master == h.TAP.master && links[i].Index != h.TAP.Index:
			h.Ports = append(h.Ports, links[i])
		}
	}
	slices.SortFunc(h.Ports, func(a, b Link) int { return strings.Compare(a.Name, b.Name) })
}

// elsewhere returns the port, other than the TAP, behind which the bridge has learnt the gateway's MAC.
func (k kernel) elsewhere(h *Host) string {
	const defaultVLAN = 1 // of a bridge that filters VLANs, the one its ports begin with
	for _, vlan := range []uint16{0, defaultVLAN} {
		index, err := k.learnt(h.Master.Index, vlan, h.MAC)
		if err != nil {
			continue
		}
		for _, p := range h.Ports {
			if p.Index == index {
				return p.Name
			}
		}
	}
	return ""
}

// card reads what only sysfs knows of an interface.
func (k kernel) card(l *Link) {
	dir := filepath.Join(k.sys, l.Name)
	if index, err := readNumber(filepath.Join(dir, "ifindex")); err != nil || index != l.Index {
		return // that of another network namespace, or none
	}
	l.Wireless = No
	for _, mark := range []string{"wireless", "phy80211"} {
		if _, err := os.Stat(filepath.Join(dir, mark)); err == nil {
			l.Wireless = Yes
		}
	}
	if driver, err := os.Readlink(filepath.Join(dir, "device", "driver")); err == nil {
		l.Driver = filepath.Base(driver)
	}
}

// settings reads the sysctls that matter on the leg, each combined as the kernel combines it.
func (k kernel) settings(h *Host) {
	of := func(family, scope, key string) Flag { return k.setting(family, "conf", scope, key) }
	leg := h.Leg()
	h.Forwarding4 = of("ipv4", leg, "forwarding")
	h.SendRedirects = either(of("ipv4", "all", "send_redirects"), of("ipv4", leg, "send_redirects"))
	h.SourceRoute = both(of("ipv4", "all", "accept_source_route"), of("ipv4", leg, "accept_source_route"))

	if _, err := os.Stat(filepath.Join(k.proc, "ipv6")); os.IsNotExist(err) {
		h.Forwarding6 = No // a kernel without IPv6 forwards none
	} else {
		h.Forwarding6 = of("ipv6", "all", "forwarding")
	}

	var own Link // a bridge's own setting counts beside that of the namespace
	if h.Master != nil {
		own = *h.Master
	}
	for _, s := range []struct {
		to   *Flag
		name string
		own  bool
	}{
		{&h.Filtered4, "bridge-nf-call-iptables", own.filtered4},
		{&h.Filtered6, "bridge-nf-call-ip6tables", own.filtered6},
		{&h.FilteredARP, "bridge-nf-call-arptables", own.filteredARP},
	} {
		*s.to = No // br_netfilter is not loaded
		if _, err := os.Stat(filepath.Join(k.proc, "bridge")); err == nil {
			*s.to = either(flag(s.own), k.setting("bridge", s.name))
		}
	}
}

// setting reads a sysctl that switches something on or off.
func (k kernel) setting(path ...string) Flag {
	n, err := readNumber(filepath.Join(append([]string{k.proc}, path...)...))
	if err != nil {
		return Unknown
	}
	return flag(n > 0)
}
