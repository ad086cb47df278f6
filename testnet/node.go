package testnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	netstack "gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

const (
	// nodeNIC is the one network card of a node.
	nodeNIC tcpip.NICID = 1

	// listenBacklog is the number of connections that wait for Accept.
	listenBacklog = 1024
)

// NodeConfig describes a host.
type NodeConfig struct {
	// Name is for WireConfig.Filter and errors.
	Name string

	// MAC is the card's address; nil takes the wire's next one, 02:00:00:00:00:01 and up. The IPv6 link-local address
	// follows from it (RFC 4291 appendix A).
	MAC net.HardwareAddr

	// Addresses are the host's addresses, each with the network it sees on the link. An address of full length (/32,
	// /128) is one without neighbours: with it, a router node answers for a server behind it.
	Addresses []netip.Prefix

	// Gateways are the next hops of the default routes, at most one for each family.
	Gateways []netip.Addr

	// MTU is the host's own idea of the link's MTU. Zero is the wire's.
	MTU int

	// Clock drives the host's timers; nil is the real clock. faketime.ManualClock fits.
	Clock tcpip.Clock
}

// Node is a host on a wire: ARP, IPv4, IPv6 with neighbour discovery (no router advertisements, no duplicate address
// detection), ICMP, TCP and UDP. It does not forward. Its methods may be called from any goroutine.
type Node struct {
	name  string
	mac   net.HardwareAddr
	stack *netstack.Stack
	link  *link

	received  sync.WaitGroup
	closeOnce sync.Once
}

// NewNode adds a host to the wire; it answers at once. Close ends it.
func (w *Wire) NewNode(cfg NodeConfig) (*Node, error) {
	n, err := w.newNode(cfg)
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", cfg.Name, err)
	}
	return n, nil
}

