package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"mirrorgw/testnet"
)

// enterBare runs the bare loop. It answers no ARP, so that the client is told its MAC.
func (b *bench) enterBare(ctx context.Context) (leave func(context.Context) error, err error) {
	mac, err := b.lab.Router.Output(ctx, "cat", "/sys/class/net/lan0/address")
	if err != nil {
		return nil, err
	}
	loop, err := b.lab.Mirror.Start("bareloop", b.bareloop, "-device", "mirror0", "-bridge", "br0", "-to", strings.TrimSpace(string(mac)))
	if err != nil {
		return nil, err
	}
	stop := b.forwards(loop)
	leave = func(ctx context.Context) error {
		return errors.Join(b.forgetBare(ctx), stop(ctx))
	}
	if err := b.introduceBare(ctx, loop); err != nil {
		return nil, errors.Join(fmt.Errorf("bare loop: %w", err), leave(context.WithoutCancel(ctx)))
	}
	return leave, nil
}

// introduceBare waits for the loop's MAC and tells the client.
func (b *bench) introduceBare(ctx context.Context, loop *testnet.Process) error {
	if err := waitForLog(ctx, loop, "ready "); err != nil {
		return err
	}
	log, err := loop.Log()
	if err != nil {
		return err
	}
	_, mac, _ := strings.Cut(log, "ready ")
	for _, a := range gatewayAddresses() {
		if _, err := b.lab.Client.Output(ctx, "ip", "neighbour", "replace", a.String(), "lladdr", strings.TrimSpace(mac), "dev", "eth0", "nud", "permanent"); err != nil {
			return err
		}
	}
	return nil
}

// forgetBare removes what introduceBare told.
func (b *bench) forgetBare(ctx context.Context) error {
	_, err := b.lab.Client.Output(ctx, "ip", "neighbour", "flush", "dev", "eth0", "nud", "permanent")
	return err
}

func gatewayAddresses() []netip.Addr { return []netip.Addr{testnet.GatewayIPv4, testnet.GatewayIPv6} }
