package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// addresses reads v as the gateway's own addresses, each with the length of its network.
func (v value) addresses(to *[]netip.Prefix) {
	items, ok := v.list()
	if !ok {
		return
	}
	for _, item := range items {
		s, ok := item.text()
		if !ok {
			continue
		}
		p, err := parsePrefix(s)
		if err == nil {
			err = hostInNetwork(p)
		}
		if err != nil {
			item.fail("%s: %s %v", item.name(), show(s), err)
			continue
		}
		for _, other := range *to {
			if other.Addr() == p.Addr() {
				item.fail("%s: %s is there already", item.name(), p.Addr())
			}
		}
		*to = append(*to, p)
	}
}

// routers reads v as the addresses of the NAT router.
func (v value) routers(to *[]netip.Addr) {
	items, ok := v.list()
	if !ok {
		return
	}
	for _, item := range items {
		s, ok := item.text()
		if !ok {
			continue
		}
		a, ok := item.neighbour(s)
		if !ok {
			continue
		}
		same := 0
		for _, other := range *to {
			if other == a {
				item.fail("%s: %s is there already", item.name(), a)
			}
			if other.Is4() == a.Is4() {
				same++
			}
		}
		if same == maxRouters {
			item.fail("%s: %s is one too many: at most %d %s routers can stand in for each other", item.name(), a, maxRouters, family(a))
		}
		*to = append(*to, a)
	}
}

const maxRouters = 4 // of a family

// neighbour reads s, the text of v, as the address of another station on the LAN.
func (v value) neighbour(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	switch {
	case err != nil && strings.Contains(s, "/"):
		v.fail("%s: %s has a length: write the router's address alone", v.name(), show(s))
	case err != nil:
		v.fail("%s: %s is not an IP address", v.name(), show(s))
	case a.Zone() != "":
		v.fail("%s: %s names an interface: leave out the %% and what follows, there is only one", v.name(), show(s))
	case a.Is4In6() || !isHost(a):
		v.fail("%s: %s is not the address of a router", v.name(), show(s))
	default:
		return a, true
	}
	return netip.Addr{}, false
}

// prefixes reads v as a list of networks and hosts.
func (v value) prefixes(to *[]netip.Prefix) {
	items, ok := v.list()
	if !ok {
		return
	}
	list := make([]netip.Prefix, 0, len(items))
	for _, item := range items {
		s, ok := item.text()
		if !ok {
			continue
		}
		if p, ok := item.network(s); ok {
			list = append(list, p)
		}
	}
	if len(list) > 0 { // empty and absent are one value
		*to = list
	}
}

// network reads s, the text of v, as a network or a host.
func (v value) network(s string) (netip.Prefix, bool) {
	p, err := parsePrefix(s)
	if a, aerr := netip.ParseAddr(s); aerr == nil && a.Zone() == "" && !a.Is4In6() {
		p, err = netip.PrefixFrom(a, a.BitLen()), nil // a host may be written without a length
	}
	if err == nil && p != p.Masked() {
		err = fmt.Errorf("has host bits: write %s for the network or %s for the host", p.Masked(), p.Addr())
	}
	if err != nil {
		v.fail("%s: %s %v", v.name(), show(s), err)
		return netip.Prefix{}, false
	}
	return p, true
}

// parsePrefix reads ADDRESS/LENGTH.
func parsePrefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err == nil && !p.Addr().Is4In6() {
		return p, nil
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" && !a.Is4In6() {
		length := 24
		if a.Is6() {
			length = 64
		}
		return netip.Prefix{}, fmt.Errorf("lacks its network's length: write %s/%d, if the network has that", a, length)
	}
	return netip.Prefix{}, fmt.Errorf("is not an address with a network length, such as 192.168.1.2/24 or fd00:1::2/64")
}

// hostInNetwork reports why p cannot be a host's own address.
func hostInNetwork(p netip.Prefix) error {
	a, bits := p.Addr(), p.Addr().BitLen()
	if !isHost(a) || p.Bits() == 0 {
		return fmt.Errorf("is not an address a host can have")
	}
	if p.Bits() >= bits-1 { // point-to-point: no address is set apart, RFC 3021 and RFC 6164
		return nil
	}
	if a == p.Masked().Addr() {
		return fmt.Errorf("is the network itself: write the gateway's own address in it, with the same length")
	}
	if a.Is4() && a == lastOf(p) {
		return fmt.Errorf("is the network's broadcast address: write the gateway's own address")
	}
	return nil
}

// lastOf returns the highest address of an IPv4 network.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(b)
}

// isHost reports whether a is unicast and can be seen on a wire.
func isHost(a netip.Addr) bool {
	if a.Is4() && (a.As4()[0] == 0 || a == netip.AddrFrom4([4]byte{255, 255, 255, 255})) { // RFC 1122 section 3.2.1.3
		return false
	}
	return a.IsValid() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast()
}

// checkNetwork holds addresses, routers and device against each other.
func (r *reader) checkNetwork(c *Config) {
	if len(c.Addresses) == 0 {
		r.failAt(r.file.place("addresses"), "addresses is missing: write the gateway's own, such as addresses: [192.168.1.2/24]")
	}
	if len(c.Routers) == 0 {
		r.failAt(r.file.place("routers"), "routers is missing: write the NAT router's address, such as routers: [192.168.1.1]")
	}
	if c.Device.Bridge == c.Device.Name {
		r.failAt(r.file.place("device.bridge"), "device.bridge and device.name are both %s: the bridge is another interface", c.Device.Name)
	}
	for i, p := range c.Addresses {
		if p.Addr().Is6() && c.Device.MTU < 1280 {
			r.failAt(r.file.place(fmt.Sprintf("addresses[%d]", i)), "addresses[%d]: IPv6 needs a device.mtu of 1280 or more, and it is %d (RFC 8200 section 5)", i, c.Device.MTU)
		}
	}
	for i, router := range c.Routers {
		if len(c.Addresses) > 0 {
			r.checkGateway(c, fmt.Sprintf("routers[%d]", i), router)
		}
	}
	for i, route := range c.Routes {
		if len(c.Addresses) > 0 {
			r.checkRoute(c, i, route)
		}
	}
}

// checkGateway reports a router that cannot be reached in one hop from an address of its family.
func (r *reader) checkGateway(c *Config, key string, router netip.Addr) {
	at := r.file.place(key)
	var same []string // our networks of the router's family
	onLink := router.IsLinkLocalUnicast() && router.Is6()
	for _, p := range c.Addresses {
		if p.Addr().Is4() != router.Is4() {
			continue
		}
		if p.Addr() == router {
			r.failAt(at, "%s: %s is the gateway's own address: write the %s", key, router, whose(key))
			return
		}
		same = append(same, p.Masked().String())
		onLink = onLink || p.Contains(router)
	}
	switch {
	case len(same) == 0:
		r.failAt(at, "%s: %s needs an %s address of the gateway's own: add one to addresses, or leave this router out", key, router, family(router))
	case !onLink:
		r.failAt(at, "%s: %s is not in %s: the router must be in a network of the gateway's addresses", key, router, strings.Join(same, " or "))
	}
}

// whose says whose address belongs at key.
func whose(key string) string {
	if strings.HasPrefix(key, "routes") {
		return "other router's"
	}
	return "NAT router's"
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "IPv4"
	}
	return "IPv6"
}