func (w *Wire) newNode(cfg NodeConfig) (*Node, error) {
	mac := cfg.MAC
	if mac == nil {
		next := w.nextMAC()
		mac = next[:]
	}
	if len(mac) != 6 {
		return nil, fmt.Errorf("MAC address %q: not 48 bits", mac)
	}
	if cfg.MTU == 0 {
		cfg.MTU = w.cfg.MTU
	}
	l, err := newLink(w, cfg.Name, tcpip.LinkAddress(mac), cfg.MTU)
	if err != nil {
		return nil, err
	}
	s := netstack.New(netstack.Options{
		NetworkProtocols: []netstack.NetworkProtocolFactory{
			arp.NewProtocol,
			ipv4.NewProtocol,
			ipv6.NewProtocolWithOptions(ipv6.Options{AutoGenLinkLocal: true}),
		},
		TransportProtocols: []netstack.TransportProtocolFactory{
			tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6,
		},
		Clock: cfg.Clock,
	})
	n := &Node{name: cfg.Name, mac: mac, stack: s, link: l}
	// Receives until Close unplugs the card and waits for it.
	n.received.Go(l.receive)
	if err := n.configure(cfg); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// configure gives the card its addresses and the stack its routes.
func (n *Node) configure(cfg NodeConfig) error {
	if err := n.stack.CreateNICWithOptions(nodeNIC, n.link, netstack.NICOptions{Name: cfg.Name}); err != nil {
		return fmt.Errorf("create NIC: %s", err)
	}
	routes := []tcpip.Route{{Destination: header.IPv6LinkLocalPrefix.Subnet(), NIC: nodeNIC}}
	for _, prefix := range cfg.Addresses {
		address := tcpip.AddressWithPrefix{Address: tcpip.AddrFromSlice(prefix.Addr().AsSlice()), PrefixLen: prefix.Bits()}
		protocol := tcpip.ProtocolAddress{Protocol: networkProtocol(prefix.Addr()), AddressWithPrefix: address}
		if err := n.stack.AddProtocolAddress(nodeNIC, protocol, netstack.AddressProperties{}); err != nil {
			return fmt.Errorf("add %s: %s", prefix, err)
		}
		routes = append(routes, tcpip.Route{Destination: address.Subnet(), NIC: nodeNIC})
	}
	for _, gateway := range cfg.Gateways {
		all := header.IPv4EmptySubnet
		if gateway.Is6() {
			all = header.IPv6EmptySubnet
		}
		routes = append(routes, tcpip.Route{Destination: all, Gateway: tcpip.AddrFromSlice(gateway.AsSlice()), NIC: nodeNIC})
	}
	n.stack.SetRouteTable(routes)
	return nil
}

// MAC is the card's address.
func (n *Node) MAC() net.HardwareAddr { return n.mac }

// Stack is the host's network stack, for what the methods of Node do not offer: counters, options, raw endpoints.
func (n *Node) Stack() *netstack.Stack { return n.stack }

// Close takes the host off the wire without a word to its peers, as a power cut does, ends its connections and
// listeners, and waits for its goroutines. It may be called more than once and returns nil.
func (n *Node) Close() error {
	n.closeOnce.Do(func() {
		n.link.wire.unplug(n.link.port)
		n.received.Wait()
		n.stack.Destroy()
	})
	return nil
}

// DialTCP connects to an address. The connection has CloseWrite too, as *net.TCPConn.
//
// Errors: *net.OpError with what the peer or the network answered; the context's.
func (n *Node) DialTCP(ctx context.Context, to netip.AddrPort) (*gonet.TCPConn, error) {
	return gonet.DialContextTCP(ctx, n.stack, fullAddress(to), networkProtocol(to.Addr()))
}

// DialTCPFrom is DialTCP from one of the host's own addresses; a port of 0 is any.
func (n *Node) DialTCPFrom(ctx context.Context, from, to netip.AddrPort) (*gonet.TCPConn, error) {
	return gonet.DialTCPWithBind(ctx, n.stack, fullAddress(from), fullAddress(to), networkProtocol(to.Addr()))
}

// ListenTCP accepts connections at an address of the host, or at all of one family's when it is unspecified. 1024
// connections wait for Accept.
func (n *Node) ListenTCP(at netip.AddrPort) (net.Listener, error) {
	queue := new(waiter.Queue)
	ep, terr := n.stack.NewEndpoint(tcp.ProtocolNumber, networkProtocol(at.Addr()), queue)
	if terr != nil {
		return nil, fmt.Errorf("listen at %s: %s", at, terr)
	}
	ep.SocketOptions().SetReuseAddress(true)
	ep.SocketOptions().SetV6Only(true)
	if terr = ep.Bind(fullAddress(at)); terr == nil {
		terr = ep.Listen(listenBacklog)
	}
	if terr != nil {
		ep.Close()
		return nil, fmt.Errorf("listen at %s: %s", at, terr)
	}
	return gonet.NewTCPListener(n.stack, queue, ep), nil
}

// DialUDP returns a connection that sends to an address and receives from it.
func (n *Node) DialUDP(to netip.AddrPort) (*gonet.UDPConn, error) {
	remote := fullAddress(to)
	return gonet.DialUDP(n.stack, nil, &remote, networkProtocol(to.Addr()))
}

// ListenUDP receives at an address of the host, or at all of one family's when it is unspecified.
func (n *Node) ListenUDP(at netip.AddrPort) (*gonet.UDPConn, error) {
	local := fullAddress(at)
	return gonet.DialUDP(n.stack, &local, nil, networkProtocol(at.Addr()))
}

// fullAddress translates; an unspecified address becomes netstack's empty one.
func fullAddress(a netip.AddrPort) tcpip.FullAddress {
	full := tcpip.FullAddress{NIC: nodeNIC, Port: a.Port()}
	if !a.Addr().IsUnspecified() {
		full.Addr = tcpip.AddrFromSlice(a.Addr().Unmap().AsSlice())
	}
	return full
}

func networkProtocol(a netip.Addr) tcpip.NetworkProtocolNumber {
	if a.Unmap().Is4() {
		return ipv4.ProtocolNumber
	}
	return ipv6.ProtocolNumber
}
