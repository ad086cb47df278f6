package stack_test

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"gvisor.dev/gvisor/pkg/tcpip/faketime"

	"mirrorgw/stack"
	"mirrorgw/testnet"
)

// syn returns the frame that opens a flow.
func syn(t testing.TB, client, server netip.AddrPort) []byte {
	t.Helper()
	eth := &layers.Ethernet{SrcMAC: clientMAC, DstMAC: gatewayMAC, EthernetType: layers.EthernetTypeIPv4}
	tcp := &layers.TCP{SrcPort: layers.TCPPort(client.Port()), DstPort: layers.TCPPort(server.Port()), SYN: true, Seq: 7, Window: 65535}
	var ip interface {
		gopacket.NetworkLayer
		gopacket.SerializableLayer
	} = &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: client.Addr().AsSlice(), DstIP: server.Addr().AsSlice()}
	if client.Addr().Is6() {
		eth.EthernetType = layers.EthernetTypeIPv6
		ip = &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP, SrcIP: client.Addr().AsSlice(), DstIP: server.Addr().AsSlice()}
	}
	if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, eth, ip, tcp); err != nil {
		t.Fatal(err)
	}
	return append(make([]byte, stack.VNetHeaderLen), buf.Bytes()...)
}

// TestFloodLeavesRoomForTheHonest fills the table of parked SYNs with forged ones; a real client is served all the same.
func TestFloodLeavesRoomForTheHonest(t *testing.T) {
	n := newNetwork(t, testnet.WireConfig{}, splice, nil)
	n.listen(server4, func(c net.Conn) { _, _ = io.WriteString(c, "hello") })
	silent := netip.MustParseAddrPort("198.51.100.99:110")
	for i := range 300 {
		forged := netip.AddrPortFrom(netip.MustParseAddr("192.168.1.77"), uint16(1024+i))
		n.stack.DeliverIntercept([][]byte{syn(t, forged, silent), syn(t, forged, silent)})
	}
	if s := n.stack.Counters(); s.Parked != 256 || s.Cookie != 2*44 {
		t.Errorf("counters %+v", s)
	}
	c, err := n.client.DialTCP(t.Context(), server4)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := io.ReadAll(c); string(got) != "hello" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestUnclaimedServerIsLetGo opens a flow whose client never answers the handshake.
func TestUnclaimedServerIsLetGo(t *testing.T) {
	clock := faketime.NewManualClock()
	turning := make(chan struct{})
	go func() { // ends when the addresses are claimed
		for {
			select {
			case <-turning:
				return
			default:
				clock.Advance(10 * time.Millisecond)
			}
		}
	}()
	n := newNetwork(t, testnet.WireConfig{}, splice, func(cfg *stack.Config) { cfg.Clock = clock })
	close(turning)
	ended := make(chan struct{})
	n.listen(server4, func(c net.Conn) {
		_, _ = io.Copy(io.Discard, c)
		close(ended)
	})
	n.stack.DeliverIntercept([][]byte{syn(t, netip.MustParseAddrPort("192.168.1.77:1024"), server4)})
	testnet.WaitFor(t, "the dial", func() bool { return n.stack.Counters().Dialled == 1 })
	clock.Advance(19 * time.Second)
	if s := n.stack.Counters(); s.Unclaimed != 0 {
		t.Errorf("let go too early: %+v", s)
	}
	clock.Advance(2 * time.Second)
	<-ended
	if s := n.stack.Counters(); s.Unclaimed != 1 || s.Flows != 0 {
		t.Errorf("counters %+v", s)
	}
}

// FuzzDeliverIntercept: whatever is punted, the stack does not panic, and a frame without a whole TCP header never
// reaches netstack.
func FuzzDeliverIntercept(f *testing.F) {
	for _, seed := range [][2]string{{"192.168.1.10:1024", "198.51.100.10:110"}, {"[fd00:1::10]:1024", "[2001:db8:100::10]:110"}} {
		frame := syn(f, netip.MustParseAddrPort(seed[0]), netip.MustParseAddrPort(seed[1]))
		f.Add(frame)
		f.Add(frame[:len(frame)-1])
		f.Add(frame[:stack.VNetHeaderLen+20])
	}
	wire := testnet.NewWire(testnet.WireConfig{})
	f.Cleanup(func() { wire.Close() })
	tap, err := wire.NewTap("gateway")
	if err != nil {
		f.Fatal(err)
	}
	s, err := stack.New(stack.Config{
		MAC: gatewayMAC, MTU: 1500, Writers: []stack.FrameWriter{tap}, Addresses: nil,
		Neighbours: static{}, Handler: handlerFunc(splice), Ports: []uint16{110}, Trace: 16,
	})
	if err != nil {
		f.Fatal(err)
	}
	s.Admit()
	f.Fuzz(func(t *testing.T, frame []byte) {
		before := s.Counters().Malformed
		s.DeliverIntercept([][]byte{frame})
		s.DeliverOwn([][]byte{frame})
		if len(frame) < stack.VNetHeaderLen+14+20+20 && s.Counters().Malformed != before+1 {
			t.Errorf("a frame of %d octets passed for TCP", len(frame))
		}
	})
}
