package testnet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
)

// StartPOP3Load runs a program on the host that answers POP3 at some of its addresses, as with ServePOP3Load, and waits until it does. A
// process may have so many files open and no more: with one of its own the server leaves the caller all of them for clients.
func (h *Host) StartPOP3Load(ctx context.Context, at []netip.AddrPort, argv ...string) (*Process, error) {
	p, err := h.Start("pop3load", argv...)
	if err != nil {
		return nil, err
	}
	for _, address := range at {
		if err := p.waitReady(ctx, readyLimit, func() bool { return h.answers(ctx, address) }); err != nil {
			return nil, errors.Join(fmt.Errorf("load server: %w", err), p.Kill())
		}
	}
	return p, nil
}
