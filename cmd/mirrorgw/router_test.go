package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"maps"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/testnet"
)

// mirrorMAC is the gateway's in the tests that send frames past a host's own network stack.
var mirrorMAC = net.HardwareAddr{0x02, 0, 0, 0, 0, 0x02}

// etherHeader is the length of two MACs and an EtherType.
const etherHeader = 14

// strangerIPv4 and strangerIPv6 are on the LAN, and nobody has them: no kernel interferes in what is sent in their name.
var (
	strangerIPv4 = netip.MustParseAddr("192.168.1.55")
	strangerIPv6 = netip.MustParseAddr("fd00:1::55")
)

// routerLab is a lab with the product on its mirror, and raw sockets on both sides of it.
type routerLab struct {
	*testnet.Lab
	t       *testing.T
	gateway *testnet.Gateway
	client  *testnet.PacketSocket // on the client's interface
	router  *testnet.PacketSocket // on the router's, towards the LAN
}

// newRouterLab makes a lab with the product on its mirror, forwarding. change, unless nil, changes the configuration.
func newRouterLab(t *testing.T, change func(yaml string) string) *routerLab {
	t.Helper()
	l := newBareRouterLab(t)
	l.start(change)
	return l
}

// newBareRouterLab makes a lab with nothing on its mirror.
func newBareRouterLab(t *testing.T) *routerLab {
	t.Helper()
	lab := testnet.NewLab(t)
	// Links that have just come up take a second or two to carry IPv6.
	for _, path := range []struct {
		from *testnet.Host
		to   netip.Addr
	}{{lab.Router, testnet.WebIPv6}, {lab.Client, testnet.RouterIPv6}} {
		testnet.WaitFor(t, "IPv6 on the lab's links", func() bool {
			_, err := path.from.Output(t.Context(), "ping", "-c1", "-W1", path.to.String())
			return err == nil
		})
	}
	return &routerLab{Lab: lab, t: t, client: packetSocket(t, lab.Client, "eth0"), router: packetSocket(t, lab.Router, "lan0")}
}

