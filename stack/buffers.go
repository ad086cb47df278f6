package stack

import (
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

const (
	// maxSendBuffer bounds what the netstack holds for a peer that does not take it. A client on the LAN takes more than
	// 100 MB/s through it.
	maxSendBuffer = 256 << 10

	// maxReceiveBuffer and minReceiveBuffer bound what a server may send ahead of the relay; between them the servers share
	// Config.Received.
	maxReceiveBuffer = 4 << 20
	minReceiveBuffer = 64 << 10

	// firstReceiveBuffer is what a server may send ahead before its relay has read anything. It grows as the relay reads, and
	// that of a flow whose client takes nothing does not.
	firstReceiveBuffer = 128 << 10

	defaultReceived = 32 << 20
)

// shareBuffersLocked gives each server an equal share of Config.Received, in powers of two so that it seldom changes. A buffer
// that has grown stays as it is until its flow ends; new ones and those that would grow heed it. flows.mu is held.
func (s *Stack) shareBuffersLocked() {
	share := maxReceiveBuffer
	for share > minReceiveBuffer && int64(share)*int64(s.flows.live+s.flows.unproven) > s.cfg.Received {
		share /= 2
	}
	if share == s.buffers {
		return
	}
	s.buffers = share
	option := tcpip.TCPReceiveBufferSizeRangeOption{Min: tcp.MinBufferSize, Default: min(share, firstReceiveBuffer), Max: share}
	_ = s.ns.SetTransportProtocolOption(tcp.ProtocolNumber, &option) // fails only for sizes out of order
}
