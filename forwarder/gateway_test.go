package forwarder

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// The LAN of the tests: a gateway at .2, a router at .1, a client at .10 and another station at .11.
var (
	gatewayMAC = mac{0x02, 0, 0, 0, 0, 0x02}
	routerMAC  = mac{0x02, 0, 0, 0, 0, 0x01}
	clientMAC  = mac{0x02, 0, 0, 0, 0, 0x10}
	stationMAC = mac{0x02, 0, 0, 0, 0, 0x11}
	anyoneMAC  = mac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
)

const (
	gateway4, router4, client4, station4, server4 = "192.168.1.2", "192.168.1.1", "192.168.1.10", "192.168.1.11", "203.0.113.5"
	gateway6, router6, client6, station6, server6 = "fd00:1::2", "fe80::1", "fd00:1::10", "fd00:1::11", "2001:db8::5"
	gatewayLocal                                  = "fe80::ff:fe00:2"
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func testConfig() Config {
	return Config{
		MAC:       gatewayMAC,
		Addresses: prefixes(gateway4+"/24", gateway6+"/64", gatewayLocal+"/64"),
		Routers:   []netip.Addr{addr(router4), addr(router6)},
		Intercept: []Rule{{
			Name: "pop3", Ports: []uint16{110},
			SkipClients: prefixes("192.168.1.99/32"), SkipServers: prefixes("198.51.100.0/24"),
		}},
	}
}

// gateway is a Forwarder with one queue, driven by hand.
type gateway struct {
	*Forwarder
	q    *queue
	port *fakePort
	host *fakeHost
	time time.Time
}

// newGateway returns a gateway that knows its routers, with all counters and records at zero.
func newGateway(t testing.TB, c Config) *gateway {
	t.Helper()
	g := newStranger(t, c)
	g.turn(true)
	g.handle(answerARP(router4, routerMAC), answerND(router6, routerMAC))
	for _, r := range g.Routers() {
		if !r.Reachable {
			t.Fatalf("router %v did not become reachable", r.Addr)
		}
	}
	g.port.sent, g.host.own, g.host.intercepted = nil, nil, nil
	g.totals = totals{}
	return g
}

// newStranger returns a gateway that has asked for nobody yet.
func newStranger(t testing.TB, c Config) *gateway {
	t.Helper()
	g := &gateway{port: &fakePort{}, host: &fakeHost{}, time: time.Unix(1_800_000_000, 0)}
	c.Now = func() time.Time { return g.time }
	f, err := New(c)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	g.Forwarder = f
	g.q = newQueue(f, g.host, g.port)
	return g
}

// handle has the queue handle frames as one batch.
func (g *gateway) handle(frames ...[]byte) {
	for i, b := range frames {
		g.q.sizes[i] = copy(g.q.bufs[i], b)
	}
	g.q.handle(len(frames))
}

// turn sends the requests that are due.
func (g *gateway) turn(all bool) { g.ask(g.q, newAsker(), all) }

// after moves the clock and lets a turn pass each second on the way.
func (g *gateway) after(d time.Duration) {
	for end := g.time.Add(d); g.time.Before(end); {
		g.time = g.time.Add(time.Second)
		g.turn(true)
	}
}

// outcome handles one frame and says what became of it.
func (g *gateway) outcome(frame []byte) (fate, Reason) {
	before := g.Counters()
	g.handle(frame)
	after := g.Counters()
	switch {
	case after.Forwarded > before.Forwarded:
		return forward, Undecided
	case after.PuntedOwn > before.PuntedOwn:
		return puntOwn, Undecided
	case after.PuntedIntercept > before.PuntedIntercept:
		return puntIntercept, Undecided
	}
	for r := range after.Dropped {
		if after.Dropped[r] > before.Dropped[r] {
			return drop, r
		}
	}
	return drop, reasons
}

// fakePort records what is written; frames to be read come through a channel.
type fakePort struct {
	frames chan []byte // nil: nothing is read
	mu     sync.Mutex
	sent   [][]byte
	refuse int  // frames not taken of each write
	mute   bool // record nothing
	errors []error
	asked  int // for how many frames the last read had room
}

func (p *fakePort) ReadFrames(bufs [][]byte, sizes []int) (int, error) {
	p.mu.Lock()
	p.asked = len(bufs)
	p.mu.Unlock()
	if len(p.errors) > 0 {
		err := p.errors[0]
		p.errors = p.errors[1:]
		return 0, err
	}
	b, open := <-p.frames
	if !open {
		return 0, os.ErrClosed
	}
	sizes[0] = copy(bufs[0], b)
	return 1, nil
}

func (p *fakePort) WriteFrames(frames [][]byte) (int, error) {
	if p.mute {
		return len(frames), nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := max(0, len(frames)-p.refuse)
	for _, b := range frames[:taken] {
		p.sent = append(p.sent, bytes.Clone(b))
	}
	return taken, nil
}

func (p *fakePort) room() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func (p *fakePort) written() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sent)
}

