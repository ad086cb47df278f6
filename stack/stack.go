package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	netstack "gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// FrameWriter sends frames out, each a virtio_net_hdr and an Ethernet frame, which it borrows. *Queue is one.
type FrameWriter interface {
	WriteFrames(frames [][]byte) (int, error)
}

// Neighbours knows the MAC of a client on the LAN. It is asked for every frame to a client, from many goroutines.
// *forwarder.Forwarder is one.
type Neighbours interface {
	Lookup(client netip.Addr) (mac [6]byte, ok bool)
}

// Handler relays intercepted flows.
type Handler interface {
	// ServeFlow relays f until it ends. When ctx ends it should end soon, at a point where nothing is lost. The
	// connections are the handler's until it returns and closed afterwards.
	ServeFlow(ctx context.Context, f Flow)

	// RefuseFlow tells a client that has shaken hands why it is not served; no server was dialled. It is to end within
	// seconds. The connection is the handler's until it returns and closed afterwards.
	RefuseFlow(ctx context.Context, client net.Conn, why Refusal)
}

// Config describes a Stack. MAC, MTU, Writers, Addresses, Neighbours and Handler are required.
type Config struct {
	MAC        net.HardwareAddr // the gateway's own
	MTU        int              // octets
	Offload    bool             // the writers take super-frames and unfinished checksums
	Writers    []FrameWriter    // a flow always leaves by the same one
	Addresses  []netip.Prefix   // the gateway's own, with the prefix that is on the link
	Routers    []netip.Addr     // default routers; of each family the first is used until SetRouters
	Routes     []Route          // exceptions to Routers
	Ports      []uint16         // TCP ports of intercepted servers
	Neighbours Neighbours
	Handler    Handler
	Limits     Limits       // until SetLimits
	Trace      int          // frames of each flow that are kept for Flow.Trace, the last ones; 0: none
	Log        *slog.Logger // nil: slog.Default()

	Clock       tcpip.Clock   // nil: the real one
	DialTimeout time.Duration // how long a server may stay silent, the wait for a turn included; 0: 10 s
	Drain       time.Duration // how long flows may go on after Run's context ended; 0: 30 s

	Dials          int   // under way at once; 0: 256
	DialsPerServer int   // under way at once to one address and port; 0: 32
	Received       int64 // octets that all servers together may send ahead of their relays; 0: 32 MiB
}

// Defaults and bounds.
const (
	defaultDialTimeout = 10 * time.Second
	defaultDrain       = 30 * time.Second

	// timeWait is how long an ended connection lingers, 7 KB each, to absorb strays (RFC 9293 section 3.4.2 asks for two
	// minutes; the listener takes a new SYN for the same ports at once, whatever this is).
	timeWait = 5 * time.Second

	// finWait is how long a closed connection waits for the peer's FIN once the peer has acknowledged ours. The netstack's minute is
	// longer than it need be, and spent in vain where that FIN has come: a FIN of ours that has to be repeated in LAST-ACK or CLOSING
	// throws its connection back to FIN-WAIT-1.
	finWait = 5 * time.Second

	// Address probes before an address is taken, RFC 5227 and RFC 4862 section 5.4. Two quick ones: a gateway that
	// restarts is missed by the whole LAN.
	dadTransmits = 2
	dadInterval  = 250 * time.Millisecond
)

// Stack is the netstack over one device; see the package comment. Its methods are safe for concurrent use.
type Stack struct {
	cfg       Config
	ns        *netstack.Stack
	own       *nic
	intercept *nic
	flows     flowTable
	sent      *sentSegments
	traces    *traceTable
	counters  counters
	admission atomic.Int32
	intake    atomic.Int32 // Intake
	dials     *dialSlots
	buffers   int // octets one server may send ahead; guarded by flows.mu

	listeners []*listener // opened by Claim, closed by Run

	dialing     context.Context // ends when draining begins: no dial outlives the wish for its flow
	stopDialing context.CancelFunc
}

// The states of Stack.admission.
const (
	notReady  = iota // SYNs of intercepted flows stay unanswered, so that clients try again
	admitting        // they are served
	draining         // they are refused
)

