package stack

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/faketime"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"mirrorgw/testnet"
)

// byHand is a client whose segments a test writes one by one, with a clock that the test moves by hand: the gateway sees the same at
// the same time in each run. No server is dialled; the test serves the client itself.
type byHand struct {
	t     *testing.T
	clock *faketime.ManualClock
	stack *Stack
	serve func(client net.Conn)
	conn  chan *conn
	out   chan []byte // frames from the gateway

	gateway  *conn  // its end, once the client has shaken hands
	seq, ack uint32 // what the client's next segment says
	stamp    uint32 // that of the last segment with something to acknowledge
	received int    // octets that have come and are not acknowledged yet
}

const (
	handMSS  = 1000         // what the client takes in a segment, options included
	handData = handMSS - 12 // what is left of it beside the timestamp
)

// The gateway's surroundings.

// WriteFrames implements FrameWriter.
func (h *byHand) WriteFrames(frames [][]byte) (int, error) {
	for _, frame := range frames {
		h.out <- bytes.Clone(frame)
	}
	return len(frames), nil
}

// Lookup implements Neighbours.
func (h *byHand) Lookup(netip.Addr) (mac [6]byte, ok bool) { return mac, true }

// ServeFlow implements Handler.
func (h *byHand) ServeFlow(context.Context, Flow) {}

// RefuseFlow implements Handler.
func (h *byHand) RefuseFlow(_ context.Context, client net.Conn, _ Refusal) {
	h.conn <- client.(*conn)
	h.serve(client)
}

// newByHand starts the gateway and returns a client that has said nothing yet. The gateway closes the connection when serve returns.
func newByHand(t *testing.T, serve func(client net.Conn)) *byHand {
	t.Helper()
	h := &byHand{t: t, clock: faketime.NewManualClock(), serve: serve, conn: make(chan *conn, 1), out: make(chan []byte, 4096)}
	s, err := New(Config{
		MAC: make(net.HardwareAddr, 6), MTU: 1500, Writers: []FrameWriter{h}, Neighbours: h, Handler: h, Ports: []uint16{110},
		Log: slog.New(slog.DiscardHandler), Clock: h.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	h.stack = s
	if err := s.Claim(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Admit()
	s.SetIntake(Excuse)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }() // ends with ctx, once serve has returned
	t.Cleanup(func() {
		cancel()
		testnet.WaitFor(cleanup{t}, "the gateway's end", func() bool {
			h.clock.Advance(time.Second)
			select {
			case err := <-ended:
				if err != nil {
					t.Error(err)
				}
				return true
			default:
				return false
			}
		})
	})
	return h
}

// cleanup is a test whose context goes on when it is cleaned up.
type cleanup struct{ *testing.T }

func (cleanup) Context() context.Context { return context.Background() }

// send has a segment of the client reach the gateway. SYN and FIN count for the next one.
func (h *byHand) send(flags header.TCPFlags) {
	stamps := make([]byte, 12)
	header.EncodeNOP(stamps)
	header.EncodeNOP(stamps[1:])
	header.EncodeTSOption(uint32(h.clock.NowMonotonic().Milliseconds())+1, h.stamp, stamps[2:])
	options := stamps
	if flags.Contains(header.TCPFlagSyn) {
		options = append(options, header.TCPOptionMSS, 4, handMSS>>8, handMSS&0xff)
	}
	tcpLen := header.TCPMinimumSize + len(options)
	frame := make([]byte, frameStart+header.IPv4MinimumSize+tcpLen)
	header.IPv4(frame[frameStart:]).Encode(&header.IPv4Fields{
		TotalLength: uint16(len(frame) - frameStart), TTL: 64, Protocol: uint8(header.TCPProtocolNumber),
		SrcAddr: tcpip.AddrFrom4([4]byte{192, 168, 1, 10}), DstAddr: tcpip.AddrFrom4([4]byte{198, 51, 100, 10}),
	})
	header.Ethernet(frame[VNetHeaderLen:]).Encode(&header.EthernetFields{Type: header.IPv4ProtocolNumber})
	segment := header.TCP(frame[frameStart+header.IPv4MinimumSize:])
	segment.Encode(&header.TCPFields{
		SrcPort: 40000, DstPort: 110, SeqNum: h.seq, AckNum: h.ack, Flags: flags, WindowSize: 65535, DataOffset: uint8(tcpLen),
	})
	copy(segment[header.TCPMinimumSize:], options)
	if flags.Intersects(header.TCPFlagSyn | header.TCPFlagFin) {
		h.seq++
	}
	h.stack.DeliverIntercept([][]byte{frame})
}

// next returns the flags of the gateway's next segment. who begins the sentence that fails the test when none comes, "… sends nothing".
func (h *byHand) next(who string) header.TCPFlags {
	h.t.Helper()
	select {
	case frame := <-h.out:
		segment := header.TCP(header.IPv4(frame[frameStart:]).Payload())
		data := len(segment.Payload())
		if want := h.ack + uint32(h.received); data > 0 && segment.SequenceNumber() != want {
			h.t.Fatalf("%s sends octet %d, not %d", who, segment.SequenceNumber(), want)
		}
		h.received += data
		flags := segment.Flags() &^ header.TCPFlagPsh
		if data > 0 || flags != header.TCPFlagAck {
			h.stamp = segment.ParsedOptions().TSVal
		}
		if flags.Contains(header.TCPFlagSyn) {
			h.ack = segment.SequenceNumber() + 1
		}
		return flags
	case <-time.After(10 * time.Second):
		h.t.Fatalf("%s sends nothing", who)
		return 0
	}
}

// want takes the gateway's next segment, which has to have these flags.
func (h *byHand) want(flags header.TCPFlags) {
	h.t.Helper()
	if got := h.next("the gateway"); got != flags {
		h.t.Fatalf("the gateway sends %s, not %s", got, flags)
	}
}

// connect shakes hands.
func (h *byHand) connect() {
	h.t.Helper()
	h.send(header.TCPFlagSyn)
	h.want(header.TCPFlagSyn | header.TCPFlagAck)
	h.send(header.TCPFlagAck)
	h.gateway = <-h.conn
}

// info returns how the gateway's end stands, once it has done what it is at.
func (h *byHand) info() (i tcpip.TCPInfoOption) {
	h.t.Helper()
	if err := h.gateway.ep.GetSockOpt(&i); err != nil {
		h.t.Fatal(err)
	}
	return i
}

// acknowledge acknowledges octets more.
func (h *byHand) acknowledge(octets int) {
	h.ack += uint32(octets)
	h.received -= octets
	h.send(header.TCPFlagAck)
}
