package forwarder

import (
	"net/netip"
	"strings"
	"testing"
)

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.MAC = mac{} }, "mac 000000000000 is no station's"},
		{func(c *Config) { c.MAC[0] |= 1 }, "mac 030000000002 is no station's"},
		{func(c *Config) { c.Addresses = nil }, "no address"},
		{func(c *Config) { c.Addresses = append(c.Addresses, netip.Prefix{}) }, "address invalid Prefix is no prefix"},
		{func(c *Config) { c.Addresses[0] = netip.MustParsePrefix("127.0.0.1/8") }, "address 127.0.0.1/8: no host has it"},
		{func(c *Config) { c.Addresses[0] = netip.MustParsePrefix("224.0.0.1/24") }, "address 224.0.0.1/24: no host has it"},
		{func(c *Config) { c.Addresses[0] = netip.MustParsePrefix("169.254.0.9/16") }, "nothing is forwarded there"},
		{func(c *Config) { c.Addresses[0] = netip.MustParsePrefix("192.168.1.255/24") }, "broadcast or network address"},
		{func(c *Config) { c.Addresses[0] = netip.MustParsePrefix("192.168.1.0/24") }, "broadcast or network address"},
		{func(c *Config) { c.MTU = 1279 }, "mtu 1279 is not within 1280 to 65535"},
		{func(c *Config) { c.MTU = 65536 }, "mtu 65536"},
		{func(c *Config) { c.Routers[0] = netip.Addr{} }, "router invalid IP is no host's address"},
		{func(c *Config) { c.Routers[0] = addr("192.168.2.1") }, "router 192.168.2.1 is on none of the gateway's networks"},
		{func(c *Config) { c.Routers[0] = addr(gateway4) }, "router 192.168.1.2 is the gateway's own address"},
		{func(c *Config) { c.Routers[0] = addr("192.168.1.255") }, "router 192.168.1.255 is a broadcast"},
		{func(c *Config) { c.Routers[1] = addr("fe80::1%eth0") }, "leave %eth0 out"},
		{func(c *Config) { c.Routers[1] = addr(router4) }, "router 192.168.1.1 is there twice"},
		{func(c *Config) {
			for i := range 4 {
				c.Routers = append(c.Routers, netip.AddrFrom4([4]byte{192, 168, 1, byte(20 + i)}))
			}
		}, "router 192.168.1.23 is one too many"},
		{func(c *Config) { c.Routes = make([]Route, maxRoutes+1) }, "65 routes are more than 64"},
		{func(c *Config) { c.Routes = []Route{{}} }, "route to invalid Prefix: that is no network"},
		{func(c *Config) { c.Routes = routesVia("10.1.0.0/8", "192.168.1.3") }, "route to 10.1.0.0/8: that is no network"},
		{func(c *Config) { c.Routes = routesVia("0.0.0.0/0", "192.168.1.3") }, "that is what routers are for"},
		{func(c *Config) { c.Routes = routesVia("127.0.0.0/8", "192.168.1.3") }, "nothing is forwarded there"},
		{func(c *Config) { c.Routes = routesVia("ff00::/8", "fe80::3") }, "nothing is forwarded there"},
		{func(c *Config) { c.Routes = routesVia("10.0.0.0/8", "fe80::3") }, "these are two families"},
		{func(c *Config) { c.Routes = routesVia("192.168.1.128/25", "192.168.1.3") }, "it is on the LAN, in 192.168.1.0/24"},
		{func(c *Config) { c.Routes = routesVia("10.0.0.0/8", "10.0.0.1") }, "via 10.0.0.1 is on none of the gateway's networks"},
		{func(c *Config) { c.Routes = routesVia("10.0.0.0/8", gateway4) }, "via 192.168.1.2 is the gateway's own address"},
		{func(c *Config) {
			c.Routes = append(routesVia("10.0.0.0/8", "192.168.1.3"), routesVia("10.0.0.0/8", "192.168.1.4")...)
		}, "route to 10.0.0.0/8 is there twice"},
		{func(c *Config) { c.Addresses = c.Addresses[:2] }, "router fe80::1 is on none"},
		{func(c *Config) { c.Intercept[0].Ports = nil }, `rule "pop3": no ports`},
		{func(c *Config) { c.Intercept[0].Ports = []uint16{0} }, `rule "pop3": port 0`},
		{func(c *Config) { c.Intercept[0].Clients = []netip.Prefix{{}} }, `rule "pop3": invalid Prefix is no prefix`},
	} {
		cfg := testConfig()
		c.change(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New: %v, want %q", err, c.want)
		}
	}
	if _, err := New(Config{MAC: gatewayMAC, Addresses: prefixes("10.0.0.1/31"), Routers: []netip.Addr{addr("10.0.0.0")}}); err != nil {
		t.Errorf("a /31 with its other end as the router: %v", err)
	}
}