// New builds a Stack. It sends nothing before Claim.
func New(cfg Config) (*Stack, error) {
	if len(cfg.MAC) != 6 || cfg.MTU < header.IPv6MinimumMTU || len(cfg.Writers) == 0 || cfg.Neighbours == nil || cfg.Handler == nil {
		return nil, errors.New("stack: MAC, MTU of at least 1280, Writers, Neighbours and Handler are required")
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Clock == nil {
		cfg.Clock = tcpip.NewStdClock()
	}
	if cfg.DialTimeout == 0 {
		cfg.DialTimeout = defaultDialTimeout
	}
	if cfg.Drain == 0 {
		cfg.Drain = defaultDrain
	}
	if cfg.Dials == 0 {
		cfg.Dials = defaultDials
	}
	if cfg.DialsPerServer == 0 {
		cfg.DialsPerServer = defaultDialsPerServer
	}
	if cfg.Received == 0 {
		cfg.Received = defaultReceived
	}

	s := &Stack{cfg: cfg, sent: newSentSegments(), traces: newTraceTable(cfg.Trace, cfg.Clock), dials: newDialSlots(cfg.Dials, cfg.DialsPerServer)}
	s.dialing, s.stopDialing = context.WithCancel(context.Background())
	s.flows.init(cfg.Limits)
	s.own = newNIC(cfg, nil, s.sent, s.traces, &s.counters.linkDrops)
	s.intercept = newNIC(cfg, cfg.Neighbours, s.sent, s.traces, &s.counters.linkDrops)
	dad := netstack.DADConfigurations{DupAddrDetectTransmits: dadTransmits, RetransmitTimer: dadInterval}
	s.ns = netstack.New(netstack.Options{
		NetworkProtocols: []netstack.NetworkProtocolFactory{
			arp.NewProtocolWithOptions(arp.Options{DADConfigs: dad}),
			ipv4.NewProtocol,
			// MLD: behind a snooping switch with a querier nobody else would send us neighbour solicitations.
			ipv6.NewProtocolWithOptions(ipv6.Options{DADConfigs: dad, MLD: ipv6.MLDOptions{Enabled: true}}),
		},
		// UDP is there so that a closed port is answered as one.
		TransportProtocols: []netstack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6},
		Clock:              cfg.Clock,
	})
	if err := s.setUp(); err != nil {
		s.ns.Destroy()
		return nil, fmt.Errorf("building the netstack: %w", err)
	}
	return s, nil
}

// setUp sets TCP's options, creates the NICs and sets the routes.
func (s *Stack) setUp() error {
	wait := tcpip.TCPTimeWaitTimeoutOption(timeWait)
	linger := tcpip.TCPLingerTimeoutOption(finWait)
	sack := tcpip.TCPSACKEnabled(true)
	reno := tcpip.CongestionControlOption("reno")
	moderate := tcpip.TCPModerateReceiveBufferOption(true)
	recovery := tcpip.TCPRecovery(0) // no RACK: see the package comment
	for _, option := range []tcpip.SettableTransportProtocolOption{&wait, &linger, &sack, &reno, &moderate, &recovery} {
		if err := s.ns.SetTransportProtocolOption(tcp.ProtocolNumber, option); err != nil {
			return fmt.Errorf("TCP option %T: %w", option, asError(err))
		}
	}
	s.flows.mu.Lock()
	s.shareBuffersLocked()
	s.flows.mu.Unlock()
	if err := s.ns.CreateNICWithOptions(ownNIC, s.own, netstack.NICOptions{Name: "own", QDisc: s.own}); err != nil {
		return fmt.Errorf("NIC own: %w", asError(err))
	}
	if err := s.ns.CreateNICWithOptions(interceptNIC, s.intercept, netstack.NICOptions{Name: "intercept", QDisc: s.intercept}); err != nil {
		return fmt.Errorf("NIC intercept: %w", asError(err))
	}
	if err := s.ns.SetPromiscuousMode(interceptNIC, true); err != nil {
		return fmt.Errorf("NIC intercept: promiscuous mode: %w", asError(err))
	}
	if err := s.ns.SetSpoofing(interceptNIC, true); err != nil {
		return fmt.Errorf("NIC intercept: spoofing: %w", asError(err))
	}
	s.ns.SetRouteTable(s.routes(s.cfg.Routers))
	return nil
}

// Claim makes sure that nobody else has the gateway's addresses and takes them: from then on they answer. It also opens the
// listeners for intercepted flows. Frames must be flowing already. It takes about half a second.
//
// Errors: which address is in use by whom.
func (s *Stack) Claim(ctx context.Context) error {
	if err := s.probe(ctx); err != nil {
		return err
	}
	// Probed once is enough: netstack need not do it again.
	for _, proto := range []tcpip.NetworkProtocolNumber{arp.ProtocolNumber, ipv6.ProtocolNumber} {
		ep, err := s.ns.GetNetworkEndpoint(ownNIC, proto)
		if err != nil {
			return fmt.Errorf("taking the addresses: %w", asError(err))
		}
		if d, ok := ep.(netstack.DuplicateAddressDetector); ok {
			d.SetDADConfigurations(netstack.DADConfigurations{})
		}
	}
	// A link-local address goes first: MLD reports for the others are sent from it (RFC 3810 section 5.2.13).
	addresses := slices.Clone(s.cfg.Addresses)
	slices.SortStableFunc(addresses, func(a, b netip.Prefix) int {
		switch {
		case a.Addr().IsLinkLocalUnicast() == b.Addr().IsLinkLocalUnicast():
			return 0
		case a.Addr().IsLinkLocalUnicast():
			return -1
		}
		return 1
	})
	for _, p := range addresses {
		pa := tcpip.ProtocolAddress{
			Protocol:          protocol(p.Addr()),
			AddressWithPrefix: tcpip.AddressWithPrefix{Address: address(p.Addr()), PrefixLen: p.Bits()},
		}
		if err := s.ns.AddProtocolAddress(ownNIC, pa, netstack.AddressProperties{}); err != nil {
			return fmt.Errorf("taking address %s: %w", p, asError(err))
		}
	}
	return s.listenAll()
}

