package doctor

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

func warning(fix, detail string, args ...any) result {
	return result{Warning, fmt.Sprintf(detail, args...), fix}
}

func failing(fix, detail string, args ...any) result {
	return result{Failing, fmt.Sprintf(detail, args...), fix}
}

// setting returns the command that sets a kernel setting of an interface. With slashes a dot in a name is no separator.
func setting(family, leg, key, value string) string {
	return fmt.Sprintf("sysctl -w net/%s/conf/%s/%s=%s", family, leg, key, value)
}

// lookDevice: the TAP is there, is on, and leads to the LAN.
func lookDevice(f *Facts) result {
	h := &f.Host
	join := "ip link set " + h.Device + " master " + h.Bridge
	switch {
	case !h.Read:
		return unread
	case h.TAP == nil:
		return failing("restart the gateway, which creates it", "interface %s is gone", h.Device)
	case !h.TAP.Up:
		return failing("ip link set "+h.Device+" up", "%s is switched off", h.Device)
	case h.Master == nil && h.Bridge == "":
		return warning("set device.bridge to the LAN's bridge, or: ip link set "+h.Device+" master BRIDGE",
			"%s is a port of no bridge: only this host can reach the gateway", h.Device)
	case h.Master == nil:
		return failing(join, "%s is not a port of %s: no frame of the LAN reaches the gateway", h.Device, h.Bridge)
	case h.Bridge != "" && h.Master.Name != h.Bridge:
		return failing(join, "%s is a port of %s, not of %s", h.Device, h.Master.Name, h.Bridge)
	}
	return ok
}

// lookMAC: nobody but the gateway has its MAC. The bridge takes a frame for the address of one of its ports, or for its own, as
// the host's.
func lookMAC(f *Facts) result {
	h := &f.Host
	if !h.Read {
		return unread
	}
	const fix = "set device.mac to one that nobody has, or leave it out"
	links := h.Ports
	for _, l := range []*Link{h.TAP, h.Master} {
		if l != nil {
			links = append(slices.Clip(links), *l)
		}
	}
	for _, l := range links {
		if !bytes.Equal(l.MAC, h.MAC) || len(h.MAC) == 0 {
			continue
		}
		if h.TAP != nil && l.Index == h.TAP.Index {
			return failing("restart the gateway, and keep other programs from setting the address of "+l.Name,
				"%s itself has the gateway's MAC %s: the bridge keeps its frames for the host", l.Name, h.MAC)
		}
		return failing(fix, "%s has the gateway's MAC %s: the bridge keeps its frames for the host", l.Name, h.MAC)
	}
	if h.Elsewhere != "" {
		return warning(fix, "another machine behind %s has the gateway's MAC %s", h.Elsewhere, h.MAC)
	}
	return ok
}

// lookBridge: the bridge is on.
func lookBridge(f *Facts) result {
	h := &f.Host
	switch {
	case !h.Read:
		return unread
	case !h.bridged():
		return noBridge
	case !h.Master.Up:
		return failing("ip link set "+h.Master.Name+" up", "bridge %s is switched off", h.Master.Name)
	}
	return ok
}

// lookSTP: the bridge hands frames to the TAP now, and will at the next start.
func lookSTP(f *Facts) result {
	h := &f.Host
	switch {
	case !h.Read:
		return unread
	case !h.bridged():
		return noBridge
	}
	off := "where no two of its ports lead to one LAN: ip link set " + h.Master.Name + " type bridge stp_state 0"
	now := off + "; bridge link set dev " + h.Device + " state 3" // a port that waits goes on waiting
	wait := 2 * h.Master.ForwardDelay
	switch h.TAP.PortState {
	case PortListening, PortLearning:
		return failing(now, "%s does not forward to %s yet: its spanning tree waits %s after each start", h.Master.Name, h.Device, seconds(wait))
	case PortBlocking:
		return failing(now, "the spanning tree of %s blocks %s, as where two ways lead to one LAN", h.Master.Name, h.Device)
	case PortDisabled:
		if h.TAP.Up && h.Master.Up && h.TAP.Carrier {
			return failing("ip link set "+h.Device+" nomaster; ip link set "+h.Device+" master "+h.Master.Name, "port %s of %s is disabled", h.Device, h.Master.Name)
		}
	}
	if h.Master.STP && wait > 0 {
		return warning(off, "spanning tree is on: after each start of the gateway %s holds its frames back for %s", h.Master.Name, seconds(wait))
	}
	return ok
}

func seconds(d time.Duration) string { return d.Round(time.Second).String() }