// fakeHost records what is delivered.
type fakeHost struct {
	mu               sync.Mutex
	mute             bool
	own, intercepted [][]byte
	calls            int
}

func (h *fakeHost) DeliverOwn(frames [][]byte)       { h.record(&h.own, frames) }
func (h *fakeHost) DeliverIntercept(frames [][]byte) { h.record(&h.intercepted, frames) }

func (h *fakeHost) record(to *[][]byte, frames [][]byte) {
	if h.mute {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls++
	for _, b := range frames {
		*to = append(*to, bytes.Clone(b))
	}
}

// build makes a frame of layers, with all lengths and checksums right, behind an empty virtio header.
func build(t testing.TB, l ...gopacket.SerializableLayer) []byte {
	t.Helper()
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, l...); err != nil {
		t.Fatalf("building a frame: %v", err)
	}
	b := append(make([]byte, virtioLen), buf.Bytes()...)
	if b[virtioLen+12] == 8 && b[virtioLen+13] == 0 { // gopacket pads; tests of padding make their own
		b = b[:l3+int(b[l3+2])<<8+int(b[l3+3])]
	}
	return b
}

func ether(from, to mac, kind layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: from[:], DstMAC: to[:], EthernetType: kind}
}

func ipv4(from, to string, proto layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: proto, SrcIP: net.ParseIP(from).To4(), DstIP: net.ParseIP(to).To4()}
}

func ipv6(from, to string, proto layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: proto, SrcIP: net.ParseIP(from), DstIP: net.ParseIP(to)}
}

// syn returns a SYN that a MAC sends to the gateway's.
func syn(t testing.TB, by mac, from, to string, port uint16) []byte {
	t.Helper()
	tcp := &layers.TCP{SrcPort: 40000, DstPort: layers.TCPPort(port), SYN: true, Window: 64240}
	return packetOver(t, by, gatewayMAC, from, to, layers.IPProtocolTCP, tcp, nil)
}

// udp returns a datagram that a MAC sends to the gateway's.
func udp(t testing.TB, by mac, from, to string) []byte {
	t.Helper()
	return packetOver(t, by, gatewayMAC, from, to, layers.IPProtocolUDP, &layers.UDP{SrcPort: 5000, DstPort: 53}, []byte("payload of a datagram"))
}

// packetOver returns a frame with a transport over the IP version of its addresses.
func packetOver(t testing.TB, by, toMAC mac, from, to string, proto layers.IPProtocol, transport gopacket.SerializableLayer, payload []byte) []byte {
	t.Helper()
	var network gopacket.NetworkLayer
	var list []gopacket.SerializableLayer
	if addr(from).Is4() {
		ip := ipv4(from, to, proto)
		network, list = ip, []gopacket.SerializableLayer{ether(by, toMAC, layers.EthernetTypeIPv4), ip}
	} else {
		ip := ipv6(from, to, proto)
		network, list = ip, []gopacket.SerializableLayer{ether(by, toMAC, layers.EthernetTypeIPv6), ip}
	}
	if s, ok := transport.(interface {
		SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
	}); ok {
		if err := s.SetNetworkLayerForChecksum(network); err != nil {
			t.Fatal(err)
		}
	}
	return build(t, append(list, transport, gopacket.Payload(payload))...)
}

