package main

import (
	"context"
	"errors"
	"net/netip"

	"mirrorgw/testnet"
)

// enterDirect has the client send to the router itself.
func (b *bench) enterDirect(ctx context.Context) (leave func(context.Context) error, err error) {
	leave = func(ctx context.Context) error {
		return b.routeClient(ctx, testnet.GatewayIPv4, testnet.GatewayIPv6)
	}
	if err := b.routeClient(ctx, testnet.RouterIPv4, testnet.RouterIPv6); err != nil {
		return nil, errors.Join(err, leave(context.WithoutCancel(ctx)))
	}
	return leave, nil
}

// routeClient sets the client's default routes.
func (b *bench) routeClient(ctx context.Context, via ...netip.Addr) error {
	for _, a := range via {
		if _, err := b.lab.Client.Output(ctx, "ip", "route", "replace", "default", "via", a.String()); err != nil {
			return err
		}
	}
	return nil
}
