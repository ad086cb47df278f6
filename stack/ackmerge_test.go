package stack

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// inSegment is a segment that comes.
type inSegment struct {
	ack     uint32
	flags   header.TCPFlags // 0: ACK
	payload int
	options []byte
	port    uint16 // the client's; 0: 40000
	ipv6    bool
	pad     int  // octets behind the packet
	more    bool // a fragment, of which more are to come
	cut     int  // octets that are missing
}

// frame returns the segment's frame.
func (s inSegment) frame() []byte {
	if s.flags == 0 {
		s.flags = header.TCPFlagAck
	}
	length := header.TCPMinimumSize + len(s.options) + s.payload
	client, server := netip.MustParseAddr("192.168.1.10"), netip.MustParseAddr("198.51.100.10")
	ipLen := header.IPv4MinimumSize
	if s.ipv6 {
		client, server = netip.MustParseAddr("2001:db8::a"), netip.MustParseAddr("2001:db8:1::a")
		ipLen = header.IPv6MinimumSize
	}
	frame := make([]byte, frameStart+ipLen+length+s.pad)
	if s.ipv6 {
		header.IPv6(frame[frameStart:]).Encode(&header.IPv6Fields{
			PayloadLength: uint16(length), TransportProtocol: header.TCPProtocolNumber, HopLimit: 64, SrcAddr: address(client), DstAddr: address(server),
		})
	} else {
		flags := uint8(0)
		if s.more {
			flags = header.IPv4FlagMoreFragments
		}
		header.IPv4(frame[frameStart:]).Encode(&header.IPv4Fields{
			TotalLength: uint16(ipLen + length), TTL: 64, Flags: flags, Protocol: uint8(header.TCPProtocolNumber), SrcAddr: address(client), DstAddr: address(server),
		})
	}
	tcp := header.TCP(frame[frameStart+ipLen:])
	tcp.Encode(&header.TCPFields{
		SrcPort: max(s.port, 40000), DstPort: 110, AckNum: s.ack, Flags: s.flags, DataOffset: uint8(header.TCPMinimumSize + len(s.options)),
	})
	copy(tcp[header.TCPMinimumSize:], s.options)
	return frame[:len(frame)-s.cut]
}

var (
	timestamp = []byte{1, 1, header.TCPOptionTS, 10, 0, 0, 0, 1, 0, 0, 0, 2}
	hole      = []byte{1, 1, header.TCPOptionSACK, 10, 0, 0, 0, 1, 0, 0, 0, 2}
)

