package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"mirrorgw/testnet"
)

// way is what forwards in the mirror's place.
type way int

const (
	direct  way = iota // nothing: the client's packets go to the router themselves
	kernel             // the kernel's own forwarding, at the gateway's addresses
	bare               // a loop in userspace that changes two MACs: tools/bareloop
	offload            // the gateway with the virtio-net header
	plain              // the gateway without
)

// ways are in the order in which they are taken. Kernel and bare are the peers of the others.
func ways() []way { return []way{direct, kernel, bare, offload, plain} }

func (w way) String() string {
	switch w {
	case direct:
		return "no gateway"
	case kernel:
		return "kernel"
	case bare:
		return "bare loop"
	case offload:
		return "mirror"
	case plain:
		return "mirror with offload off"
	default:
		return fmt.Sprintf("way %d", int(w))
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
	case offload:
		leave, err = b.enterGateway(ctx, "on")
	case plain:
		leave, err = b.enterGateway(ctx, "off")
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

// settle waits until packets go through: the gateway's addresses have moved to another MAC, and a bridge that snoops needs
// its time to learn who is in which group. No measurement should hold that.
func (b *bench) settle(ctx context.Context) error {
	for host, link := range map[*testnet.Host]string{b.lab.Client: "eth0", b.lab.Router: "lan0"} {
		if _, err := host.Output(ctx, "ip", "neighbour", "flush", "dev", link); err != nil {
			return err
		}
	}
	for _, address := range []netip.Addr{testnet.WebIPv4, testnet.WebIPv6} {
		// One answer within ten seconds.
		if _, err := b.lab.Client.Output(ctx, "ping", "-n", "-q", "-c", "1", "-w", "10", address.String()); err != nil {
			return err
		}
	}
	return nil
}

// forwardingOn and forwardingOff are scripts for the host mirror, whose bridge br0 has no address otherwise.
const (
	forwardingOn = `set -e
for scope in all default br0; do echo 0 > /proc/sys/net/ipv4/conf/$scope/send_redirects; done
ip address add GATEWAY4/24 dev br0
ip address add GATEWAY6/64 dev br0 nodad
ip route add default via ROUTER4
ip route add default via ROUTER6
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding`

	forwardingOff = `
echo 0 > /proc/sys/net/ipv4/ip_forward
echo 0 > /proc/sys/net/ipv6/conf/all/forwarding
ip route flush default
ip -6 route flush default
set -e
ip address flush dev br0 scope global`
)

// enterKernel gives the mirror's own kernel the gateway's addresses and has it forward.
func (b *bench) enterKernel(ctx context.Context) (leave func(context.Context) error, err error) {
	leave = func(ctx context.Context) error {
		_, err := b.lab.Mirror.Output(ctx, "sh", "-c", forwardingOff)
		return err
	}
	script := strings.NewReplacer(
		"GATEWAY4", testnet.GatewayIPv4.String(), "GATEWAY6", testnet.GatewayIPv6.String(),
		"ROUTER4", testnet.RouterIPv4.String(), "ROUTER6", testnet.RouterIPv6.String(),
	).Replace(forwardingOn)
	if _, err := b.lab.Mirror.Output(ctx, "sh", "-c", script); err != nil {
		return nil, errors.Join(err, leave(context.WithoutCancel(ctx)))
	}
	return leave, nil
}

// enterGateway runs the gateway. All but the offload is as users have it by default.
func (b *bench) enterGateway(ctx context.Context, offload string) (leave func(context.Context) error, err error) {
	config := fmt.Sprintf(`device: {name: mirror0, bridge: br0, offload: %s}
addresses: [%s/24, "%s/64"]
routers: [%s, "%s"]
quarantine: {dir: %s}
control: {socket: %s}
`, offload, testnet.GatewayIPv4, testnet.GatewayIPv6, testnet.RouterIPv4, testnet.RouterIPv6,
		b.lab.QuarantineFolder(), b.lab.ControlSocket())
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
