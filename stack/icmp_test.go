package stack_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"mirrorgw/stack"
	"mirrorgw/testnet"
)

// icmpError returns the frame with which a router on the way answers an Ethernet frame of the gateway's: type and code are
// those of "too big" for an MTU, or else given.
func icmpError(about []byte, mtu int, change func(icmp []byte)) []byte {
	packet := about[14:]
	v4 := packet[0]>>4 == 4
	quote := packet[:min(len(packet), 548)]
	icmp := append(make([]byte, 8), quote...)
	binary.BigEndian.PutUint32(icmp[4:], uint32(mtu))
	icmp[0] = byte(header.ICMPv6PacketTooBig)
	if v4 {
		icmp[0], icmp[1] = byte(header.ICMPv4DstUnreachable), byte(header.ICMPv4FragmentationNeeded)
	}
	if change != nil {
		change(icmp)
	}
	frame := make([]byte, stack.VNetHeaderLen+14, 1000)
	copy(frame[stack.VNetHeaderLen:], gatewayMAC)
	copy(frame[stack.VNetHeaderLen+6:], clientMAC)
	copy(frame[stack.VNetHeaderLen+12:], about[12:14])
	if v4 {
		ip := make(header.IPv4, header.IPv4MinimumSize)
		ip.Encode(&header.IPv4Fields{
			TotalLength: uint16(len(ip) + len(icmp)), TTL: 64, Protocol: uint8(header.ICMPv4ProtocolNumber),
			SrcAddr: header.IPv4(packet).DestinationAddress(), DstAddr: header.IPv4(packet).SourceAddress(),
		})
		ip.SetChecksum(^ip.CalculateChecksum())
		header.ICMPv4(icmp).SetChecksum(^checksum.Checksum(icmp, 0))
		return append(append(frame, ip...), icmp...)
	}
	ip := make(header.IPv6, header.IPv6MinimumSize)
	ip.Encode(&header.IPv6Fields{
		PayloadLength: uint16(len(icmp)), HopLimit: 64, TransportProtocol: header.ICMPv6ProtocolNumber,
		SrcAddr: header.IPv6(packet).DestinationAddress(), DstAddr: header.IPv6(packet).SourceAddress(),
	})
	header.ICMPv6(icmp).SetChecksum(header.ICMPv6Checksum(header.ICMPv6ChecksumParams{
		Header: header.ICMPv6(icmp), Src: ip.SourceAddress(), Dst: ip.DestinationAddress(),
	}))
	return append(append(frame, ip...), icmp...)
}

// narrow is a wire with a router in it that hands no packet above mtu on to the station, and says so.
type narrow struct {
	station net.HardwareAddr
	mtu     int
	tooBig  chan []byte // frames that did not fit
	passed  atomic.Int64
}

func (w *narrow) filter(from string, frame []byte) bool {
	if from != "gateway" || !bytes.Equal(frame[:6], w.station) || len(frame) < 60 || !isTCP(frame) {
		return true
	}
	if len(frame)-14 <= w.mtu {
		w.passed.Add(1)
		return true
	}
	select {
	case w.tooBig <- bytes.Clone(frame):
	default:
	}
	return false
}

// TestPathMTUShrinks: a path narrower than the LAN on either side of the gateway carries a megabyte (REQUIREMENTS A13).
func TestPathMTUShrinks(t *testing.T) {
	sides := map[string]net.HardwareAddr{"to the client": clientMAC, "to the server": routerMAC}
	for side, station := range sides {
		t.Run(side, func(t *testing.T) {
			eachFamily(t, func(t *testing.T, server netip.AddrPort) {
				w := &narrow{station: station, mtu: 1400, tooBig: make(chan []byte, 1)}
				n := newNetwork(t, testnet.WireConfig{Filter: w.filter}, splice, nil)
				done := make(chan struct{})
				var wg sync.WaitGroup
				defer wg.Wait()
				defer close(done)
				wg.Go(func() { // ends with the test
					for {
						select {
						case frame := <-w.tooBig:
							deliver := n.stack.DeliverIntercept
							if station.String() == routerMAC.String() {
								deliver = n.stack.DeliverOwn
							}
							deliver([][]byte{icmpError(frame, w.mtu, nil)})
						case <-done:
							return
						}
					}
				})
				n.listen(server, func(c net.Conn) { _, _ = io.Copy(c, c) })
				c, err := n.client.DialTCP(t.Context(), server)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
					t.Fatal(err)
				}
				sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
				wg.Go(func() { // ends with the connection
					_, _ = c.Write(sent)
					_ = c.CloseWrite()
				})
				got, err := io.ReadAll(c)
				if err != nil || !bytes.Equal(got, sent) {
					t.Errorf("%d octets of %d, %v", len(got), len(sent), err)
				}
				if s := n.stack.Counters(); s.ICMPErrors == 0 {
					t.Errorf("nothing was too big: %+v", s)
				}
				if w.passed.Load() > 4000 { // a megabyte is 780 segments of 1,348 octets, and as many acknowledgements
					t.Errorf("it took %d segments", w.passed.Load())
				}
			})
		})
	}
}