func TestSuperseded(t *testing.T) {
	command := inSegment{ack: 1100, flags: header.TCPFlagAck | header.TCPFlagPsh, payload: 8}
	other := inSegment{ack: 9, port: 40001, payload: 3}
	for name, tt := range map[string]struct {
		segments []inSegment
		want     bool
	}{
		"a command follows":           {[]inSegment{{ack: 1100}, command}, true},
		"with timestamps":             {[]inSegment{{ack: 1100, options: timestamp}, {ack: 1100, options: timestamp, payload: 8}}, true},
		"over IPv6":                   {[]inSegment{{ack: 1100, ipv6: true}, {ack: 1100, ipv6: true, payload: 8}}, true},
		"padded":                      {[]inSegment{{ack: 1100, pad: 6}, command}, true},
		"the end follows":             {[]inSegment{{ack: 1100}, {ack: 1100, flags: header.TCPFlagAck | header.TCPFlagFin}}, true},
		"a later one follows":         {[]inSegment{{ack: 1100}, {ack: 1101}}, true},
		"a later one, around zero":    {[]inSegment{{ack: 0xfffffff0}, {ack: 5}}, true},
		"others in between":           {[]inSegment{{ack: 1100}, other, other, other, command}, true},
		"nothing follows":             {[]inSegment{{ack: 1100}}, false},
		"nothing of its flow follows": {[]inSegment{{ack: 1100}, other}, false},
		"too many in between":         {[]inSegment{{ack: 1100}, other, other, other, other, other, other, other, other, command}, false},
		"the same again":              {[]inSegment{{ack: 1100}, {ack: 1100}}, false},
		"an earlier one follows":      {[]inSegment{{ack: 1100}, {ack: 1000, payload: 8}}, false},
		"an earlier one, then more":   {[]inSegment{{ack: 1100}, {ack: 1000, payload: 8}, command}, false},
		"a reset follows":             {[]inSegment{{ack: 1100}, {ack: 1100, flags: header.TCPFlagAck | header.TCPFlagRst}}, false},
		"a new SYN follows":           {[]inSegment{{ack: 1100}, {ack: 1100, flags: header.TCPFlagAck | header.TCPFlagSyn}}, false},
		"what acknowledges nothing":   {[]inSegment{{ack: 1100}, {ack: 1100, flags: header.TCPFlagPsh, payload: 8}}, false},
		"data":                        {[]inSegment{{ack: 1100, payload: 1}, command}, false},
		"an end":                      {[]inSegment{{ack: 1100, flags: header.TCPFlagAck | header.TCPFlagFin}, command}, false},
		"a reset":                     {[]inSegment{{ack: 1100, flags: header.TCPFlagAck | header.TCPFlagRst}, command}, false},
		"congestion":                  {[]inSegment{{ack: 1100, flags: header.TCPFlagAck | 0x40}, command}, false},
		"a hole":                      {[]inSegment{{ack: 1100, options: hole}, command}, false},
		"a fragment":                  {[]inSegment{{ack: 1100, more: true}, command}, false},
		"cut short":                   {[]inSegment{{ack: 1100, cut: 1}, command}, false},
		"the next one is cut short":   {[]inSegment{{ack: 1100}, {ack: 1100, payload: 8, cut: 9}}, false},
		"another family follows":      {[]inSegment{{ack: 1100}, {ack: 1100, ipv6: true, payload: 8}}, false},
		"of IPv6, with data":          {[]inSegment{{ack: 1100, ipv6: true, payload: 1}, {ack: 1100, ipv6: true, payload: 8}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var frames [][]byte
			for _, s := range tt.segments {
				frames = append(frames, s.frame())
			}
			if got := superseded(frames); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
			if n := testing.AllocsPerRun(10, func() { superseded(frames) }); n > 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
	if superseded(nil) {
		t.Error("nothing is superseded")
	}
}

// FuzzSuperseded: whatever comes, nothing that carries data is left out, and what follows acknowledges as much.
func FuzzSuperseded(f *testing.F) {
	f.Add(inSegment{ack: 1100}.frame(), inSegment{ack: 1100, payload: 8}.frame())
	f.Add(inSegment{ack: 1100, ipv6: true, options: timestamp}.frame(), inSegment{ack: 1101, ipv6: true}.frame())
	f.Add(inSegment{ack: 1100, pad: 6}.frame(), inSegment{ack: 1100, flags: header.TCPFlagAck | header.TCPFlagFin}.frame())
	f.Fuzz(func(t *testing.T, first, second []byte) {
		if !superseded([][]byte{first, second}) {
			return
		}
		a, ok := parseSegment(first)
		b, also := parseSegment(second)
		if !ok || !also || a.key != b.key || len(a.tcp) > header.TCPMinimumSize+ackOptions+46 {
			t.Fatalf("%x was left out before %x", first, second)
		}
		if a.tcp.Flags() != header.TCPFlagAck || int32(b.tcp.AckNumber()-a.tcp.AckNumber()) < 0 || b.tcp.Flags()&header.TCPFlagAck == 0 {
			t.Errorf("flags %s and %s, numbers %d and %d", a.tcp.Flags(), b.tcp.Flags(), a.tcp.AckNumber(), b.tcp.AckNumber())
		}
		var whole int
		if first[frameStart]>>4 == 4 {
			whole = int(header.IPv4(first[frameStart:]).TotalLength()) - int(header.IPv4(first[frameStart:]).HeaderLength())
		} else {
			whole = int(header.IPv6(first[frameStart:]).PayloadLength())
		}
		if whole > int(a.tcp.DataOffset()) {
			t.Errorf("%d octets of data were left out", whole-int(a.tcp.DataOffset()))
		}
	})
}

// nowhere is a device that takes everything, a LAN that knows nobody, and a handler that does nothing.
type nowhere struct{}

func (nowhere) WriteFrames(frames [][]byte) (int, error)      { return len(frames), nil }
func (nowhere) Lookup(netip.Addr) (mac [6]byte, ok bool)      { return mac, false }
func (nowhere) ServeFlow(context.Context, Flow)               {}
func (nowhere) RefuseFlow(context.Context, net.Conn, Refusal) {}

// TestSupersededAreCounted on both of the stack's sides.
func TestSupersededAreCounted(t *testing.T) {
	s, err := New(Config{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, MTU: 1500, Writers: []FrameWriter{nowhere{}}, Neighbours: nowhere{}, Handler: nowhere{}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.ns.Wait()
	defer s.ns.Close()
	frames := [][]byte{inSegment{ack: 1100}.frame(), inSegment{ack: 1100, payload: 8}.frame()}
	for i, deliver := range []func([][]byte){s.DeliverIntercept, s.DeliverOwn} {
		deliver(frames)
		if got := s.Counters().AcksMerged; got != uint64(i+1) {
			t.Errorf("%d are counted, want %d", got, i+1)
		}
	}
}
