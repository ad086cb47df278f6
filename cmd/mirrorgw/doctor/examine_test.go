package doctor

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	noon       = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	gatewayMAC = net.HardwareAddr{2, 0, 0, 0, 0, 2}
	otherMAC   = net.HardwareAddr{2, 0, 0, 0, 0, 9}
)

// well is a gateway that has been running for an hour with nothing against it.
func well() *Facts {
	return &Facts{
		Host: Host{
			Device: "mirror0", Bridge: "br0", MAC: gatewayMAC, Read: true,
			TAP:    &Link{Index: 3, Name: "mirror0", Kind: "tun", MAC: net.HardwareAddr{0xfe, 0, 0, 0, 0, 2}, Up: true, Carrier: true, PortState: PortForwarding},
			Master: &Link{Index: 2, Name: "br0", Kind: "bridge", MAC: net.HardwareAddr{2, 0, 0, 0, 0, 7}, Up: true, Carrier: true, ForwardDelay: 15 * time.Second},
			Ports:  []Link{{Index: 4, Name: "eth0", MAC: net.HardwareAddr{2, 0, 0, 0, 0, 7}, Up: true, Carrier: true, Wireless: No, Driver: "e1000e", PortState: PortForwarding}},

			Forwarding4: No, Forwarding6: No, SendRedirects: No, SourceRoute: No, Filtered4: No, Filtered6: No, FilteredARP: No,
		},
		LAN: LAN{
			Now: noon, Uptime: time.Hour, Heard: true, IPv6: true,
			Routers: []Router{{netip.MustParseAddr("192.168.1.1"), true, false}, {netip.MustParseAddr("fe80::1"), true, false}},
		},
	}
}

func TestNothingIsWrong(t *testing.T) {
	for _, change := range []func(*Facts){
		func(*Facts) {},
		func(f *Facts) { f.Host.Master.Kind, f.Host.Bridge, f.Host.Ports = "openvswitch", "", nil }, // no bridge of the kernel's
		func(f *Facts) { f.Host.Ports = append(f.Host.Ports, Link{Name: "eth1", Wireless: No}) },    // one cable is enough
		func(f *Facts) { f.Host.Master.STP, f.Host.Master.ForwardDelay = true, 0 },
		func(f *Facts) { f.Host.Ports[0].Driver = "virtio_net" }, // and the router answers
		func(f *Facts) { f.LAN.Claim = Sighting{Last: noon.Add(-claimStands)} },
		func(f *Facts) { f.LAN.Redirect = Sighting{Last: noon.Add(-redirectStands)} },
	} {
		f := well()
		change(f)
		for _, got := range Examine(f) {
			if got.State != OK || got.Detail != "" || got.Fix != "" {
				t.Errorf("%+v", got)
			}
		}
	}
}

