package main

import (
	"strings"
	"testing"

	"mirrorgw/testnet"
)

// TestStatusNamesABrokenDevice: what is wrong with the gateway's interface, and what to do about it, is in the status, as text and
// as JSON, and gone from it when the interface is well again.
func TestStatusNamesABrokenDevice(t *testing.T) {
	l := newRouterLab(t, nil)
	for _, fault := range []struct{ breaks, mends, state, detail string }{
		{"ip link set mirror0 down", "ip link set mirror0 up", "down", "interface mirror0 is down: ip link set mirror0 up"},
		{"ip link set mirror0 nomaster", "ip link set mirror0 master br0", "unfit", "interface mirror0 was taken out of bridge br0: ip link set mirror0 master br0"},
		{"ip link set br0 name br1", "ip link set br1 name br0", "unfit", "bridge br0 does not exist"},
		{"ip link del mirror0 && ip link add mirror0 type bridge", "ip link del mirror0", "gone", "an interface of kind bridge has this name"},
	} {
		shell(t, l.Mirror, fault.breaks)
		testnet.WaitFor(t, "the status after "+fault.breaks, func() bool { return l.status().Device.State == fault.state })
		if d := l.status().Device; d.Name != "mirror0" || !strings.Contains(d.Detail, fault.detail) {
			t.Errorf("%s: %+v does not say %q", fault.breaks, d, fault.detail)
		}
		code, stdout, _ := call(t, rooms{}, "status", "-c", l.gateway.Config)
		if code != exitNo || !strings.Contains(stdout, "mirror0 "+fault.state+"  ") || !strings.Contains(stdout, fault.detail) {
			t.Errorf("%s: exit code %d\n%s", fault.breaks, code, stdout)
		}
		shell(t, l.Mirror, fault.mends)
		testnet.WaitFor(t, "the status after "+fault.mends, func() bool {
			d := l.status().Device
			return d.State == "up" && d.Detail == ""
		})
	}
}
