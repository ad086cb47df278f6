package testnet

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Addresses of the lab.
var (
	ClientIPv4  = netip.MustParseAddr("192.168.1.10")
	ClientIPv6  = netip.MustParseAddr("fd00:1::10")
	GatewayIPv4 = netip.MustParseAddr("192.168.1.2")
	GatewayIPv6 = netip.MustParseAddr("fd00:1::2")
	RouterIPv4  = netip.MustParseAddr("192.168.1.1")
	RouterIPv6  = netip.MustParseAddr("fd00:1::1")
	NATIPv4     = netip.MustParseAddr("203.0.113.1")
	MailIPv4    = netip.MustParseAddr("198.51.100.10")
	MailIPv6    = netip.MustParseAddr("2001:db8:100::10")
	WebIPv4     = netip.MustParseAddr("198.51.100.80")
	WebIPv6     = netip.MustParseAddr("2001:db8:100::80")
)

// step configures one host: kernel settings first, then a batch for ip(8), then rules for nft(8).
type step struct {
	host     *Host
	settings []string
	links    string
	rules    string
}

// quiet keeps a host to its routes: nobody may redirect or advertise it elsewhere. A new namespace takes its IPv4 settings
// from the machine's own, so every one that matters is written.
func quiet(forward string) []string {
	settings := []string{"net.ipv4.ip_forward=" + forward, "net.ipv6.conf.all.forwarding=" + forward}
	for _, scope := range []string{"all", "default"} {
		settings = append(settings,
			"net.ipv4.conf."+scope+".accept_redirects=0", "net.ipv4.conf."+scope+".secure_redirects=0",
			"net.ipv4.conf."+scope+".rp_filter=0",
			"net.ipv6.conf."+scope+".disable_ipv6=0",
			"net.ipv6.conf."+scope+".accept_redirects=0", "net.ipv6.conf."+scope+".accept_ra=0",
			"net.ipv6.conf."+scope+".accept_dad=0", // an address is of use at once
		)
	}
	return settings
}

// steps is the lab, host by host. Links are made inside the namespaces: the machine's own network sees none of them.
func (l *Lab) steps() []step {
	return []step{{
		host: l.Mirror, settings: quiet("0"),
		// The querier is switched on last: it keeps quiet for one response interval first, and until it speaks the bridge
		// floods multicast, which would hide a gateway that does not join its groups.
		links: `
			link set lo up
			link add br0 type bridge forward_delay 0 mcast_snooping 1 mcast_query_response_interval 100
			link set br0 up
			link set br0 type bridge mcast_querier 1`,
	}, {
		host: l.Client, settings: quiet("0"),
		links: `
			link set lo up
			link add eth0 type veth peer name client0 netns ` + l.Mirror.Namespace + `
			address add 192.168.1.10/24 dev eth0
			address add fd00:1::10/64 dev eth0 nodad
			link set eth0 up
			route add default via 192.168.1.2
			route add default via fd00:1::2`,
	}, {
		host: l.Router, settings: quiet("1"),
		links: `
			link set lo up
			link add lan0 type veth peer name router0 netns ` + l.Mirror.Namespace + `
			link add wan0 type veth peer name eth0 netns ` + l.Internet.Namespace + `
			address add 192.168.1.1/24 dev lan0
			address add fd00:1::1/64 dev lan0 nodad
			address add fe80::1/64 dev lan0 nodad
			address add 203.0.113.1/24 dev wan0
			address add 2001:db8:2::1/64 dev wan0 nodad
			link set lan0 up
			link set wan0 up
			route add default via 203.0.113.2
			route add default via 2001:db8:2::2`,
		// The sets remember who opened a TCP connection to which port, as seen before NAT.
		rules: `
			table ip nat {
				chain postrouting {
					type nat hook postrouting priority srcnat
					oifname "wan0" masquerade
				}
			}
			table inet witness {
				set opened4 { type ipv4_addr . inet_service; flags dynamic; size 65535; }
				set opened6 { type ipv6_addr . inet_service; flags dynamic; size 65535; }
				chain forward {
					type filter hook forward priority filter
					iifname "lan0" meta l4proto tcp ct state new add @opened4 { ip saddr . tcp dport }
					iifname "lan0" meta l4proto tcp ct state new add @opened6 { ip6 saddr . tcp dport }
				}
			}`,
	}, {
		host: l.Mirror,
		links: `
			link set client0 addrgenmode none master br0 up
			link set router0 addrgenmode none master br0 up`,
	}, {
		host: l.Internet, settings: quiet("0"),
		links: `
			link set lo up
			address add 203.0.113.2/24 dev eth0
			address add 2001:db8:2::2/64 dev eth0 nodad
			address add 198.51.100.10/32 dev lo
			address add 198.51.100.80/32 dev lo
			address add 2001:db8:100::10/128 dev lo nodad
			address add 2001:db8:100::80/128 dev lo nodad
			link set eth0 up
			route add fd00:1::/64 via 2001:db8:2::1`,
	}}
}

// build makes the lab's folder, namespaces, links and rules.
func (l *Lab) build(ctx context.Context) error {
	if err := os.Mkdir(l.folder, 0o755); err != nil {
		return err
	}
	for _, h := range l.hosts() {
		if _, err := output(exec.CommandContext(ctx, "ip", "netns", "add", h.Namespace), "add namespace "+h.Namespace); err != nil {
			if ctx.Err() != nil {
				return err
			}
			return fmt.Errorf("%w: %w", ErrUnable, err) // a container without the privilege
		}
	}
	for _, s := range l.steps() {
		if err := s.host.setSysctls(s.settings...); err != nil {
			return err
		}
		ip := exec.CommandContext(ctx, "ip", "-netns", s.host.Namespace, "-batch", "-")
		ip.Stdin = strings.NewReader(s.links + "\n")
		if _, err := output(ip, s.host.Name+": links"); err != nil {
			return err
		}
		if s.rules == "" {
			continue
		}
		nft := s.host.Command(ctx, "nft", "-f", "-")
		nft.Stdin = strings.NewReader(s.rules)
		if _, err := output(nft, s.host.Name+": nft rules"); err != nil {
			return err
		}
	}
	return nil
}

// SourcesAtRouter returns the addresses that opened TCP connections to a port through the router, as they were on the LAN,
// before NAT, sorted.
func (l *Lab) SourcesAtRouter(ctx context.Context, port uint16) ([]netip.Addr, error) {
	var sources []netip.Addr
	for _, set := range []string{"opened4", "opened6"} {
		b, err := l.Router.Output(ctx, "nft", "--json", "list", "set", "inet", "witness", set)
		if err != nil {
			return nil, err
		}
		var listing struct {
			Nftables []struct {
				Set struct {
					Elem []struct {
						Concat [2]any `json:"concat"`
					} `json:"elem"`
				} `json:"set"`
			} `json:"nftables"`
		}
		if err := json.Unmarshal(b, &listing); err != nil {
			return nil, fmt.Errorf("nft set %s: %w", set, err)
		}
		for _, entry := range listing.Nftables {
			for _, e := range entry.Set.Elem {
				address, err := netip.ParseAddr(fmt.Sprint(e.Concat[0]))
				if err != nil {
					return nil, fmt.Errorf("nft set %s: %w", set, err)
				}
				if fmt.Sprint(e.Concat[1]) == fmt.Sprint(port) {
					sources = append(sources, address)
				}
			}
		}
	}
	slices.SortFunc(sources, netip.Addr.Compare)
	return sources, nil
}
