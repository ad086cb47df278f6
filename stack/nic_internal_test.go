package stack

import (
	"bytes"
	"net"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/header"
	netstack "gvisor.dev/gvisor/pkg/tcpip/stack"
)

// TestViews: whatever its size, a frame arrives whole, and of a large one the netstack copies no more than headers again.
func TestViews(t *testing.T) {
	for _, size := range []int{header.EthernetMinimumSize, firstView - 1, firstView, firstView + 1, largeFrame - 1, largeFrame, largeFrame + 1, 1 << 16, header.EthernetMinimumSize + gsoMaxSize} {
		frame := make([]byte, size)
		for i := range frame {
			frame[i] = byte(i * 7)
		}
		pkt := netstack.NewPacketBuffer(netstack.PacketBufferOptions{Payload: views(frame)})
		first := firstOf(pkt)
		link, ok := pkt.LinkHeader().Consume(header.EthernetMinimumSize)
		if !ok || !bytes.Equal(link, frame[:header.EthernetMinimumSize]) {
			t.Fatalf("%d octets: link header %x, %v", size, link, ok)
		}
		kept := pkt.LinkHeader().View() // as the netstack keeps a header while it asks for it again
		_ = pkt.LinkHeader().Slice()
		if got := firstOf(pkt); size >= 4<<10 && (first != firstView || got != firstView) {
			t.Errorf("%d octets: the first view has %d octets, then %d", size, first, got)
		}
		kept.Release()
		if got := pkt.ToBuffer(); !bytes.Equal(got.Flatten(), frame) {
			t.Errorf("%d octets are not what they were", size)
		}
		pkt.DecRef()
	}
}

// firstOf returns the size of a packet's first view.
func firstOf(pkt *netstack.PacketBuffer) int {
	list, _ := pkt.AsViewList()
	return list.Front().Size()
}

// BenchmarkDeliver hands the netstack segments of a flow that it does not have.
func BenchmarkDeliver(b *testing.B) {
	s, err := New(Config{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, MTU: 1500, Writers: []FrameWriter{nowhere{}}, Neighbours: nowhere{}, Handler: nowhere{}})
	if err != nil {
		b.Fatal(err)
	}
	defer s.ns.Wait()
	defer s.ns.Close()
	for name, segment := range map[string]inSegment{
		"bare": {ack: 1}, "1 kB": {ack: 1, payload: 1000}, "60 kB": {ack: 1, payload: 60_000}, "60 kB, IPv6": {ack: 1, payload: 60_000, ipv6: true},
	} {
		b.Run(name, func(b *testing.B) {
			frame := segment.frame()
			eth := header.EthernetFields{DstAddr: s.intercept.mac, Type: header.IPv4ProtocolNumber}
			if segment.ipv6 {
				eth.Type = header.IPv6ProtocolNumber
			}
			header.Ethernet(frame[VNetHeaderLen:]).Encode(&eth)
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			for b.Loop() {
				s.intercept.deliver(frame)
			}
		})
	}
}