// TestForgedICMPErrorsAreIgnored: an error is believed when the segment it quotes may be in flight and it tells of an MTU that
// a path can have (RFC 5927).
func TestForgedICMPErrorsAreIgnored(t *testing.T) {
	const quote = 8
	tcpAt := func(icmp []byte) []byte {
		if icmp[quote]>>4 == 4 {
			return icmp[quote+20:]
		}
		return icmp[quote+40:]
	}
	shift := func(by uint32) func(icmp []byte) {
		return func(icmp []byte) {
			seq := tcpAt(icmp)[4:]
			binary.BigEndian.PutUint32(seq, binary.BigEndian.Uint32(seq)+by)
		}
	}
	unreachable := func(icmp []byte) {
		icmp[0], icmp[1] = byte(header.ICMPv6DstUnreachable), byte(header.ICMPv6PortUnreachable)
		if icmp[quote]>>4 == 4 {
			icmp[0], icmp[1] = byte(header.ICMPv4DstUnreachable), byte(header.ICMPv4PortUnreachable)
		}
	}
	tests := []struct {
		name   string
		mtu    int
		change func(icmp []byte)
		good   bool
	}{
		{"as it should be", 1400, nil, true},
		{"smallest", 1280, nil, true},
		{"MTU of 68", 68, nil, false},
		{"MTU of 0", 0, nil, false},
		{"MTU of 551", 551, nil, false},
		{"not yet sent", 1400, shift(1 << 20), false},
		{"long acknowledged", 1400, shift(3 << 30), false},
		{"another port", 1400, func(icmp []byte) { tcpAt(icmp)[2]++ }, false},
		{"another sender", 1400, func(icmp []byte) { icmp[quote+15]++ }, false},
		{"port unreachable", 0, unreachable, true},
		{"port unreachable, not sent", 0, func(icmp []byte) { unreachable(icmp); shift(1 << 20)(icmp) }, false},
	}
	eachFamily(t, func(t *testing.T, server netip.AddrPort) {
		var last atomic.Pointer[[]byte]
		var biggest atomic.Int64
		n := newNetwork(t, testnet.WireConfig{Filter: func(from string, frame []byte) bool {
			if from == "gateway" && bytes.Equal(frame[:6], clientMAC) && len(frame) > 1000 && isTCP(frame) {
				b := bytes.Clone(frame)
				last.Store(&b)
				biggest.Store(max(biggest.Load(), int64(len(b))))
			}
			return true
		}}, splice, nil)
		n.listen(server, func(c net.Conn) { _, _ = io.Copy(c, c) })
		c, err := n.client.DialTCP(t.Context(), server)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		echo := func() {
			t.Helper()
			sent := bytes.Repeat([]byte("x"), 1<<14)
			if _, err := c.Write(sent); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(c, sent); err != nil {
				t.Fatal(err)
			}
		}
		echo()
		for _, test := range tests {
			before := n.stack.Counters()
			n.stack.DeliverIntercept([][]byte{icmpError(*last.Load(), test.mtu, test.change)})
			after := n.stack.Counters()
			if good := after.ICMPErrors > before.ICMPErrors; good != test.good || good == (after.ICMPIgnored > before.ICMPIgnored) {
				t.Errorf("%s: believed %v", test.name, good)
			}
			echo()
		}
		// The server's side is the same, by way of the other NIC.
		before := n.stack.Counters()
		n.stack.DeliverOwn([][]byte{icmpError(*last.Load(), 68, nil)})
		if after := n.stack.Counters(); after.ICMPIgnored != before.ICMPIgnored+1 {
			t.Errorf("for ourselves: %+v", after)
		}
		biggest.Store(0)
		echo()
		if biggest.Load() < 1200 { // netstack leaves room for all options
			t.Errorf("the largest frame has %d octets by now", biggest.Load())
		}
	})
}

// TestInterceptAnswersNoPing: DeliverIntercept takes errors, and no other ICMP.
func TestInterceptAnswersNoPing(t *testing.T) {
	n := newNetwork(t, testnet.WireConfig{}, splice, nil)
	about := syn(t, netip.MustParseAddrPort("192.168.1.10:1024"), server4)[stack.VNetHeaderLen:]
	n.stack.DeliverIntercept([][]byte{icmpError(about, 0, func(icmp []byte) { icmp[0], icmp[1] = byte(header.ICMPv4Echo), 0 })})
	if s := n.stack.Counters(); s.Malformed != 1 || s.ICMPErrors+s.ICMPIgnored+s.LinkDrops != 0 {
		t.Errorf("%+v", s)
	}
}

// TestAdvertisementsSayRouter: Linux drops a default route whose router says it is none (RFC 4861 section 7.2.5).
func TestAdvertisementsSayRouter(t *testing.T) {
	adverts := make(chan []byte, 100)
	n := newNetwork(t, testnet.WireConfig{Filter: func(from string, frame []byte) bool {
		if from == "gateway" && len(frame) >= 14+40+24 && frame[12] == 0x86 && frame[20] == 58 && frame[54] == byte(header.ICMPv6NeighborAdvert) {
			select {
			case adverts <- bytes.Clone(frame[14:]):
			default:
			}
		}
		return true
	}}, splice, nil)
	n.listen(server6, func(c net.Conn) { _, _ = io.WriteString(c, "hello") })
	c, err := n.client.DialTCP(t.Context(), server6)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ip := header.IPv6(<-adverts)
	icmp := header.ICMPv6(ip.Payload())
	na := header.NDPNeighborAdvert(icmp.MessageBody())
	if !na.RouterFlag() || !na.SolicitedFlag() || na.TargetAddress().String() != gateway6.Addr().String() {
		t.Errorf("router %v, solicited %v, target %s", na.RouterFlag(), na.SolicitedFlag(), na.TargetAddress())
	}
	want := header.ICMPv6Checksum(header.ICMPv6ChecksumParams{Header: icmp, Src: ip.SourceAddress(), Dst: ip.DestinationAddress()})
	if icmp.Checksum() != want {
		t.Errorf("checksum %#x, want %#x", icmp.Checksum(), want)
	}
}
