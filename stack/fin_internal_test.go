package stack

import (
	"io"
	"net"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"

	"mirrorgw/testnet"
)

// TestRepeatedFINLeavesNothing: a connection that the client has closed first is forgotten within seconds after it has acknowledged our
// FIN, also when that had to be repeated.
func TestRepeatedFINLeavesNothing(t *testing.T) {
	h := newByHand(t, func(client net.Conn) { _, _ = io.Copy(io.Discard, client) })
	h.connect()
	const fin = header.TCPFlagFin | header.TCPFlagAck
	h.send(fin)
	h.want(fin)
	h.info() // by then the timer runs
	h.clock.Advance(2 * time.Second)
	h.want(fin)
	h.acknowledge(1)
	testnet.WaitFor(t, "the acknowledgement to be dealt with", func() bool {
		state := tcp.EndpointState(h.gateway.ep.State())
		return state != tcp.StateFinWait1 && state != tcp.StateLastAck
	})
	h.clock.Advance(finWait + time.Second)
	testnet.WaitFor(t, "the connection to be forgotten", func() bool { return h.stack.Counters().Endpoints <= 0 })
}