func TestEachFault(t *testing.T) {
	silent := func(f *Facts) { f.LAN.Routers[0].Answers = false }
	for _, c := range []struct {
		check  string
		state  State
		detail string // a part of it
		fix    string // a part of it
		make   func(*Facts)
	}{
		{"device", Failing, "mirror0 is gone", "restart", func(f *Facts) { f.Host.TAP, f.Host.Master, f.Host.Ports = nil, nil, nil }},
		{"device", Failing, "switched off", "ip link set mirror0 up", func(f *Facts) { f.Host.TAP.Up = false }},
		{"device", Failing, "not a port of br0", "ip link set mirror0 master br0", func(f *Facts) { f.Host.Master, f.Host.Ports = nil, nil }},
		{"device", Failing, "a port of br7, not of br0", "ip link set mirror0 master br0", func(f *Facts) { f.Host.Master.Name = "br7" }},
		{"device", Warning, "a port of no bridge", "device.bridge", func(f *Facts) { f.Host.Master, f.Host.Ports, f.Host.Bridge = nil, nil, "" }},
		{"duplicate_mac", Failing, "mirror0 itself has", "restart", func(f *Facts) { f.Host.TAP.MAC = gatewayMAC }},
		{"duplicate_mac", Failing, "eth0 has the gateway's MAC 02:00:00:00:00:02", "device.mac", func(f *Facts) { f.Host.Ports[0].MAC = gatewayMAC }},
		{"duplicate_mac", Failing, "br0 has", "device.mac", func(f *Facts) { f.Host.Master.MAC = gatewayMAC }},
		{"duplicate_mac", Warning, "another machine behind eth0", "device.mac", func(f *Facts) { f.Host.Elsewhere = "eth0" }},
		{"bridge", Failing, "br0 is switched off", "ip link set br0 up", func(f *Facts) { f.Host.Master.Up = false }},
		{"stp", Warning, "for 30s", "stp_state 0", func(f *Facts) { f.Host.Master.STP = true }},
		{"stp", Failing, "waits 30s", "stp_state 0", func(f *Facts) { f.Host.Master.STP, f.Host.TAP.PortState = true, PortListening }},
		{"stp", Failing, "waits 30s", "stp_state 0", func(f *Facts) { f.Host.Master.STP, f.Host.TAP.PortState = true, PortLearning }},
		{"stp", Failing, "blocks mirror0", "stp_state 0", func(f *Facts) { f.Host.TAP.PortState = PortBlocking }},
		{"stp", Failing, "disabled", "nomaster", func(f *Facts) { f.Host.TAP.PortState = PortDisabled }},
		{"bridge_ports", Failing, "the only port of br0", "master br0", func(f *Facts) { f.Host.Ports = nil }},
		{"bridge_ports", Failing, "no port of br0 has a link: eth0", "ip link set eth0 up", func(f *Facts) { f.Host.Ports[0].Carrier = false }},
		{"bridge_ports", Failing, "none of its ports yet: eth0", "stp_state 0", func(f *Facts) { f.Host.Ports[0].PortState = PortLearning }},
		{"wireless", Warning, "eth0 is wireless", "wired", func(f *Facts) { f.Host.Ports[0].Wireless = Yes }},
		{"wireless", Unsure, "could not be read", "/sys", func(f *Facts) { f.Host.Ports[0].Wireless = Unknown }},
		{"br_netfilter", Warning, "packet filter", "sysctl -w net.bridge.bridge-nf-call-iptables=0;", func(f *Facts) { f.Host.Filtered4 = Yes }},
		{"br_netfilter", Warning, "packet filter", "bridge-nf-call-ip6tables=0 net.bridge.bridge-nf-call-arptables=0", func(f *Facts) { f.Host.Filtered6, f.Host.FilteredARP = Yes, Yes }},
		{"br_netfilter", Unsure, "could not be read", "/proc/sys", func(f *Facts) { f.Host.Filtered6 = Unknown }},
		{"forwarding", Warning, "forwards IPv4 from br0", "sysctl -w net/ipv4/conf/br0/forwarding=0;", func(f *Facts) { f.Host.Forwarding4 = Yes }},
		{"forwarding", Warning, "forwards IPv4 and IPv6", "forwarding=0; sysctl -w net/ipv6/conf/all/forwarding=0", func(f *Facts) { f.Host.Forwarding4, f.Host.Forwarding6 = Yes, Yes }},
		{"forwarding", Unsure, "could not be read", "/proc/sys", func(f *Facts) { f.Host.Forwarding4 = Unknown }},
		{"send_redirects", Warning, "as soon as", "net/ipv4/conf/br0/send_redirects=0 net/ipv4/conf/all/send_redirects=0", func(f *Facts) { f.Host.SendRedirects = Yes }},
		{"send_redirects", Warning, "sends ICMP redirects on br0, and", "", func(f *Facts) { f.Host.SendRedirects, f.Host.Forwarding4 = Yes, Yes }},
		{"send_redirects", Unsure, "could not be read", "/proc/sys", func(f *Facts) { f.Host.SendRedirects = Unknown }},
		{"source_route", Warning, "accept_source_route", "net/ipv4/conf/all/accept_source_route=0", func(f *Facts) { f.Host.SourceRoute = Yes }},
		{"source_route", Unsure, "could not be read", "/proc/sys", func(f *Facts) { f.Host.SourceRoute = Unknown }},
		{"router", Failing, "192.168.1.1 does not answer", "ping 192.168.1.1", silent},
		{"router", Unsure, "192.168.1.1 has not answered yet", "", func(f *Facts) { silent(f); f.LAN.Uptime = time.Second }},
		{"router", Warning, "192.168.1.1 does not answer: what it stands by for", "ping 192.168.1.1", func(f *Facts) { silent(f); f.LAN.Routers[0].Spare = true }},
		{"arp_inspection", OK, "", "", func(f *Facts) { silent(f); f.LAN.Routers[0].Spare = true }},
		{"arp_inspection", Warning, "192.168.1.1 does not answer the gateway's ARP requests", "allow MAC 02:00:00:00:00:02", silent},
		{"arp_inspection", Warning, "neighbour solicitations", "allow MAC", func(f *Facts) { f.LAN.Routers[1].Answers = false }},
		{"arp_inspection", OK, "", "", func(f *Facts) { silent(f); f.LAN.Heard = false }}, // the cable is more likely
		{"cloud_nic", Warning, "eth0 is a virtual machine's card (ena)", "allow MAC", func(f *Facts) { silent(f); f.Host.Ports[0].Driver = "ena" }},
		{"cloud_nic", OK, "", "", silent},
		{"duplicate_address", Warning, "MAC 02:00:00:00:00:09 has the gateway's address 192.168.1.2 too", "another address", func(f *Facts) {
			f.LAN.Claim = Sighting{netip.MustParseAddr("192.168.1.2"), otherMAC, noon.Add(-time.Minute)}
		}},
		{"redirecting_router", Warning, "192.168.1.1 (MAC 02:00:00:00:00:09), its router,", "accept_redirects=0", func(f *Facts) {
			f.LAN.Redirect = Sighting{netip.MustParseAddr("192.168.1.1"), otherMAC, noon.Add(-time.Minute)}
		}},
		{"redirecting_router", Warning, "none of its routers", "accept_redirects=0", func(f *Facts) {
			f.LAN.Redirect = Sighting{netip.MustParseAddr("192.168.1.9"), otherMAC, noon.Add(-time.Minute)}
		}},
		{"ipv6_bypass", Warning, "IPv6 bypass possible: the router fe80::9 (MAC 02:00:00:00:00:09)", "ra: {enabled: true}", func(f *Facts) {
			f.LAN.Advertisement = Sighting{netip.MustParseAddr("fe80::9"), otherMAC, noon.Add(-time.Minute)}
		}},
		{"ipv6_bypass", Warning, "not every workstation prefers", "lower than the gateway's", func(f *Facts) {
			f.LAN.Advertises, f.LAN.Advertisement = true, Sighting{netip.MustParseAddr("fe80::9"), otherMAC, noon}
		}},
		{"ipv6_bypass", Warning, "no IPv6 address at all", "", func(f *Facts) {
			f.LAN.IPv6, f.LAN.Advertisement = false, Sighting{netip.MustParseAddr("fe80::9"), otherMAC, noon}
		}},
	} {
		f := well()
		c.make(f)
		all := Examine(f)
		at := slices.IndexFunc(all, func(g Finding) bool { return g.Check == c.check })
		if got := all[at]; got.State != c.state || !strings.Contains(got.Detail, c.detail) || !strings.Contains(got.Fix, c.fix) {
			t.Errorf("%s, %q: %+v", c.check, c.detail, got)
		}
		for _, got := range all {
			bad := got.State == Warning || got.State == Failing
			if bad != (got.Fix != "" && got.State != Unsure) || bad && got.Detail == "" || strings.ContainsAny(got.Detail+got.Fix, "\n%") {
				t.Errorf("%s: a fault has a detail and a fix of one line: %+v", c.check, got)
			}
		}
	}
}

// TestUnreadHost: a gateway that may read nothing of its host says so, and neither that all is well nor that it fails.
func TestUnreadHost(t *testing.T) {
	f := &Facts{Host: Host{Device: "mirror0", Bridge: "br0", MAC: gatewayMAC}, LAN: well().LAN}
	for _, got := range Examine(f) {
		host := !slices.Contains([]string{"router", "arp_inspection", "cloud_nic", "duplicate_address", "redirecting_router", "ipv6_bypass"}, got.Check)
		if host && got.State != Unsure || !host && got.State != OK {
			t.Errorf("%+v", got)
		}
	}
}

func TestManyNamesAreCutShort(t *testing.T) {
	f := well()
	for range 100 {
		f.Host.Ports = append(f.Host.Ports, Link{Name: "wlan0123456789a", Wireless: Yes})
	}
	got := lookWireless(f)
	if want := "and 92 more is wireless"; !strings.Contains(got.detail, want) {
		t.Errorf("%q lacks %q", got.detail, want)
	}
}