// answerARP returns "addr is at station" as an answer to the gateway.
func answerARP(from string, station mac) []byte {
	return arpFrame(arpReply, station, gatewayMAC, from, station, gateway4)
}

func arpFrame(op byte, by, toMAC mac, from string, station mac, target string) []byte {
	b := make([]byte, l3+arpLen)
	copy(b[virtioLen:], toMAC[:])
	copy(b[virtioLen+6:], by[:])
	copy(b[virtioLen+12:], []byte{0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, op})
	sender, who := addr(from).As4(), addr(target).As4()
	copy(b[l3+8:], station[:])
	copy(b[l3+14:], sender[:])
	copy(b[l3+24:], who[:])
	return b
}

// answerND returns a solicited advertisement, "addr is at station", to the gateway's link-local address.
func answerND(from string, station mac) []byte {
	return advert(from, gatewayLocal, from, station, station, gatewayMAC, 0x60)
}

func advert(from, to, target string, station, by, toMAC mac, flags byte) []byte {
	who := addr(target).As16()
	body := slices.Concat([]byte{ndNeighbourAdvert, 0, 0, 0, flags, 0, 0, 0}, who[:], []byte{ndTargetAddress, 1}, station[:])
	return icmp6(by, toMAC, from, to, ndHopLimit, body)
}

// icmp6 returns an ICMPv6 message with its checksum filled in.
func icmp6(by, toMAC mac, from, to string, hops byte, body []byte) []byte {
	b := make([]byte, l3+ipv6Len, l3+ipv6Len+len(body))
	copy(b[virtioLen:], toMAC[:])
	copy(b[virtioLen+6:], by[:])
	copy(b[virtioLen+12:], []byte{0x86, 0xdd})
	source, destination := addr(from).As16(), addr(to).As16()
	copy(b[l3:], []byte{0x60, 0, 0, 0, byte(len(body) >> 8), byte(len(body)), protoICMP6, hops})
	copy(b[l3+8:], source[:])
	copy(b[l3+24:], destination[:])
	b = append(b, body...)
	c := slowChecksum(slices.Concat(source[:], destination[:], []byte{0, 0, byte(len(body) >> 8), byte(len(body)), 0, 0, 0, protoICMP6}, body))
	b[l3+ipv6Len+2], b[l3+ipv6Len+3] = byte(c>>8), byte(c)
	return b
}

// slowChecksum is RFC 1071 by the letter, two octets at a time: what the fast one is compared with.
func slowChecksum(b []byte) uint16 {
	var s uint32
	for i := range b {
		if i%2 == 0 {
			s += uint32(b[i]) << 8
		} else {
			s += uint32(b[i])
		}
		s = s>>16 + s&0xffff
	}
	return ^uint16(s)
}

// edit returns a copy of a frame, changed; an IPv4 header checksum that was right is right again.
func edit(frame []byte, change func(ip []byte)) []byte {
	b := bytes.Clone(frame)
	change(b[l3:])
	if b[virtioLen+12] == 8 && b[virtioLen+13] == 0 {
		header := min(int(b[l3]&15)*4, len(b)-l3)
		if header >= ipv4Len {
			b[l3+10], b[l3+11] = 0, 0
			c := slowChecksum(b[l3 : l3+header])
			b[l3+10], b[l3+11] = byte(c>>8), byte(c)
		}
	}
	return b
}

// ttl returns the frame with another TTL or hop limit.
func ttl(frame []byte, n byte) []byte {
	return edit(frame, func(ip []byte) {
		if ip[0]>>4 == 4 {
			ip[8] = n
		} else {
			ip[7] = n
		}
	})
}