// lookPorts: the bridge leads somewhere.
func lookPorts(f *Facts) result {
	h := &f.Host
	switch {
	case !h.Read:
		return unread
	case !h.bridged() || !h.Master.Up:
		return noBridge
	case len(h.Ports) == 0:
		return failing("ip link set INTERFACE master "+h.Master.Name+", with the interface that has the LAN's cable",
			"%s is the only port of %s: nobody is connected", h.Device, h.Master.Name)
	}
	var names, waiting []string
	for _, p := range h.Ports {
		if p.Up && p.Carrier {
			if p.PortState == PortForwarding {
				return ok
			}
			waiting = append(waiting, p.Name)
		}
		names = append(names, p.Name)
	}
	if len(waiting) > 0 {
		return failing("where no two of its ports lead to one LAN: ip link set "+h.Master.Name+" type bridge stp_state 0; bridge link set dev "+waiting[0]+" state 3",
			"%s forwards to none of its ports yet: %s", h.Master.Name, list(waiting))
	}
	return failing("plug the cable in, and switch the interface on: ip link set "+names[0]+" up",
		"no port of %s has a link: %s", h.Master.Name, list(names))
}

// maxNamed bounds the names in one detail.
const maxNamed = 8

func list(names []string) string {
	if len(names) > maxNamed {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), len(names)-maxNamed)
	}
	return strings.Join(names, ", ")
}

// lookWireless: no port is a station of a wireless network. Its access point drops frames from MACs other than the station's own.
func lookWireless(f *Facts) result {
	h := &f.Host
	switch {
	case !h.Read:
		return unread
	case !h.bridged():
		return noBridge
	}
	known := true
	var names []string
	for _, p := range h.Ports {
		if p.Wireless == Yes {
			names = append(names, p.Name)
		}
		known = known && p.Wireless != Unknown
	}
	switch {
	case len(names) > 0:
		return warning("use a wired interface; only an access point's own interface (hostapd) can be bridged",
			"%s is wireless: an access point drops frames that do not have its station's own MAC", list(names))
	case !known:
		return result{Unsure, "whether ports are wireless could not be read", "let the gateway read /sys/class/net"}
	}
	return ok
}

// lookFilter: what the bridge passes on is not the business of the host's packet filter.
func lookFilter(f *Facts) result {
	h := &f.Host
	if !h.Read {
		return unread
	}
	if !h.bridged() {
		return noBridge
	}
	var settings, own []string
	for _, s := range []struct {
		name string
		flag Flag
	}{{"iptables", h.Filtered4}, {"ip6tables", h.Filtered6}, {"arptables", h.FilteredARP}} {
		if s.flag == Yes {
			settings = append(settings, "net.bridge.bridge-nf-call-"+s.name+"=0")
			own = append(own, "nf_call_"+s.name+" 0")
		}
	}
	switch {
	case len(settings) > 0:
		return warning("sysctl -w "+strings.Join(settings, " ")+"; ip link set "+h.Master.Name+" type bridge "+strings.Join(own, " "),
			"br_netfilter hands what %s passes on to the host's packet filter, which may drop or change it", h.Master.Name)
	case either(h.Filtered4, either(h.Filtered6, h.FilteredARP)) == Unknown:
		return unread
	}
	return ok
}

// lookForwarding: the host is no router of the LAN itself.
func lookForwarding(f *Facts) result {
	h := &f.Host
	var detail, fix []string
	if h.Forwarding4 == Yes {
		detail, fix = append(detail, "IPv4"), append(fix, setting("ipv4", h.Leg(), "forwarding", "0"))
	}
	if h.Forwarding6 == Yes {
		detail, fix = append(detail, "IPv6"), append(fix, setting("ipv6", "all", "forwarding", "0"))
	}
	switch {
	case len(fix) > 0:
		return warning(strings.Join(fix, "; ")+"; where containers need it, drop in the packet filter what comes from "+h.Leg()+" and leaves by it",
			"the host forwards %s from %s: a workstation that names it as its gateway goes past the scanner", strings.Join(detail, " and "), h.Leg())
	case either(h.Forwarding4, h.Forwarding6) == Unknown:
		return unread
	}
	return ok
}

// lookRedirects: the host tells nobody of a shorter way.
func lookRedirects(f *Facts) result {
	h := &f.Host
	switch h.SendRedirects {
	case Unknown:
		return unread
	case No:
		return ok
	}
	fix := setting("ipv4", h.Leg(), "send_redirects", "0") + " net/ipv4/conf/all/send_redirects=0"
	if h.Forwarding4 == Yes {
		return warning(fix, "the host sends ICMP redirects on %s, and a workstation that obeys one goes past the scanner", h.Leg())
	}
	return warning(fix, "the host sends ICMP redirects on %s (send_redirects) as soon as forwarding is on, and a workstation that obeys one goes past the scanner", h.Leg())
}

// lookSourceRoute: the host follows nobody's directions.
func lookSourceRoute(f *Facts) result {
	h := &f.Host
	switch h.SourceRoute {
	case Unknown:
		return unread
	case No:
		return ok
	}
	return warning(setting("ipv4", "all", "accept_source_route", "0"),
		"the host obeys source routes on %s (accept_source_route): a packet can choose its way past the scanner", h.Leg())
}
