package stack

import (
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

const (
	// maxSendBuffer and minSendBuffer bound what the netstack holds for a peer that does not take it: less where flows are many, since
	// all of them may stall. A client on the LAN takes more than 100 MB/s through either.
	maxSendBuffer = 256 << 10
	minSendBuffer = 128 << 10

	// maxReceiveBuffer and minReceiveBuffer bound what a server may send ahead of the relay; between them the servers share
	// Config.Received.
	maxReceiveBuffer = 4 << 20
	minReceiveBuffer = 64 << 10

	// firstReceiveBuffer is what a server may send ahead before its relay has read anything. It grows as the relay reads, and
	// that of a flow whose client takes nothing does not.
	firstReceiveBuffer = 128 << 10

	defaultReceived = 32 << 20
)

// bufferSizes returns what each of so many flows may have of its server ahead of its relay, when all of them share received octets, and what
// is held for its client: both in powers of two so that they seldom change.
func bufferSizes(received int64, flows int) (receive, send int) {
	receive = maxReceiveBuffer
	for receive > minReceiveBuffer && int64(receive)*int64(flows) > received {
		receive /= 2
	}
	return receive, min(max(receive, minSendBuffer), maxSendBuffer)
}

// shareBuffersLocked gives each server an equal share of Config.Received. A buffer that has grown stays as it is until its flow ends;
// new ones and those that would grow heed it. flows.mu is held.
func (s *Stack) shareBuffersLocked() {
	receive, send := bufferSizes(s.cfg.Received, s.flows.live+s.flows.unproven)
	if receive == s.buffers {
		return
	}
	s.buffers = receive
	receiving := tcpip.TCPReceiveBufferSizeRangeOption{Min: tcp.MinBufferSize, Default: min(receive, firstReceiveBuffer), Max: receive}
	sending := tcpip.TCPSendBufferSizeRangeOption{Min: tcp.MinBufferSize, Default: send, Max: send}
	for _, option := range []tcpip.SettableTransportProtocolOption{&receiving, &sending} {
		_ = s.ns.SetTransportProtocolOption(tcp.ProtocolNumber, option) // fails only for sizes out of order
	}
}
