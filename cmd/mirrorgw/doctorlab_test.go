package main

import (
	"encoding/json"
	"errors"
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/testnet"
)

// diagnosis asks a running gateway what is wrong, by check, as a user does.
func diagnosis(t *testing.T, g *testnet.Gateway) (health control.Health, findings map[string]control.Finding) {
	t.Helper()
	_, stdout, stderr := call(t, rooms{}, "status", "--json", "-c", g.Config)
	var s control.Status
	if err := json.Unmarshal([]byte(stdout), &s); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout, stderr)
	}
	findings = make(map[string]control.Finding)
	for _, f := range s.Doctor {
		findings[f.Check] = f
	}
	return s.Health, findings
}

// wantDiagnosis waits until a check comes out with a state and a detail.
func wantDiagnosis(t *testing.T, g *testnet.Gateway, check, state, detail string) control.Finding {
	t.Helper()
	var got control.Finding
	testnet.WaitFor(t, check+" to be "+state, func() bool {
		_, all := diagnosis(t, g)
		got = all[check]
		return got.State == state && strings.Contains(got.Detail, detail)
	})
	return got
}

// quietMirror makes the lab's mirror a host with nothing against it.
func quietMirror(t *testing.T, lab *testnet.Lab) {
	t.Helper()
	shell(t, lab.Mirror, `for k in all default br0; do
		echo 0 >/proc/sys/net/ipv4/conf/$k/send_redirects
		echo 0 >/proc/sys/net/ipv4/conf/$k/accept_source_route
		echo 0 >/proc/sys/net/ipv4/conf/$k/forwarding
	done
	for f in /proc/sys/net/bridge/bridge-nf-call-*tables; do if [ -e $f ]; then echo 0 >$f; fi; done`)
}

// TestDoctorOfTheHost makes true, one after the other, what a network namespace can show of a host that defeats the mirror, and mends
// it as the doctor says.
func TestDoctorOfTheHost(t *testing.T) {
	t.Parallel()
	lab := testnet.NewLab(t)
	quietMirror(t, lab)
	g := startGateway(t, lab, lab.GatewayConfig())
	health, all := diagnosis(t, g)
	if health != control.OK || len(all) < 16 {
		t.Errorf("health %s, %d checks", health, len(all))
	}
	for _, f := range all {
		if f.State != "ok" {
			t.Errorf("nothing is wrong: %+v", f)
		}
	}
	for _, c := range []struct {
		check, state, detail string
		breaks, mends        string // empty: what the doctor says
	}{
		{"send_redirects", "warning", "send_redirects", "sysctl -qw net.ipv4.conf.br0.send_redirects=1", ""},
		{"send_redirects", "warning", "send_redirects", "sysctl -qw net.ipv4.conf.all.send_redirects=1", ""},
		{"source_route", "warning", "accept_source_route", "sysctl -qw net.ipv4.conf.br0.accept_source_route=1 net.ipv4.conf.all.accept_source_route=1", ""},
		{"forwarding", "warning", "IPv4 from br0", "sysctl -qw net.ipv4.conf.br0.forwarding=1", "sysctl -qw net.ipv4.conf.br0.forwarding=0"},
		{"forwarding", "warning", "IPv6", "sysctl -qw net.ipv6.conf.all.forwarding=1", "sysctl -qw net.ipv6.conf.all.forwarding=0"},
		{"br_netfilter", "warning", "packet filter", "ip link set br0 type bridge nf_call_ip6tables 1", ""},
		{"br_netfilter", "warning", "packet filter", "sysctl -qw net.bridge.bridge-nf-call-iptables=1", ""},
		{"duplicate_mac", "warning", "behind client0", "bridge fdb replace " + gatewayMAC(t, g) + " dev client0 master static sticky", "bridge fdb del " + gatewayMAC(t, g) + " dev client0 master"},
		{"duplicate_mac", "failing", "client0 has", "ip link set client0 address " + gatewayMAC(t, g), "ip link set client0 address 02:00:00:00:00:77"},
		{"bridge", "failing", "br0 is switched off", "ip link set br0 down", ""},
		{"bridge_ports", "failing", "no port of br0 has a link", "ip link set client0 down; ip link set router0 down", "ip link set client0 up; ip link set router0 up"},
		{"bridge_ports", "failing", "only port of br0", "ip link set client0 nomaster; ip link set router0 nomaster", "ip link set client0 master br0; ip link set router0 master br0"},
		{"device", "failing", "not a port of br0", "ip link set mirror0 nomaster", ""},
		{"device", "failing", "switched off", "ip link set mirror0 down", ""},
		{"stp", "warning", "holds its frames back for 4s", "ip link set br0 type bridge forward_delay 200 stp_state 1", "ip link set br0 type bridge stp_state 0"},
		{"stp", "failing", "does not forward to mirror0 yet", "ip link set br0 type bridge forward_delay 2000 stp_state 1; ip link set mirror0 nomaster; ip link set mirror0 master br0", "ip link set br0 type bridge stp_state 0 && bridge link set dev mirror0 state 3"},
	} {
		if strings.Contains(c.breaks, "net.bridge") && len(shell(t, lab.Mirror, "ls -d /proc/sys/net/bridge 2>/dev/null || true")) == 0 {
			t.Log("br_netfilter is not to be had here")
			continue
		}
		shell(t, lab.Mirror, c.breaks)
		found := wantDiagnosis(t, g, c.check, c.state, c.detail)
		if health, _ := diagnosis(t, g); c.state == "failing" && health != control.Failing {
			t.Errorf("%s: health is %s", c.breaks, health)
		}
		if c.mends == "" {
			c.mends = found.Fix
		}
		shell(t, lab.Mirror, c.mends)
		wantDiagnosis(t, g, c.check, "ok", "")
	}
	testnet.WaitFor(t, "health to be ok again", func() bool {
		health, _ := diagnosis(t, g)
		return health == control.OK
	})
	wantLogged(t, g, `level=WARN msg="doctor: fault" check=source_route state=warning detail="the host obeys source routes`,
		`fix="sysctl -w net/ipv4/conf/all/accept_source_route=0"`, `msg="doctor: mended" check=stp`)
}

