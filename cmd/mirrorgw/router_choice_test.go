package main

import (
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket/layers"

	"mirrorgw/testnet"
)

// Which router hosts choose, and which the gateway does.

// mirrorLocal is the link-local address that goes with mirrorMAC.
const mirrorLocal = "fe80::ff:fe00:2"

// TestRouterAdvertisement: a Linux station that knows the router from its advertisements takes the gateway as its IPv6 router as soon
// as that advertises itself, keeps it while both do, has its traffic forwarded and its mail intercepted, and returns to the router
// when the gateway ends.
func TestRouterAdvertisement(t *testing.T) {
	l := newBareRouterLab(t)
	shell(t, l.Client, "ip -6 route del default && sysctl -qw net.ipv6.conf.eth0.accept_ra=1 net.ipv6.conf.eth0.accept_ra_rtr_pref=1")
	advertise := func() {
		local := netip.MustParseAddr("fe80::1")
		l.send(l.router, frame(l.router.MAC, net.HardwareAddr{0x33, 0x33, 0, 0, 0, 1}, ipOf(local, netip.MustParseAddr("ff02::1"), layers.IPProtocolICMPv6, 255),
			&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeRouterAdvertisement, 0)},
			&layers.ICMPv6RouterAdvertisement{RouterLifetime: 1800, Options: layers.ICMPv6Options{{Type: layers.ICMPv6OptSourceAddress, Data: l.router.MAC}}}))
	}
	by := func(hop string) {
		t.Helper()
		var way string
		testnet.WaitFor(t, "the client to go by "+hop, func() bool {
			out, err := l.Client.Output(t.Context(), "ip", "-6", "route", "get", testnet.WebIPv6.String())
			way = string(out)
			return err == nil && strings.Contains(way, " via "+hop+" ")
		})
		shell(t, l.Client, "ping -c1 -W2 "+testnet.WebIPv6.String())
	}
	advertise()
	by("fe80::1")

	l.greet(netip.AddrPortFrom(testnet.MailIPv6, 110))
	l.start(func(yaml string) string { return yaml + "ra: {enabled: true}\n" })
	by(mirrorLocal)
	advertise()
	// Asked again, it still has to say that it is a router.
	shell(t, l.Client, "ip -6 neigh change "+mirrorLocal+" lladdr "+mirrorMAC.String()+" dev eth0 router nud probe")
	testnet.WaitFor(t, "the gateway to be reachable", func() bool {
		return strings.Contains(shell(t, l.Client, "ip -6 neigh show "+mirrorLocal+" dev eth0"), " REACHABLE")
	})
	by(mirrorLocal)
	before := l.status()
	by(mirrorLocal)
	if _, err := l.session(t.Context(), netip.AddrPortFrom(testnet.MailIPv6, 110), 3*time.Second); err != nil {
		t.Error(err)
	}
	after := l.status()
	if after.Frames.Forwarded == before.Frames.Forwarded || after.Flows.Total != before.Flows.Total+1 {
		t.Errorf("went past the gateway: %s", difference(before, after))
	}

	if err := l.gateway.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-l.gateway.Done()
	by("fe80::1")
}

// TestRouterFailOver: of two routers the first goes down, and traffic goes on by the second within five seconds, mail too; it comes back,
// and is used again.
func TestRouterFailOver(t *testing.T) {
	l := newBareRouterLab(t)
	// The second router is another leg of the same machine, with its own MAC and addresses, and does not answer for the first.
	shell(t, l.Router, `
		sysctl -qw net.ipv4.conf.all.arp_ignore=1 &&
		ip link add lan1 type veth peer name router1 netns `+l.Mirror.Namespace+` &&
		ip address add 192.168.1.3/24 dev lan1 &&
		ip address add fd00:1::3/64 dev lan1 nodad &&
		ip address add fe80::3/64 dev lan1 nodad &&
		ip link set lan1 up`)
	shell(t, l.Mirror, "ip link set router1 addrgenmode none master br0 up")
	for _, a := range []netip.Addr{testnet.MailIPv4, testnet.MailIPv6} {
		l.greet(netip.AddrPortFrom(a, 110))
	}
	l.start(func(yaml string) string {
		return strings.Replace(yaml, `routers: [192.168.1.1, "fe80::1"]`, `routers: [192.168.1.1, 192.168.1.3, "fe80::1", "fe80::3"]`, 1)
	})
	inUse := func() string {
		var list []string
		for _, r := range l.status().Routers {
			if !r.Standby {
				list = append(list, r.Address)
			}
		}
		return strings.Join(list, " ")
	}
	if got := inUse(); got != "192.168.1.1 fe80::1" {
		t.Fatalf("in use at first: %s", got)
	}
	pings := []*pinger{startPinger(t, l.Client, testnet.WebIPv4), startPinger(t, l.Client, testnet.WebIPv6)}
	after := func(what, use string) {
		t.Helper()
		began := time.Now()
		shell(t, l.Router, what)
		testnet.WaitFor(t, use+" in use", func() bool { return inUse() == use })
		changed := time.Now()
		for i, p := range pings {
			p.waitAfter(t, changed)
			pause, _ := p.since(began)
			t.Logf("%s, IPv%d: no answer for %s", what, 4+2*i, pause)
			if pause > 6*time.Second { // a second of it for a busy machine
				t.Errorf("%s, IPv%d: no answer for %s", what, 4+2*i, pause)
			}
		}
		for _, server := range []netip.Addr{testnet.MailIPv4, testnet.MailIPv6} {
			if _, err := l.session(t.Context(), netip.AddrPortFrom(server, 110), 3*time.Second); err != nil {
				t.Errorf("%s: mail: %v", what, err)
			}
		}
	}
	for _, p := range pings {
		p.waitAfter(t, time.Now())
	}
	after("ip link set lan0 down", "192.168.1.3 fe80::3")
	after("ip link set lan0 up; ip address add fe80::1/64 dev lan0 nodad", "192.168.1.1 fe80::1")
}
