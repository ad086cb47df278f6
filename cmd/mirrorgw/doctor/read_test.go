package doctor

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tree makes files below a folder of the test: by path what each holds; a folder's path ends in /, and a link's content begins
// with "->".
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		switch {
		case name[len(name)-1] == '/':
			err = os.MkdirAll(path, 0o755)
		case content[:min(2, len(content))] == "->":
			err = os.Symlink(content[2:], path)
		default:
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// machine is a kernel with a bridge, a TAP, and the ports a test adds.
func machine(t *testing.T, sys, proc map[string]string, ports ...Link) kernel {
	t.Helper()
	links := append([]Link{
		{Index: 1, Name: "lo"},
		{Index: 2, Name: "br0", Kind: "bridge", Up: true},
		{Index: 3, Name: "mirror0", Kind: "tun", Up: true, master: 2},
		{Index: 9, Name: "other", master: 8},
	}, ports...)
	return kernel{
		proc: tree(t, proc), sys: tree(t, sys),
		links:  func() ([]Link, error) { return links, nil },
		learnt: func(int, uint16, net.HardwareAddr) (int, error) { return 0, unix.ENOENT },
	}
}

func TestCards(t *testing.T) {
	k := machine(t, map[string]string{
		"eth0/ifindex": "4\n", "eth0/device/driver": "->../../bus/virtio/drivers/virtio_net",
		"wlan0/ifindex": "5\n", "wlan0/wireless/": "",
		"wlan1/ifindex": "6\n", "wlan1/phy80211/": "",
		"away/ifindex": "70\n", "away/wireless/": "", // of another namespace
		"broken/ifindex": "four\n",
	}, nil,
		Link{Index: 7, Name: "away", master: 2}, Link{Index: 11, Name: "gone", master: 2}, Link{Index: 12, Name: "broken", master: 2},
		Link{Index: 6, Name: "wlan1", master: 2}, Link{Index: 5, Name: "wlan0", master: 2}, Link{Index: 4, Name: "eth0", master: 2})
	h := k.read("mirror0", "br0", gatewayMAC)
	if h.TAP == nil || h.TAP.Name != "mirror0" || h.Master == nil || h.Master.Name != "br0" || h.Leg() != "br0" {
		t.Fatalf("%+v", h)
	}
	want := []struct {
		name, driver string
		wireless     Flag
	}{{"away", "", Unknown}, {"broken", "", Unknown}, {"eth0", "virtio_net", No}, {"gone", "", Unknown}, {"wlan0", "", Yes}, {"wlan1", "", Yes}}
	if len(h.Ports) != len(want) {
		t.Fatalf("%+v", h.Ports)
	}
	for i, w := range want {
		if p := h.Ports[i]; p.Name != w.name || p.Driver != w.driver || p.Wireless != w.wireless {
			t.Errorf("got %+v, want %+v", p, w)
		}
	}
}

// TestSettings: each setting counts as the kernel combines it.
func TestSettings(t *testing.T) {
	type values struct{ forwarding4, forwarding6, redirects, route, filtered4 Flag }
	for _, c := range []struct {
		name string
		proc map[string]string
		want values
	}{
		{"nothing can be read", nil, values{forwarding6: No, filtered4: No}},
		{"all is off", map[string]string{
			"ipv4/conf/br0/forwarding": "0\n", "ipv6/conf/all/forwarding": "0\n",
			"ipv4/conf/all/send_redirects": "0\n", "ipv4/conf/br0/send_redirects": "0\n",
			"ipv4/conf/all/accept_source_route": "0\n", "bridge/bridge-nf-call-iptables": "0\n",
		}, values{No, No, No, No, No}},
		{"one of two is on", map[string]string{
			"ipv4/conf/all/forwarding": "1\n", "ipv4/conf/br0/forwarding": "0\n", "ipv6/conf/all/forwarding": "0\n", "ipv6/conf/br0/forwarding": "1\n",
			"ipv4/conf/all/send_redirects": "1\n", "ipv4/conf/br0/send_redirects": "0\n",
			"ipv4/conf/all/accept_source_route": "0\n", "ipv4/conf/br0/accept_source_route": "1\n",
		}, values{No, No, Yes, No, No}},
		{"the other is on", map[string]string{
			"ipv4/conf/br0/forwarding": "1\n", "ipv6/conf/all/forwarding": "1\n",
			"ipv4/conf/all/send_redirects": "0\n", "ipv4/conf/br0/send_redirects": "1\n",
			"ipv4/conf/all/accept_source_route": "1\n", "ipv4/conf/br0/accept_source_route": "1\n", "bridge/bridge-nf-call-iptables": "1\n",
		}, values{Yes, Yes, Yes, Yes, Yes}},
		{"what is not known", map[string]string{
			"ipv6/conf/": "", "bridge/": "", "ipv4/conf/all/send_redirects": "0\n", "ipv4/conf/all/accept_source_route": "1\n",
		}, values{}},
	} {
		h := machine(t, nil, c.proc).read("mirror0", "br0", gatewayMAC)
		if got := (values{h.Forwarding4, h.Forwarding6, h.SendRedirects, h.SourceRoute, h.Filtered4}); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}

	k := machine(t, nil, map[string]string{"bridge/bridge-nf-call-iptables": "0\n", "bridge/bridge-nf-call-ip6tables": "0\n", "bridge/bridge-nf-call-arptables": "0\n"})
	k.links = func() ([]Link, error) {
		return []Link{{Index: 2, Name: "br0", Kind: "bridge", filtered6: true}, {Index: 3, Name: "mirror0", master: 2}}, nil
	}
	if h := k.read("mirror0", "", gatewayMAC); h.Filtered4 != No || h.Filtered6 != Yes || h.FilteredARP != No {
		t.Errorf("a bridge's own setting: %+v", h)
	}
}

// TestWithoutABridge: the leg of a TAP on its own is the TAP.
func TestWithoutABridge(t *testing.T) {
	k := machine(t, nil, map[string]string{"ipv4/conf/mirror0/forwarding": "1\n"})
	k.links = func() ([]Link, error) { return []Link{{Index: 3, Name: "mirror0", Up: true}}, nil }
	h := k.read("mirror0", "", gatewayMAC)
	if h.Master != nil || h.Ports != nil || h.Leg() != "mirror0" || h.Forwarding4 != Yes {
		t.Errorf("%+v", h)
	}
	k.links = func() ([]Link, error) { return nil, errors.New("not permitted") }
	if h := k.read("mirror0", "", gatewayMAC); h.Read || h.TAP != nil || h.Forwarding4 != Yes {
		t.Errorf("%+v", h)
	}
}

func TestElsewhere(t *testing.T) {
	k := machine(t, nil, nil, Link{Index: 4, Name: "eth0", master: 2})
	for _, c := range []struct {
		vlan uint16
		port int
		want string
	}{{0, 4, "eth0"}, {1, 4, "eth0"}, {0, 3, ""}, {0, 99, ""}, {7, 4, ""}} {
		k.learnt = func(bridge int, vlan uint16, mac net.HardwareAddr) (int, error) {
			if bridge != 2 || mac.String() != gatewayMAC.String() {
				t.Errorf("asked bridge %d for %s", bridge, mac)
			}
			if vlan != c.vlan {
				return 0, unix.ENOENT
			}
			return c.port, nil
		}
		if got := k.read("mirror0", "br0", gatewayMAC).Elsewhere; got != c.want {
			t.Errorf("port %d, VLAN %d: %q", c.port, c.vlan, got)
		}
	}
}

// TestLinksOfThisMachine: loopback is everywhere, and asking needs no privilege.
func TestLinksOfThisMachine(t *testing.T) {
	links, err := readLinks()
	if err != nil {
		t.Skipf("netlink is not to be had here: %v", err)
	}
	for _, l := range links {
		if want, err := net.InterfaceByIndex(l.Index); err == nil && (want.Name != l.Name || len(want.HardwareAddr) > 0 && want.HardwareAddr.String() != l.MAC.String() || (want.Flags&net.FlagUp != 0) != l.Up) {
			t.Errorf("got %+v, want %+v", l, want)
		}
	}
	if len(links) == 0 {
		t.Error("no interface at all")
	}
}

// bridgeMessage is an RTM_NEWLINK message of a bridge with index 7 whose spanning tree waits 15 s, as 6.12 on a little-endian machine
// writes it, without what is not read.
var bridgeMessage = []byte{
	0, 0, 1, 0, 7, 0, 0, 0, 3, 0x10, 1, 0, 0, 0, 0, 0,
	8, 0, 3, 0, 'b', 'r', '7', 0,
	10, 0, 1, 0, 2, 0, 0, 0, 0, 7, 0, 0,
	40, 0, 18, 0,
	11, 0, 1, 0, 'b', 'r', 'i', 'd', 'g', 'e', 0, 0,
	24, 0, 2, 0,
	8, 0, 1, 0, 0xdc, 5, 0, 0,
	8, 0, 5, 0, 1, 0, 0, 0,
	4, 0, 99, 0,
}

func TestParseLink(t *testing.T) {
	l, err := parseLink(bridgeMessage)
	if err != nil || l.Index != 7 || l.Name != "br7" || l.Kind != "bridge" || !l.Up || !l.Carrier || l.MAC.String() != "02:00:00:00:00:07" || !l.STP || l.ForwardDelay != 15*time.Second {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestParseLinkCutShort(t *testing.T) {
	whole := 0
	for n := range bridgeMessage { // with the rest behind it, as in a buffer that is used again
		if _, err := parseLink(bridgeMessage[:n]); err == nil {
			whole++
		} else if !errors.Is(err, errShort) {
			t.Errorf("%d octets: %v", n, err)
		}
	}
	if whole > 6 { // it ends after the header, after an attribute, and within the padding of one
		t.Errorf("%d beginnings are taken for messages", whole)
	}
}

// FuzzParseLink: whatever the kernel of tomorrow writes is read or refused.
func FuzzParseLink(f *testing.F) {
	for n := range bridgeMessage {
		f.Add(bridgeMessage[:n])
	}
	f.Add(bridgeMessage)
	f.Add(slices.Concat(bridgeMessage, []byte{2, 0, 1, 0}))
	f.Fuzz(func(t *testing.T, m []byte) {
		if l, err := parseLink(m); err == nil && len(l.Name) > len(m) {
			t.Errorf("%+v", l)
		}
	})
}
