package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"mirrorgw/testnet"
)

// way is what forwards in the mirror's place.
type way int

const (
	direct    way = iota // nothing: the client's packets go to the router themselves
	kernel               // the kernel's own forwarding, at the gateway's addresses
	bare                 // a loop in userspace that changes two MACs: tools/bareloop
	nginx                // a mail proxy at the gateway's address: nginx with its mail module
	dovecot              // the same: dovecot
	perdition            // the same: perdition
	relay                // a relay that ends mail's connections in the gateway's netstack and copies octets: tools/barerelay
	offload              // the gateway with the virtio-net header
	manyRules            // the same, with a thousand YARA rules beside its own
	plain                // the gateway without the virtio-net header
)

// ways are in the order in which they are taken. All before offload are peers of it and what follows.
func ways() []way {
	return []way{direct, kernel, bare, nginx, dovecot, perdition, relay, offload, manyRules, plain}
}

// wayNames lists the names that -ways knows.
func wayNames() string {
	var names []string
	for _, w := range ways() {
		names = append(names, w.String())
	}
	return strings.Join(names, ", ")
}

// parseWays reads names with commas between them.
func parseWays(list string) ([]way, error) {
	var some []way
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(ways(), func(w way) bool { return w.String() == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("no way is called %q", name)
		}
		some = append(some, ways()[i])
	}
	return some, nil
}

func (w way) String() string {
	switch w {
	case direct:
		return "no gateway"
	case kernel:
		return "kernel"
	case bare:
		return "bare loop"
	case nginx:
		return "nginx"
	case dovecot:
		return "dovecot"
	case perdition:
		return "perdition"
	case relay:
		return "bare relay"
	case offload:
		return "mirror"
	case manyRules:
		return "mirror with rules"
	case plain:
		return "mirror without offload"
	default:
		return fmt.Sprintf("way %d", int(w))
	}
}

// isProxy says whether a client must name the way itself as its server.
func (w way) isProxy() bool { return w == nginx || w == dovecot || w == perdition }

// server is whom a client names to reach a server.
func (w way) server(server netip.AddrPort) netip.AddrPort {
	switch {
	case w.isProxy():
		return netip.AddrPortFrom(testnet.GatewayIPv4, server.Port())
	default:
		return server
	}
}

// enter puts a way in the mirror's place; leave takes it out again.
func (b *bench) enter(ctx context.Context, w way) (leave func(context.Context) error, err error) {
	switch w {
	case direct:
		leave, err = b.enterDirect(ctx)
	case kernel:
		leave, err = b.enterKernel(ctx)
	case bare:
		leave, err = b.enterBare(ctx)
	case nginx, dovecot, perdition:
		return b.enterProxy(ctx, w)
	case relay:
		leave, err = b.enterRelay(ctx)
	case offload:
		leave, err = b.enterGateway(ctx, "on", noCache)
	case manyRules:
		leave, err = b.enterManyRules(ctx)
	case plain:
		leave, err = b.enterGateway(ctx, "off", noCache)
	default:
		return nil, errors.New("no such way")
	}
	if err != nil {
		return nil, err
	}
	if err := b.settle(ctx); err != nil {
		return nil, errors.Join(err, leave(context.WithoutCancel(ctx)))
	}
	return leave, nil
}

// forgetNeighbours has client and router ask for MACs again: the gateway's addresses have moved to another one.
func (b *bench) forgetNeighbours(ctx context.Context) error {
	for host, link := range map[*testnet.Host]string{b.lab.Client: "eth0", b.lab.Router: "lan0"} {
		if _, err := host.Output(ctx, "ip", "neighbour", "flush", "dev", link); err != nil {
			return err
		}
	}
	return nil
}

// settle waits until packets go through: a bridge that snoops needs its time to learn who is in which group. No measurement should hold
// that.
func (b *bench) settle(ctx context.Context) error {
	if err := b.forgetNeighbours(ctx); err != nil {
		return err
	}
	for _, address := range []netip.Addr{testnet.WebIPv4, testnet.WebIPv6} {
		// One answer within ten seconds.
		if _, err := b.lab.Client.Output(ctx, "ping", "-n", "-q", "-c", "1", "-w", "10", address.String()); err != nil {
			return err
		}
	}
	return nil
}

// Scripts for the host mirror, whose bridge br0 has no address otherwise: hostOn gives it the gateway's, forwardingOn also has
// it forward.
const (
	hostOn = `set -e
for scope in all default br0; do echo 0 > /proc/sys/net/ipv4/conf/$scope/send_redirects; done
ip address add GATEWAY4/24 dev br0
ip address add GATEWAY6/64 dev br0 nodad
ip route add default via ROUTER4
ip route add default via ROUTER6
`

	forwardingOn = hostOn + `
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding`

	forwardingOff = `
echo 0 > /proc/sys/net/ipv4/ip_forward
echo 0 > /proc/sys/net/ipv6/conf/all/forwarding
` + hostOff

	hostOff = `
ip route flush default
ip -6 route flush default
set -e
ip address flush dev br0 scope global`
)

// enterKernel gives the mirror's own kernel the gateway's addresses and has it forward.
func (b *bench) enterKernel(ctx context.Context) (leave func(context.Context) error, err error) {
	leave = func(ctx context.Context) error { return b.script(ctx, b.lab.Mirror, forwardingOff) }
	if err := b.script(ctx, b.lab.Mirror, forwardingOn); err != nil {
		return nil, errors.Join(err, leave(context.WithoutCancel(ctx)))
	}
	return leave, nil
}

// script runs one of the scripts above.
func (b *bench) script(ctx context.Context, on *testnet.Host, text string) error {
	text = strings.NewReplacer(
		"GATEWAY4", testnet.GatewayIPv4.String(), "GATEWAY6", testnet.GatewayIPv6.String(),
		"ROUTER4", testnet.RouterIPv4.String(), "ROUTER6", testnet.RouterIPv6.String(),
	).Replace(text)
	_, err := on.Output(ctx, "sh", "-c", text)
	return err
}

// noCache has every mail judged: a load retrieves the same ones again and again.
const noCache = "scan: {cache: 0}\n"

// enterGateway runs the gateway. All but the offload, the limits, and what sections adds, is as users have it by default.
func (b *bench) enterGateway(ctx context.Context, offload, sections string) (leave func(context.Context) error, err error) {
	config := fmt.Sprintf(`device: {name: mirror0, bridge: br0, offload: %s}
addresses: [%s/24, "%s/64"]
routers: [%s, "%s"]
limits: {sessions: 16000, per_client: 16000}
quarantine: {dir: %s}
control: {socket: %s}
`, offload, testnet.GatewayIPv4, testnet.GatewayIPv6, testnet.RouterIPv4, testnet.RouterIPv6,
		b.lab.QuarantineFolder(), b.lab.ControlSocket()) + sections
	gateway, err := b.lab.StartGateway(ctx, b.gateway, config)
	if err != nil {
		return nil, err
	}
	return b.forwards(gateway.Process), nil
}

// forwards takes note of the process that forwards; leave ends it.
func (b *bench) forwards(p *testnet.Process) (leave func(context.Context) error) {
	b.process = p
	return func(ctx context.Context) error {
		b.process = nil
		return p.Stop(ctx)
	}
}
