package main

import (
	"context"
	"io"
	"net"
	"sync"

	"mirrorgw/stack"
)

// Octets of a buffer, before a read has filled it and after.
const (
	smallBuffer = 8 << 10
	largeBuffer = 64 << 10
)

// leg is one connection of a flow; those of stack.Flow are.
type leg interface {
	net.Conn
	CloseWrite() error
}

// relay implements stack.Handler.
type relay struct{}

// ServeFlow copies between the two connections until both directions have ended.
func (relay) ServeFlow(_ context.Context, f stack.Flow) {
	client, server := f.Client.(leg), f.Server.(leg)
	var up sync.WaitGroup
	up.Go(func() { pass(server, client) }) // ends with the flow, as the other direction does
	pass(client, server)
	up.Wait()
}

// RefuseFlow has nothing to say. Without limits no flow is refused.
func (relay) RefuseFlow(context.Context, net.Conn, stack.Refusal) {}

// pass copies until from has ended, and ends to then. Where either fails it closes both, which ends the other direction too.
func pass(to, from leg) {
	buf := make([]byte, smallBuffer)
	for {
		n, err := from.Read(buf)
		if n > 0 && err == nil {
			_, err = to.Write(buf[:n])
		}
		switch {
		case err == io.EOF: //nolint:errorlint // a net.Conn returns it as it is
			_ = to.CloseWrite() // fails where there is nothing left to end
			return
		case err != nil:
			_, _ = to.Close(), from.Close() // as above
			return
		case n == len(buf) && n < largeBuffer:
			buf = make([]byte, largeBuffer)
		}
	}
}