// gatewayMAC returns the address that a gateway logged as its own.
func gatewayMAC(t *testing.T, g *testnet.Gateway) string {
	t.Helper()
	log, err := g.Log()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(log, " mac=")
	if !ok {
		t.Fatalf("no MAC in\n%s", log)
	}
	return rest[:17]
}

// TestDoctorOfTheLAN: a router that redirects and one that advertises itself, a second holder of the gateway's address, and a router
// that falls silent.
func TestDoctorOfTheLAN(t *testing.T) {
	t.Parallel()
	lab := testnet.NewLab(t)
	quietMirror(t, lab)
	g := startGateway(t, lab, lab.GatewayConfig())
	lanMAC := strings.TrimSpace(shell(t, lab.Router, "cat /sys/class/net/lan0/address"))

	if err := lab.Router.Do(func() error { return sendRedirect(testnet.GatewayIPv4.AsSlice()) }); err != nil {
		t.Fatal(err)
	}
	f := wantDiagnosis(t, g, "redirecting_router", "warning", testnet.RouterIPv4.String())
	if !strings.Contains(f.Detail, lanMAC) || !strings.Contains(f.Detail, "its router") {
		t.Errorf("%+v", f)
	}

	shell(t, lab.Router, "ip address add "+testnet.GatewayIPv4.String()+"/32 dev lan0")
	shell(t, lab.Router, "ping -c1 -W1 -I "+testnet.GatewayIPv4.String()+" 192.168.1.77 >/dev/null || true") // who-has, from a stolen address
	f = wantDiagnosis(t, g, "duplicate_address", "warning", lanMAC)
	if !strings.Contains(f.Detail, testnet.GatewayIPv4.String()) {
		t.Errorf("%+v", f)
	}
	shell(t, lab.Router, "ip address del "+testnet.GatewayIPv4.String()+"/32 dev lan0")

	if err := lab.Router.Do(func() error { return sendAdvertisement(1800) }); err != nil {
		t.Fatal(err)
	}
	f = wantDiagnosis(t, g, "ipv6_bypass", "warning", "IPv6 bypass possible")
	if !strings.Contains(f.Detail, lanMAC) || !strings.Contains(f.Detail, "fe80::1 ") {
		t.Errorf("%+v", f)
	}

	health, all := diagnosis(t, g)
	if health != control.OK {
		t.Errorf("warnings make the gateway %s: %v", health, all)
	}
	_, table, _ := call(t, rooms{}, "status", "-c", g.Config)
	for _, want := range []string{"doctor", "duplicate_address warning", "redirecting_router warning", "  fix "} {
		if !strings.Contains(table, want) {
			t.Errorf("%q is not in\n%s", want, table)
		}
	}
	if strings.Contains(table, "doctor      bridge ") {
		t.Errorf("what is well is in\n%s", table)
	}

	if err := lab.Router.Do(func() error { return sendAdvertisement(0) }); err != nil {
		t.Fatal(err)
	}
	wantDiagnosis(t, g, "ipv6_bypass", "ok", "")
}

