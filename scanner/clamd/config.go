package clamd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
)

// Name is the engine's name in findings, logs and the status.
const Name = "clamd"

// DefaultParallel is the number of questions asked at once: fewer than MaxThreads of a clamd that nobody has configured (10, and
// 12 on Debian), so that others, and its own commands, find a thread.
const DefaultParallel = 8

// ErrDown is returned by Engine.Scan while no daemon has answered for long enough that asking is of no use. The next try is made
// within seconds.
var ErrDown = errors.New("clamd: no daemon answers")

// Config says which daemons an Engine asks.
type Config struct {
	Addresses []string // "unix:PATH" or "tcp:ADDRESS:PORT", each a daemon of its own with the same databases; at least one
	Parallel  int      // questions asked at once; 0: DefaultParallel
	Message   int64    // octets of the largest part to be asked about; a daemon that takes less is weak. 0: not looked at
	Log       *slog.Logger

	// Dial connects to an address; nil: net.Dialer.DialContext.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Split takes an address of a configuration apart into a network and an address as package net has them.
//
// Errors: what it should look like.
func Split(s string) (network, address string, err error) {
	network, address, _ = strings.Cut(s, ":")
	switch network {
	case "unix":
		if !strings.HasPrefix(address, "/") {
			return "", "", errors.New("is not the absolute path of a socket: write one such as unix:/run/clamav/clamd.ctl")
		}
		return network, address, nil
	case "tcp":
		at, err := netip.ParseAddrPort(address) // no name: a confined process looks none up
		if err != nil || at.Port() == 0 {
			return "", "", errors.New("is not an IP address and a port: write one such as tcp:127.0.0.1:3310 or tcp:[::1]:3310")
		}
		return network, address, nil
	default:
		return "", "", errors.New("is neither unix:PATH nor tcp:ADDRESS:PORT: write one such as unix:/run/clamav/clamd.ctl")
	}
}

// daemon is one address to ask at.
type daemon struct {
	name             string // as configured
	network, address string
}

func daemons(addresses []string) ([]daemon, error) {
	if len(addresses) == 0 {
		return nil, errors.New("clamd: no address")
	}
	list := make([]daemon, len(addresses))
	for i, s := range addresses {
		network, address, err := Split(s)
		if err != nil {
			return nil, fmt.Errorf("clamd: %q %w", s, err)
		}
		list[i] = daemon{s, network, address}
	}
	return list, nil
}
