package stack

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	netstack "gvisor.dev/gvisor/pkg/tcpip/stack"
)

// The two NICs of the netstack.
const (
	ownNIC       tcpip.NICID = 1
	interceptNIC tcpip.NICID = 2
)

// gsoMaxSize bounds the super-frames netstack sends to a device with offload: the most an IP packet can hold.
const gsoMaxSize = 65535

// Virtio-net header fields (linux/virtio_net.h).
const (
	vnetNeedsCsum = 1
	vnetGSOTCPv4  = 1
	vnetGSOTCPv6  = 4
)

// nic is the link endpoint of one NIC. Frames come in through deliver and go out to the device's queues.
//
// The NIC own resolves its neighbours itself (ARP, ND). The NIC intercept has neighbours instead: it addresses a frame to
// the MAC that neighbours knows for its destination, and sends nothing but TCP.
type nic struct {
	mac        tcpip.LinkAddress
	mtu        atomic.Uint32
	offload    bool
	neighbours Neighbours // nil on the NIC own
	writers    []FrameWriter
	sent       *sentSegments
	drops      *atomic.Uint64
	acks       *ackDelay
	traces     *traceTable
	frames     sync.Pool // of *outgoing

	mu         sync.RWMutex
	dispatcher netstack.NetworkDispatcher // guarded by mu
}

var (
	_ netstack.LinkEndpoint       = (*nic)(nil)
	_ netstack.GSOEndpoint        = (*nic)(nil)
	_ netstack.QueueingDiscipline = (*nic)(nil)
)

// newNIC returns a NIC's link endpoint; neighbours is nil for the NIC own.
func newNIC(cfg Config, neighbours Neighbours, sent *sentSegments, traces *traceTable, drops *atomic.Uint64) *nic {
	n := &nic{mac: tcpip.LinkAddress(cfg.MAC), offload: cfg.Offload, neighbours: neighbours, writers: cfg.Writers, sent: sent, traces: traces, drops: drops}
	n.mtu.Store(uint32(cfg.MTU))
	n.acks = newACKDelay(cfg.Clock, n.sendHeld)
	n.frames.New = func() any {
		return &outgoing{buf: make([]byte, VNetHeaderLen+header.EthernetMinimumSize+gsoMaxSize)}
	}
	return n
}

// deliver gives a frame, virtio header included, to netstack, which gets a copy.
func (n *nic) deliver(frame []byte) {
	if len(frame) < VNetHeaderLen+header.EthernetMinimumSize {
		return
	}
	n.mu.RLock()
	dispatcher := n.dispatcher
	n.mu.RUnlock()
	if dispatcher == nil {
		return
	}
	pkt := netstack.NewPacketBuffer(netstack.PacketBufferOptions{Payload: views(frame[VNetHeaderLen:])})
	defer pkt.DecRef()
	link, ok := pkt.LinkHeader().Consume(header.EthernetMinimumSize)
	if !ok {
		return
	}
	eth := header.Ethernet(link)
	switch dst := eth.DestinationAddress(); {
	case dst == header.EthernetBroadcastAddress:
		pkt.PktType = tcpip.PacketBroadcast
	case header.IsMulticastEthernetAddress(dst):
		pkt.PktType = tcpip.PacketMulticast
	default:
		pkt.PktType = tcpip.PacketHost
	}
	pkt.NetworkProtocolNumber = eth.Type()
	dispatcher.DeliverNetworkPacket(eth.Type(), pkt)
}

const (
	// firstView is as large as Ethernet's, IP's and TCP's headers are with their usual options, and a size that the netstack has memory of.
	firstView = 128

	largeFrame = 4 << 10 // frames from here on are worth two views
)

// views copies a frame for the netstack. It copies the memory of a header once more for each packet, with all that stands behind it in one
// view: the headers of a large frame have one of their own.
func views(frame []byte) buffer.Buffer {
	if len(frame) < largeFrame {
		return buffer.MakeWithData(frame)
	}
	b := buffer.MakeWithData(frame[:firstView])
	_ = b.Append(buffer.NewViewWithData(frame[firstView:])) // fails only for memory that others use as well
	return b
}

// outgoing is the memory in which a frame leaves.
type outgoing struct {
	buf   []byte // for the largest frame
	batch [1][]byte
}

// WritePackets sends packets out.
func (n *nic) WritePackets(pkts netstack.PacketBufferList) (int, tcpip.Error) {
	for _, pkt := range pkts.AsSlice() {
		_ = n.WritePacket(pkt) // never an error
	}
	return pkts.Len(), nil
}

// WritePacket sends a packet out. One the device does not take is dropped and counted: TCP sends it again. Netstack knows but a few errors
// here and panics on others, so none is returned.
//
// It makes the NIC its own queueing discipline: the netstack's makes a list of each packet.
func (n *nic) WritePacket(pkt *netstack.PacketBuffer) tcpip.Error {
	out := n.frames.Get().(*outgoing)
	if frame, ok := n.encode(pkt, out.buf); !ok {
		n.drops.Add(1)
	} else if !n.acks.hold(pkt, frame) {
		n.write(out, frame, pkt.Hash)
	}
	n.frames.Put(out)
	return nil
}

// leg returns which connections of flows pass here.
func (n *nic) leg() Leg {
	if n.neighbours == nil {
		return ServerLeg
	}
	return ClientLeg
}

// sendHeld sends an acknowledgement that has waited for company.
func (n *nic) sendHeld(frame []byte, hash uint32) {
	out := n.frames.Get().(*outgoing)
	n.write(out, frame, hash)
	n.frames.Put(out)
}

