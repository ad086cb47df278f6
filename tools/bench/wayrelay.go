package main

import (
	"context"
	"errors"
	"fmt"

	"mirrorgw/testnet"
)

// enterRelay runs the bare relay at the gateway's addresses.
func (b *bench) enterRelay(ctx context.Context) (leave func(context.Context) error, err error) {
	relay, err := b.lab.Mirror.Start("barerelay", b.barerelay, "-device", "mirror0", "-bridge", "br0",
		"-addresses", fmt.Sprintf("%s/24,%s/64", testnet.GatewayIPv4, testnet.GatewayIPv6),
		"-routers", fmt.Sprintf("%s,%s", testnet.RouterIPv4, testnet.RouterIPv6))
	if err != nil {
		return nil, err
	}
	leave = b.forwards(relay)
	if err := waitForLog(ctx, relay, "ready "); err != nil {
		return nil, errors.Join(fmt.Errorf("bare relay: %w", err), leave(context.WithoutCancel(ctx)))
	}
	return leave, nil
}