func packetSocket(t *testing.T, h *testnet.Host, name string) *testnet.PacketSocket {
	t.Helper()
	s, err := h.OpenPacketSocket(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// silence keeps the client and the router from doing anything with IP packets that arrive, but for neighbour discovery. They are
// seen before that; what the hosts would answer, or write into fragments that they put together, is only in the way.
func (l *routerLab) silence() {
	l.t.Helper()
	for host, device := range map[*testnet.Host]string{l.Router: "lan0", l.Client: "eth0"} {
		shell(l.t, host, `nft -f - <<-end
			table netdev quiet {
				chain in {
					type filter hook ingress device `+device+` priority 0
					icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
					meta protocol { ip, ip6 } drop
				}
			}
		end`)
	}
}

// config is a configuration for the lab.
func (l *routerLab) config(change func(yaml string) string) string {
	yaml := strings.Replace(l.GatewayConfig(), "bridge: br0", "bridge: br0, mac: "+mirrorMAC.String(), 1)
	if change != nil {
		yaml = change(yaml)
	}
	return yaml
}

// start runs the product and waits until both routers are known.
func (l *routerLab) start(change func(yaml string) string) {
	l.t.Helper()
	l.gateway = startGateway(l.t, l.Lab, l.config(change))
	testnet.WaitFor(l.t, "the router's MACs", func() bool {
		s := l.status()
		for _, r := range s.Routers {
			if r.MAC == "" {
				return false
			}
		}
		return len(s.Routers) > 0
	})
}

// with returns a change that sets settings of the device.
func with(settings string) func(string) string {
	return func(yaml string) string { return strings.Replace(yaml, "bridge: br0", "bridge: br0, "+settings, 1) }
}

// status is what `mirrorgw status --json` says.
func (l *routerLab) status() control.Status {
	l.t.Helper()
	var s control.Status
	_, stdout, stderr := call(l.t, rooms{}, "status", "--json", "-c", l.gateway.Config)
	if err := json.Unmarshal([]byte(stdout), &s); err != nil {
		l.t.Fatalf("status: %v\n%s%s", err, stdout, stderr)
	}
	return s
}

// dropped waits until n more frames than before have been dropped for a reason.
func (l *routerLab) dropped(before control.Status, reason string, n uint64) {
	l.t.Helper()
	if _, known := before.Frames.Dropped[reason]; !known {
		l.t.Fatalf("there is no reason %q in %v", reason, before.Frames.Dropped)
	}
	var now control.Status
	if err := poll(l.t, 2*time.Second, func() bool {
		now = l.status()
		return now.Frames.Dropped[reason] >= before.Frames.Dropped[reason]+n
	}); err != nil {
		l.t.Errorf("%s: %d dropped, not %d; all since:\n%s", reason, now.Frames.Dropped[reason]-before.Frames.Dropped[reason], n, difference(before, now))
	}
}

// poll returns nil as soon as condition holds, or os.ErrDeadlineExceeded.
func poll(t *testing.T, limit time.Duration, condition func() bool) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(limit); !condition(); {
		if time.Now().After(deadline) || t.Context().Err() != nil {
			return os.ErrDeadlineExceeded
		}
		<-ticker.C
	}
	return nil
}

// difference tells which figures of the packet path changed.
func difference(before, after control.Status) string {
	changed := make(map[string]int64) // a gauge may fall
	for _, figures := range []struct{ before, after map[string]uint64 }{
		{before.Frames.Dropped, after.Frames.Dropped}, {before.Events["frames"], after.Events["frames"]}, {before.Events["flows"], after.Events["flows"]},
	} {
		for name, n := range figures.after {
			if n != figures.before[name] {
				changed[name] = int64(n - figures.before[name])
			}
		}
	}
	b, _ := json.Marshal(maps.Clone(changed)) // a map of numbers marshals
	return string(b)
}

// send sends frames from a socket.
func (l *routerLab) send(s *testnet.PacketSocket, frames ...[]byte) {
	l.t.Helper()
	for _, frame := range frames {
		if err := s.Send(frame); err != nil {
			l.t.Fatal(err)
		}
	}
}

// flood sends n frames from the client as fast as the gateway takes them, so that no queue before it loses any.
func (l *routerLab) flood(n int, next func(i int) []byte) {
	l.t.Helper()
	const ahead = 200
	before := l.status().Frames.Received
	for i := range n {
		l.send(l.client, next(i))
		if (i+1)%ahead == 0 || i+1 == n {
			testnet.WaitFor(l.t, "the gateway to take what was sent", func() bool { return l.status().Frames.Received > before+uint64(i) })
		}
	}
}

// receive returns a copy of the first frame to arrive at a socket that matches, within two seconds.
func (l *routerLab) receive(s *testnet.PacketSocket, what string, matches func(frame []byte) bool) []byte {
	l.t.Helper()
	var found []byte
	err := s.ReceiveUntil(l.t.Context(), 2*time.Second, func(frame []byte) bool {
		if matches(frame) {
			found = bytes.Clone(frame)
		}
		return found != nil
	})
	if err != nil {
		l.t.Fatalf("%s: %v", what, err)
	}
	return found
}

// settle returns the frames that have arrived at a socket on the LAN when an exchange with the gateway, which began after
// whatever was sent before, is over: what has not arrived then does not come. One queue keeps order.
func (l *routerLab) settle(s *testnet.PacketSocket) [][]byte {
	l.t.Helper()
	const mark = "settle: the marker"
	from := testnet.ClientIPv4
	if s == l.router {
		from = testnet.RouterIPv4
	}
	l.send(s, frame(s.MAC, mirrorMAC, ipv4(from, testnet.GatewayIPv4, layers.IPProtocolICMPv4),
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoRequest, 0)}, gopacket.Payload(mark)))
	var frames [][]byte
	err := s.ReceiveUntil(l.t.Context(), 2*time.Second, func(frame []byte) bool {
		if sourceMAC(frame) == [6]byte(mirrorMAC) && bytes.Contains(frame, []byte(mark)) {
			return true
		}
		frames = append(frames, bytes.Clone(frame))
		return false
	})
	if err != nil {
		l.t.Fatalf("the gateway answers no ping: %v", err)
	}
	return frames
}