// write sends a frame through the queue of its flow.
func (n *nic) write(out *outgoing, frame []byte, hash uint32) {
	n.traces.sent(n.leg(), frame) // first, so that no answer comes before it
	out.batch[0] = frame
	if _, err := n.writers[hash%uint32(len(n.writers))].WriteFrames(out.batch[:]); err != nil {
		n.drops.Add(1)
	}
	out.batch[0] = nil
}

// encode writes pkt as a frame with its virtio header into buf. It reports false for what cannot be sent.
func (n *nic) encode(pkt *netstack.PacketBuffer, buf []byte) ([]byte, bool) {
	clear(buf[:VNetHeaderLen])
	if gso := pkt.GSOOptions; n.offload && gso.Type != netstack.GSONone {
		if gso.NeedsCsum {
			buf[0] = vnetNeedsCsum
			binary.LittleEndian.PutUint16(buf[6:], header.EthernetMinimumSize+gso.L3HdrLen)
			binary.LittleEndian.PutUint16(buf[8:], gso.CsumOffset)
		}
		if pkt.Data().Size() > int(gso.MSS) {
			buf[1] = vnetGSOTCPv4
			if gso.Type == netstack.GSOTCPv6 {
				buf[1] = vnetGSOTCPv6
			}
			binary.LittleEndian.PutUint16(buf[2:], uint16(pkt.HeaderSize()))
			binary.LittleEndian.PutUint16(buf[4:], gso.MSS)
		}
	}
	frame := buf[:VNetHeaderLen]
	views, skip := pkt.AsViewList()
	for v := views.Front(); v != nil; v = v.Next() {
		view := v.AsSlice()
		if skip >= len(view) {
			skip -= len(view)
			continue
		}
		view = view[skip:]
		skip = 0
		if len(frame)+len(view) > cap(buf) {
			return nil, false
		}
		frame = append(frame, view...)
	}
	n.sent.note(frame)
	if n.neighbours == nil {
		markRouter(frame)
		return frame, true
	}
	dst, ok := tcpDestination(frame)
	if !ok {
		return nil, false
	}
	mac, ok := n.neighbours.Lookup(dst)
	if !ok {
		return nil, false
	}
	copy(frame[VNetHeaderLen:], mac[:])
	return frame, true
}

// tcpDestination returns the destination of an outgoing frame that carries TCP, and false for any other.
func tcpDestination(frame []byte) (netip.Addr, bool) {
	packet := frame[VNetHeaderLen+header.EthernetMinimumSize:]
	switch {
	case len(packet) >= header.IPv4MinimumSize && packet[0]>>4 == 4 && packet[9] == uint8(header.TCPProtocolNumber):
		return netip.AddrFrom4([4]byte(packet[16:20])), true
	case len(packet) >= header.IPv6MinimumSize && packet[0]>>4 == 6 && packet[6] == uint8(header.TCPProtocolNumber):
		return netip.AddrFrom16([16]byte(packet[24:40])), true
	}
	return netip.Addr{}, false
}

// AddHeader writes the Ethernet header. On the NIC intercept the destination is filled in by encode.
func (n *nic) AddHeader(pkt *netstack.PacketBuffer) {
	header.Ethernet(pkt.LinkHeader().Push(header.EthernetMinimumSize)).Encode(&header.EthernetFields{
		SrcAddr: n.mac,
		DstAddr: pkt.EgressRoute.RemoteLinkAddress,
		Type:    pkt.NetworkProtocolNumber,
	})
}

// ParseHeader consumes the Ethernet header of an incoming packet.
func (n *nic) ParseHeader(pkt *netstack.PacketBuffer) bool {
	_, ok := pkt.LinkHeader().Consume(header.EthernetMinimumSize)
	return ok
}

// Capabilities: checksums of what is delivered were verified by the forwarder or vouched for by the kernel. Transmit
// offload is not claimed, since segments without GSO options would then leave with no checksum.
func (n *nic) Capabilities() netstack.LinkEndpointCapabilities {
	caps := netstack.CapabilityRXChecksumOffload
	if n.neighbours == nil {
		caps |= netstack.CapabilityResolutionRequired
	}
	return caps
}

// ARPHardwareType tells netstack whether to attach ARP and ND to the NIC.
func (n *nic) ARPHardwareType() header.ARPHardwareType {
	if n.neighbours == nil {
		return header.ARPHardwareEther
	}
	return header.ARPHardwareNone
}

// SupportedGSO and GSOMaxSize: a device with offload segments for us.
func (n *nic) SupportedGSO() netstack.SupportedGSO {
	if n.offload {
		return netstack.HostGSOSupported
	}
	return netstack.GSONotSupported
}

func (n *nic) GSOMaxSize() uint32 { return gsoMaxSize }

// The rest of netstack.LinkEndpoint.

func (n *nic) MTU() uint32                         { return n.mtu.Load() }
func (n *nic) SetMTU(mtu uint32)                   { n.mtu.Store(mtu) }
func (n *nic) MaxHeaderLength() uint16             { return header.EthernetMinimumSize }
func (n *nic) LinkAddress() tcpip.LinkAddress      { return n.mac }
func (n *nic) SetLinkAddress(tcpip.LinkAddress)    {}
func (n *nic) Attach(d netstack.NetworkDispatcher) { n.mu.Lock(); n.dispatcher = d; n.mu.Unlock() }
func (n *nic) IsAttached() bool                    { n.mu.RLock(); defer n.mu.RUnlock(); return n.dispatcher != nil }
func (n *nic) Wait()                               {}
func (n *nic) Close()                              {}
func (n *nic) SetOnCloseAction(func())             {}