// probe asks the link for another holder of each of the gateway's addresses, of all at once.
func (s *Stack) probe(ctx context.Context) error {
	results := make(chan error, len(s.cfg.Addresses))
	for _, p := range s.cfg.Addresses {
		done := func(result netstack.DADResult) {
			switch r := result.(type) {
			case *netstack.DADDupAddrDetected:
				if r.HolderLinkAddress == "" {
					results <- fmt.Errorf("address %s is in use by another machine on the LAN: choose a free one (addresses)", p.Addr())
				} else {
					results <- fmt.Errorf("address %s is in use by the machine with MAC %s: choose a free one (addresses)", p.Addr(), r.HolderLinkAddress)
				}
			case *netstack.DADError:
				results <- fmt.Errorf("probing for address %s: %w", p.Addr(), asError(r.Err))
			default:
				results <- nil
			}
		}
		disposition, err := s.ns.CheckDuplicateAddress(ownNIC, protocol(p.Addr()), address(p.Addr()), done)
		if err != nil {
			return fmt.Errorf("probing for address %s: %w", p.Addr(), asError(err))
		}
		if disposition == netstack.DADDisabled {
			results <- nil
		}
	}
	var errs []error
	for range s.cfg.Addresses {
		select {
		case err := <-results:
			errs = append(errs, err)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return errors.Join(errs...)
}

// Admit lets intercepted flows in. Until it is called their SYNs stay unanswered.
func (s *Stack) Admit() { s.admission.CompareAndSwap(notReady, admitting) }

// Run serves intercepted flows until ctx ends, then refuses new ones, gives the running ones Config.Drain, resets what is
// left, and returns when all it started has ended. It is called once, after Claim.
func (s *Stack) Run(ctx context.Context) error {
	defer func() {
		s.ns.Close()
		s.ns.Wait()
	}()
	var accepting sync.WaitGroup
	defer accepting.Wait()
	for _, l := range s.listeners {
		accepting.Go(func() { // ends with ctx
			s.accept(ctx, l)
			l.ep.Close()
			s.counters.listeners.Add(-1)
		})
	}
	<-ctx.Done()
	s.drain()
	return nil
}

// drain refuses new flows and waits for the running ones, Config.Drain at most.
func (s *Stack) drain() {
	s.flows.refuseNew(s.cfg.Clock.Now(), func() { s.admission.Store(draining) })
	s.stopDialing()
	done := make(chan struct{})
	go func() { // ends with the last flow, which reset makes sure of
		s.flows.running.Wait()
		close(done)
	}()
	timeout := make(chan struct{})
	defer s.cfg.Clock.AfterFunc(s.cfg.Drain, func() { close(timeout) }).Stop()
	select {
	case <-done:
	case <-timeout:
		s.cfg.Log.Warn("flows reset at the end", "flows", s.flows.reset())
		<-done
	}
}

// DeliverOwn takes frames for the gateway itself, which it copies. ICMP errors about its connections to servers go no further
// unless they quote what may be in flight.
func (s *Stack) DeliverOwn(frames [][]byte) {
	for i, frame := range frames {
		s.traces.received(ServerLeg, frame)
		switch s.judgeICMP(frame) {
		case forgedICMPError:
			s.counters.icmpIgnored.Add(1)
			continue
		case goodICMPError:
			s.counters.icmpErrors.Add(1)
		case notICMPError:
			if superseded(frames[i:]) {
				s.counters.acksMerged.Add(1)
				continue
			}
		}
		s.own.deliver(frame)
	}
}

// DeliverIntercept takes TCP segments from clients to intercepted servers, and ICMP errors about segments in the servers'
// names, such as from a router between us and the client. It copies both.
func (s *Stack) DeliverIntercept(frames [][]byte) {
	for i, frame := range frames {
		s.traces.received(ClientLeg, frame)
		switch s.judgeICMP(frame) {
		case forgedICMPError:
			s.counters.icmpIgnored.Add(1)
		case goodICMPError:
			s.counters.icmpErrors.Add(1)
			s.intercept.deliver(frame)
		case notICMPError:
			switch {
			case superseded(frames[i:]):
				s.counters.acksMerged.Add(1)
			case !s.park(frame):
				s.intercept.deliver(frame)
			}
		}
	}
}