func sourceMAC(frame []byte) [6]byte { return [6]byte(frame[6:12]) }

// etherType returns the frame's EtherType.
func etherType(frame []byte) layers.EthernetType {
	return layers.EthernetType(binary.BigEndian.Uint16(frame[12:]))
}

// decoded is what gopacket makes of a frame.
func decoded(frame []byte) gopacket.Packet {
	return gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.NoCopy)
}

// frame builds a frame; lengths and checksums are filled in, but for those a layer of gopacket does not know.
func frame(from, to net.HardwareAddr, parts ...gopacket.SerializableLayer) []byte {
	ether := &layers.Ethernet{SrcMAC: from, DstMAC: to, EthernetType: layers.EthernetTypeIPv4}
	var network gopacket.NetworkLayer
	for _, part := range parts {
		switch p := part.(type) {
		case *layers.IPv4:
			network = p
		case *layers.IPv6:
			network, ether.EthernetType = p, layers.EthernetTypeIPv6
		case *layers.ARP:
			ether.EthernetType = layers.EthernetTypeARP
		case interface {
			SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
		}:
			if err := p.SetNetworkLayerForChecksum(network); err != nil {
				panic(err) // a test that builds what cannot be
			}
		}
	}
	b := gopacket.NewSerializeBuffer()
	all := append([]gopacket.SerializableLayer{ether}, parts...)
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, all...); err != nil {
		panic(err)
	}
	return b.Bytes()[:etherHeader+ipLength(b.Bytes()[etherHeader:])] // gopacket pads to 60 octets
}

// ipLength is the length of the IP packet that b begins with, or of b where it is none.
func ipLength(b []byte) int {
	switch b[0] >> 4 {
	case 4:
		return int(binary.BigEndian.Uint16(b[2:]))
	case 6:
		return 40 + int(binary.BigEndian.Uint16(b[4:]))
	}
	return len(b)
}

func ipv4(from, to netip.Addr, protocol layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, TTL: 64, Protocol: protocol, SrcIP: from.AsSlice(), DstIP: to.AsSlice()}
}

func ipv6(from, to netip.Addr, protocol layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: protocol, SrcIP: from.AsSlice(), DstIP: to.AsSlice()}
}

// ipOf returns the IP layer between two addresses of one family, with a TTL.
func ipOf(from, to netip.Addr, protocol layers.IPProtocol, ttl uint8) gopacket.SerializableLayer {
	if to.Is4() {
		ip := ipv4(from, to, protocol)
		ip.TTL = ttl
		return ip
	}
	ip := ipv6(from, to, protocol)
	ip.HopLimit = ttl
	return ip
}

// datagram is a UDP datagram from the client to an address, sent to the mirror.
func (l *routerLab) datagram(from, to netip.Addr, ttl uint8, payload string) []byte {
	return frame(l.client.MAC, mirrorMAC, ipOf(from, to, layers.IPProtocolUDP, ttl), udp(), gopacket.Payload(payload))
}

func udp() *layers.UDP { return &layers.UDP{SrcPort: 40000, DstPort: 40001} }

// clientAddress is the client's address of the family of another.
func clientAddress(other netip.Addr) netip.Addr {
	if other.Is4() {
		return testnet.ClientIPv4
	}
	return testnet.ClientIPv6
}

// gatewayAddress is the gateway's address of the family of another.
func gatewayAddress(other netip.Addr) netip.Addr {
	if other.Is4() {
		return testnet.GatewayIPv4
	}
	return testnet.GatewayIPv6
}

// webServers are a server outside the LAN for each family.
func webServers() []netip.Addr { return []netip.Addr{testnet.WebIPv4, testnet.WebIPv6} }