// TestDoctorOfASilentRouter: frames arrive and the router does not answer.
func TestDoctorOfASilentRouter(t *testing.T) {
	t.Parallel()
	lab := testnet.NewLab(t)
	quietMirror(t, lab)
	shell(t, lab.Router, "nft add table arp deaf && nft 'add chain arp deaf in { type filter hook input priority 0; policy drop; }'")
	shell(t, lab.Client, "ping -c3 -i0.2 -W1 "+testnet.WebIPv4.String()+" >/dev/null || true")
	g := startGateway(t, lab, lab.GatewayConfig())
	shell(t, lab.Client, "ping -c3 -i0.2 -W1 "+testnet.WebIPv4.String()+" >/dev/null || true")
	wantDiagnosis(t, g, "router", "failing", testnet.RouterIPv4.String())
	f := wantDiagnosis(t, g, "arp_inspection", "warning", testnet.RouterIPv4.String())
	if !strings.Contains(f.Fix, gatewayMAC(t, g)) {
		t.Errorf("%+v", f)
	}
	if health, _ := diagnosis(t, g); health != control.Failing {
		t.Errorf("health is %s", health)
	}
	shell(t, lab.Router, "nft delete table arp deaf")
	wantDiagnosis(t, g, "router", "ok", "")
	wantDiagnosis(t, g, "arp_inspection", "ok", "")
}

// sendAdvertisement sends the router's advertisement (RFC 4861 section 4.2) of a lifetime in seconds; 0 withdraws it.
func sendAdvertisement(lifetime uint16) error {
	conn, err := net.ListenIP("ip6:ipv6-icmp", &net.IPAddr{IP: net.ParseIP("fe80::1"), Zone: "lan0"})
	if err != nil {
		return err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	var set error
	err = raw.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255) })
	if err = errors.Join(err, set); err == nil {
		b := make([]byte, 16) // the kernel fills the checksum in
		b[0], b[6], b[7] = 134, byte(lifetime>>8), byte(lifetime)
		_, err = conn.WriteTo(b, &net.IPAddr{IP: net.ParseIP("ff02::1"), Zone: "lan0"})
	}
	return errors.Join(err, conn.Close())
}

// sendRedirect sends an ICMP redirect (RFC 792) to a host.
func sendRedirect(to net.IP) error {
	conn, err := net.ListenPacket("ip4:icmp", "0.0.0.0")
	if err != nil {
		return err
	}
	b := make([]byte, 8+20+8)
	b[0], b[1] = 5, 1
	copy(b[4:], []byte{192, 168, 1, 9})
	b[8] = 0x45
	sum := uint32(0)
	for i := 0; i < len(b); i += 2 {
		sum += uint32(b[i])<<8 | uint32(b[i+1])
	}
	sum = sum>>16 + sum&0xffff
	b[2], b[3] = byte(^sum>>8), byte(^sum)
	_, err = conn.WriteTo(b, &net.IPAddr{IP: to})
	return errors.Join(err, conn.Close())
}
