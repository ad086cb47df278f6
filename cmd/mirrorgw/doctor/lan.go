package doctor

import (
	"fmt"
	"strings"
	"time"
)

// How long a sighting stays a finding.
const (
	claimStands    = 5 * time.Minute // the gateway asks for another holder far more often
	redirectStands = time.Hour

	// grace is the time routers have to answer after the start.
	grace = 5 * time.Second
)

// silent returns the routers that do not answer, those left out that something stands in for.
func (l *LAN) silent() (v4, v6 []string) {
	for _, r := range l.Routers {
		switch {
		case r.Answers, r.Spare:
		case r.Addr.Is4():
			v4 = append(v4, r.Addr.String())
		default:
			v6 = append(v6, r.Addr.String())
		}
	}
	return v4, v6
}

// lookRouter: what leaves the LAN has somewhere to go.
func lookRouter(f *Facts) result {
	v4, v6 := f.LAN.silent()
	names := append(v4, v6...)
	var spare []string
	for _, r := range f.LAN.Routers {
		if r.Spare && !r.Answers {
			spare = append(spare, r.Addr.String())
		}
	}
	switch {
	case len(names)+len(spare) == 0:
		return ok
	case f.LAN.Uptime < grace:
		names = append(names, spare...)
		return result{state: Unsure, detail: list(names) + " has not answered yet"}
	}
	if len(names) == 0 {
		return warning("check it, or take it out of routers and routes in the configuration; from the host: ping "+spare[0],
			"%s does not answer: what it stands by for, or its network, cannot count on it", list(spare))
	}
	return failing("check routers in the configuration, the cable and the router; from the host: ping "+names[0],
		"%s does not answer: nothing can leave the LAN through it", list(names))
}

// lookInspection: a silent router on a LAN that is not silent. A switch that inspects ARP drops requests whose pair of
// addresses no DHCP server gave out; port security drops what has a second MAC.
func lookInspection(f *Facts) result {
	v4, v6 := f.LAN.silent()
	names := append(v4, v6...)
	if len(names) == 0 || f.LAN.Uptime < grace || !f.LAN.Heard {
		return ok
	}
	asked := "ARP requests"
	if len(v4) == 0 {
		asked = "neighbour solicitations"
	}
	return warning(fmt.Sprintf("on the switch, exempt this port from ARP inspection, DHCP snooping and port security, or allow MAC %s there", f.Host.MAC),
		"frames arrive from the LAN, but %s does not answer the gateway's %s: a switch may drop them", list(names), asked)
}

// hypervisorDrivers are the drivers of cards that a hypervisor made, which may pass no MAC but the one it gave.
var hypervisorDrivers = [...]string{"virtio_net", "ena", "gve", "hv_netvsc", "vmxnet3", "vif", "xen_netfront"}

// lookCloud: the LAN's card passes frames of the gateway's MAC.
func lookCloud(f *Facts) result {
	v4, v6 := f.LAN.silent()
	if len(v4)+len(v6) == 0 || f.LAN.Uptime < grace {
		return ok
	}
	for _, p := range f.Host.Ports {
		for _, d := range hypervisorDrivers {
			if p.Driver == d {
				return warning(fmt.Sprintf("allow MAC %s in the hypervisor (promiscuous mode, forged transmits, MAC spoofing); most clouds cannot, so run the gateway on a wired LAN", f.Host.MAC),
					"%s is a virtual machine's card (%s), and no router answers: the hypervisor may drop frames that do not have the card's own MAC", p.Name, d)
			}
		}
	}
	return ok
}

// lookClaim: the gateway's addresses are its own (RFC 5227 section 2.4, RFC 4862 section 5.4).
func lookClaim(f *Facts) result {
	s := f.LAN.Claim
	if !s.within(claimStands, f.LAN.Now) {
		return ok
	}
	return warning(fmt.Sprintf("give the machine with MAC %s another address, or the gateway a free one outside the router's DHCP range (addresses)", s.MAC),
		"the machine with MAC %s has the gateway's address %s too: workstations may send to either", s.MAC, s.Addr)
}

// lookRedirecting: no router takes traffic off the mirror.
func lookRedirecting(f *Facts) result {
	s := f.LAN.Redirect
	if !s.within(redirectStands, f.LAN.Now) {
		return ok
	}
	who := "a machine that is none of its routers"
	for _, r := range f.LAN.Routers {
		if r.Addr == s.Addr {
			who = "its router"
		}
	}
	return warning("switch ICMP redirects off in it, or off on the workstations (Linux: accept_redirects=0)",
		"%s (MAC %s), %s, sent the gateway an ICMP redirect: a workstation that gets one goes past the scanner", s.Addr, s.MAC, who)
}

// lookAdvertisement: IPv6 hosts have no other default router than the mirror.
func lookAdvertisement(f *Facts) result {
	s := f.LAN.Advertisement
	if s.Last.IsZero() {
		return ok
	}
	var b strings.Builder
	fmt.Fprintf(&b, "IPv6 bypass possible: the router %s (MAC %s) advertises itself, and workstations that choose it go past the scanner", s.Addr, s.MAC)
	if !f.LAN.IPv6 {
		b.WriteString("; the gateway has no IPv6 address at all")
	}
	fix := "have the gateway advertise itself with a higher preference (ra: {enabled: true}), or switch router advertisements or IPv6 off in the router"
	if f.LAN.Advertises {
		b.WriteString("; the gateway advertises itself, which not every workstation prefers")
		fix = "switch router advertisements off in the router, or make its preference lower than the gateway's"
	}
	return result{Warning, b.String(), fix}
}
