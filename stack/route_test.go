package stack

import (
	"net/netip"
	"slices"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip"
)

// TestRoutes holds where dialled servers are reached: the longest route, else the first router in use.
func TestRoutes(t *testing.T) {
	s := &Stack{cfg: Config{
		Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.1.2/24"), netip.MustParsePrefix("fd00:1::2/64")},
		Routes: []Route{
			{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParseAddr("192.168.1.3")},
			{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParseAddr("192.168.1.4")},
		},
	}}
	gateway := func(routers []netip.Addr, to string) string {
		table := s.routes(routers)
		i := slices.IndexFunc(table, func(r tcpip.Route) bool { return r.Destination.Contains(address(netip.MustParseAddr(to))) })
		return table[i].Gateway.String()
	}
	one := []netip.Addr{netip.MustParseAddr("192.168.1.1"), netip.MustParseAddr("192.168.1.5"), netip.MustParseAddr("fe80::1")}
	other := []netip.Addr{netip.MustParseAddr("192.168.1.5"), netip.MustParseAddr("fe80::5")}
	for _, c := range []struct {
		routers  []netip.Addr
		to, want string
	}{
		{one, "203.0.113.5", "192.168.1.1"},
		{other, "203.0.113.5", "192.168.1.5"},
		{one, "2001:db8::5", "fe80::1"},
		{other, "2001:db8::5", "fe80::5"},
		{one, "10.1.2.3", "192.168.1.4"},
		{one, "10.2.2.3", "192.168.1.3"},
		{one, "192.168.1.77", ""},
	} {
		if got := gateway(c.routers, c.to); got != c.want {
			t.Errorf("%s by %q, want %q", c.to, got, c.want)
		}
	}
}
