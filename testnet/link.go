package testnet

import (
	"sync"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	netstack "gvisor.dev/gvisor/pkg/tcpip/stack"
)

// link is a node's network card: it puts netstack's packets on the wire as Ethernet frames and hands frames up.
type link struct {
	wire *Wire
	port *port

	mu struct {
		sync.RWMutex
		dispatcher netstack.NetworkDispatcher
		address    tcpip.LinkAddress
		mtu        uint32
	}
}

var _ netstack.LinkEndpoint = (*link)(nil)

// newLink plugs a card into the wire.
func newLink(w *Wire, name string, address tcpip.LinkAddress, mtu int) (*link, error) {
	p, err := w.plug(name)
	if err != nil {
		return nil, err
	}
	l := &link{wire: w, port: p}
	l.mu.address, l.mu.mtu = address, uint32(mtu)
	return l, nil
}

// receive hands frames up until the card is unplugged.
func (l *link) receive() {
	for {
		select {
		case <-l.port.closed:
			return
		case frame := <-l.port.queue:
			l.deliver(frame)
		}
	}
}

// deliver hands one frame up, if it is for this card. It copies frame.
func (l *link) deliver(frame []byte) {
	if len(frame) < header.EthernetMinimumSize {
		return
	}
	l.mu.RLock()
	dispatcher, address := l.mu.dispatcher, l.mu.address
	l.mu.RUnlock()
	if dispatcher == nil {
		return
	}
	packetType := tcpip.PacketHost
	switch destination := header.Ethernet(frame).DestinationAddress(); {
	case destination == header.EthernetBroadcastAddress:
		packetType = tcpip.PacketBroadcast
	case header.IsMulticastEthernetAddress(destination):
		packetType = tcpip.PacketMulticast
	case destination != address:
		return
	}
	pkt := netstack.NewPacketBuffer(netstack.PacketBufferOptions{Payload: buffer.MakeWithData(frame)})
	defer pkt.DecRef()
	if !l.ParseHeader(pkt) {
		return
	}
	pkt.PktType = packetType
	dispatcher.DeliverNetworkPacket(header.Ethernet(frame).Type(), pkt)
}

// WritePackets implements netstack.LinkWriter.
func (l *link) WritePackets(pkts netstack.PacketBufferList) (int, tcpip.Error) {
	for n, pkt := range pkts.AsSlice() {
		b := pkt.ToBuffer()
		frame := b.Flatten()
		b.Release()
		if err := l.wire.send(l.port, frame); err != nil {
			return n, &tcpip.ErrClosedForSend{}
		}
	}
	return pkts.Len(), nil
}

// AddHeader implements netstack.NetworkLinkEndpoint.
func (l *link) AddHeader(pkt *netstack.PacketBuffer) {
	header.Ethernet(pkt.LinkHeader().Push(header.EthernetMinimumSize)).Encode(&header.EthernetFields{
		SrcAddr: pkt.EgressRoute.LocalLinkAddress,
		DstAddr: pkt.EgressRoute.RemoteLinkAddress,
		Type:    pkt.NetworkProtocolNumber,
	})
}

// ParseHeader implements netstack.NetworkLinkEndpoint.
func (l *link) ParseHeader(pkt *netstack.PacketBuffer) bool {
	_, ok := pkt.LinkHeader().Consume(header.EthernetMinimumSize)
	return ok
}

// Attach implements netstack.NetworkLinkEndpoint.
func (l *link) Attach(dispatcher netstack.NetworkDispatcher) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.dispatcher = dispatcher
}

// IsAttached implements netstack.NetworkLinkEndpoint.
func (l *link) IsAttached() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.mu.dispatcher != nil
}

// MTU implements netstack.NetworkLinkEndpoint.
func (l *link) MTU() uint32 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.mu.mtu
}

// SetMTU implements netstack.NetworkLinkEndpoint.
func (l *link) SetMTU(mtu uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.mtu = mtu
}

// LinkAddress implements netstack.NetworkLinkEndpoint.
func (l *link) LinkAddress() tcpip.LinkAddress {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.mu.address
}

// SetLinkAddress implements netstack.NetworkLinkEndpoint.
func (l *link) SetLinkAddress(address tcpip.LinkAddress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.address = address
}

// MaxHeaderLength implements netstack.NetworkLinkEndpoint.
func (*link) MaxHeaderLength() uint16 { return header.EthernetMinimumSize }

// Capabilities implements netstack.NetworkLinkEndpoint.
func (*link) Capabilities() netstack.LinkEndpointCapabilities {
	return netstack.CapabilityResolutionRequired
}

// ARPHardwareType implements netstack.NetworkLinkEndpoint.
func (*link) ARPHardwareType() header.ARPHardwareType { return header.ARPHardwareEther }

// Close implements netstack.NetworkLinkEndpoint.
func (l *link) Close() { l.wire.unplug(l.port) }

// Wait implements netstack.NetworkLinkEndpoint: the one goroutine is the node's, which waits for it.
func (*link) Wait() {}

// SetOnCloseAction implements netstack.NetworkLinkEndpoint.
func (*link) SetOnCloseAction(func()) {}
