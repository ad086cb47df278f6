package capture

import (
	"encoding/binary"
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

var (
	clientMAC  = net.HardwareAddr{2, 0, 0, 0, 0, 0x10}
	gatewayMAC = net.HardwareAddr{2, 0, 0, 0, 0, 2}
)

// sample is a frame and the filters that want it, all of them, and those that do not.
type sample struct {
	name      string
	frame     []byte
	want, not []string
}

// build makes a frame with an empty virtio header.
func build(t testing.TB, kind layers.EthernetType, l ...gopacket.SerializableLayer) []byte {
	t.Helper()
	buf := gopacket.NewSerializeBuffer()
	l = append([]gopacket.SerializableLayer{&layers.Ethernet{SrcMAC: clientMAC, DstMAC: gatewayMAC, EthernetType: kind}}, l...)
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, l...); err != nil {
		t.Fatal(err)
	}
	return append(make([]byte, virtioLen), buf.Bytes()...)
}

func ip4(from, to string, proto layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, TTL: 64, Protocol: proto, SrcIP: net.ParseIP(from), DstIP: net.ParseIP(to)}
}

func ip6(from, to string, proto layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: proto, SrcIP: net.ParseIP(from), DstIP: net.ParseIP(to)}
}

func tcpTo(t testing.TB, n gopacket.NetworkLayer, from, to uint16) *layers.TCP {
	t.Helper()
	l := &layers.TCP{SrcPort: layers.TCPPort(from), DstPort: layers.TCPPort(to), ACK: true, Window: 1000}
	if err := l.SetNetworkLayerForChecksum(n); err != nil {
		t.Fatal(err)
	}
	return l
}

func udpTo(t testing.TB, n gopacket.NetworkLayer, from, to uint16) *layers.UDP {
	t.Helper()
	l := &layers.UDP{SrcPort: layers.UDPPort(from), DstPort: layers.UDPPort(to)}
	if err := l.SetNetworkLayerForChecksum(n); err != nil {
		t.Fatal(err)
	}
	return l
}

// payload is a layer without meaning.
func payload(n int) gopacket.Payload { return make(gopacket.Payload, n) }

// tcp4 is a segment from the client to a server.
func tcp4(t testing.TB, octets int) []byte {
	n := ip4("10.0.0.1", "192.0.2.5", layers.IPProtocolTCP)
	return build(t, layers.EthernetTypeIPv4, n, tcpTo(t, n, 4000, 110), payload(octets))
}

// samples are frames of each kind.
func samples(t testing.TB) []sample {
	six := ip6("fd00::1", "2001:db8::1", layers.IPProtocolTCP)
	udp := ip4("192.0.2.5", "10.0.0.1", layers.IPProtocolUDP)
	sctp := ip4("10.0.0.1", "192.0.2.5", layers.IPProtocolSCTP)
	ping := ip4("10.0.0.1", "192.0.2.5", layers.IPProtocolICMPv4)
	plain := tcp4(t, 100)
	error4 := build(t, layers.EthernetTypeIPv4, ip4("203.0.113.9", "192.0.2.5", layers.IPProtocolICMPv4),
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeDestinationUnreachable, layers.ICMPv4CodeFragmentationNeeded)}, gopacket.Payload(plain[l3:l3+28]))
	echo := build(t, layers.EthernetTypeIPv4, ip4("203.0.113.9", "192.0.2.6", layers.IPProtocolICMPv4),
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoRequest, 0)}, gopacket.Payload(plain[l3:l3+28]))
	sixFrame := build(t, layers.EthernetTypeIPv6, six, tcpTo(t, six, 4000, 110), payload(10))
	outer6 := ip6("2001:db8::9", "fd00::1", layers.IPProtocolICMPv6)
	icmp6 := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypePacketTooBig, 0)}
	if err := icmp6.SetNetworkLayerForChecksum(outer6); err != nil {
		t.Fatal(err)
	}
	error6 := build(t, layers.EthernetTypeIPv6, outer6, icmp6, append(payload(4), sixFrame[l3:]...))
	first, later := fragment(t, 0), fragment(t, 64)
	headers := withHeaders(sixFrame)
	return []sample{
		{"TCP over IPv4", plain, []string{"host 10.0.0.1", "host 192.0.2.5", "host 192.0.2.5 and host 10.0.0.1", "port 110", "port 4000 and port 110", "flow 10.0.0.1:4000 192.0.2.5:110", "flow 192.0.2.5:110 10.0.0.1:4000", "host 10.0.0.1 and port 110"}, []string{
			"host 10.0.0.2", "host 10.0.0.1 and host 10.0.0.2", "port 111", "port 110 and port 111", "flow 10.0.0.1:110 192.0.2.5:4000", "flow 10.0.0.1:4000 192.0.2.6:110", "host 10.0.0.1 and port 25", "host 10.0.0.2 and port 110",
		}},
		{"TCP over IPv6", sixFrame, []string{"host fd00::1", "port 110", "flow [2001:db8::1]:110 [fd00::1]:4000"}, []string{"host 10.0.0.1", "port 25", "flow [2001:db8::1]:110 [fd00::1]:4001"}},
		{"extension headers", headers, []string{"host fd00::1", "port 110"}, []string{"port 25"}},
		{"UDP", build(t, layers.EthernetTypeIPv4, udp, udpTo(t, udp, 53, 5353), payload(9)), []string{"port 53", "host 10.0.0.1", "flow 10.0.0.1:5353 192.0.2.5:53"}, []string{"port 110"}},
		{"SCTP", build(t, layers.EthernetTypeIPv4, sctp, gopacket.Payload{0, 110, 1, 0, 0, 0, 0, 0}), []string{"port 110", "port 256"}, []string{"port 1"}},
		{"ping", build(t, layers.EthernetTypeIPv4, ping, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 110}), []string{"host 10.0.0.1"}, []string{"port 110", "port 2048"}},
		{"first fragment", first, []string{"host 10.0.0.1", "port 53"}, []string{"port 110"}},
		{"later fragment", later, []string{"host 10.0.0.1"}, []string{"port 53", "port 110"}},
		{"ICMP error", error4, []string{"host 203.0.113.9", "host 192.0.2.5", "host 10.0.0.1", "port 110", "flow 10.0.0.1:4000 192.0.2.5:110"}, []string{"port 25", "host 203.0.113.9 and host 10.0.0.1"}},
		{"echo that looks like an error", echo, []string{"host 203.0.113.9"}, []string{"port 110", "host 10.0.0.1"}},
		{"ICMPv6 error", error6, []string{"host 2001:db8::9", "flow [fd00::1]:4000 [2001:db8::1]:110"}, []string{"port 25"}},
		{"ARP", build(t, layers.EthernetTypeARP, &layers.ARP{
			AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4, Operation: 1,
			SourceHwAddress: clientMAC, SourceProtAddress: []byte{10, 0, 0, 1}, DstHwAddress: make([]byte, 6), DstProtAddress: []byte{10, 0, 0, 2},
		}), []string{"host 10.0.0.1", "host 10.0.0.2"}, []string{"port 110", "host 10.0.0.3"}},
		{"no IP", build(t, layers.EthernetTypeLLC, payload(46)), nil, []string{"host 10.0.0.1", "port 110"}},
		{"cut short", plain[:l3+19], nil, []string{"host 10.0.0.1", "port 110"}},
		{"cut in the ports", plain[:l3+23], []string{"host 10.0.0.1"}, []string{"port 110"}},
	}
}

// fragment is a UDP fragment at an offset, in octets.
func fragment(t testing.TB, offset int) []byte {
	n := ip4("10.0.0.1", "192.0.2.5", layers.IPProtocolUDP)
	n.Flags, n.FragOffset = layers.IPv4MoreFragments, uint16(offset/8)
	b := build(t, layers.EthernetTypeIPv4, n, payload(64))
	binary.BigEndian.PutUint16(b[l3+20:], 53)
	binary.BigEndian.PutUint16(b[l3+22:], 53)
	return b
}

// withHeaders puts a hop-by-hop and a destination header of 16 octets before the transport of an IPv6 frame.
func withHeaders(frame []byte) []byte {
	ip := frame[l3:]
	b := append([]byte{}, frame[:l3+40]...)
	b[l3+6] = protoHop
	b = append(b, protoDest, 0, 1, 4, 0, 0, 0, 0)
	b = append(b, ip[6], 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	b = append(b, ip[40:]...)
	binary.BigEndian.PutUint16(b[l3+4:], uint16(len(b)-l3-40))
	return b
}

func TestFiltersWant(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			for _, list := range []struct {
				filters []string
				want    bool
			}{{s.want, true}, {s.not, false}, {[]string{"", "punted"}, true}} {
				for _, text := range list.filters {
					f, err := ParseFilter(text)
					if err != nil {
						t.Fatal(err)
					}
					for w := range ways {
						want := list.want && (w != forwarded || f.forwarded)
						if got := f.wants(w, s.frame); got != want {
							t.Errorf("%q on %s: %v, want %v", text, interfaces[w].name, got, want)
						}
					}
				}
			}
		})
	}
}
