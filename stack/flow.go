package stack

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	netstack "gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// Flow is one intercepted TCP flow. Client's remote address is the workstation's and its local one the server's; Server's
// local address is the gateway's. Both have CloseWrite, and SetLinger(0) for a Close that resets.
type Flow struct {
	Client net.Conn
	Server net.Conn
	Trace  *Trace // until ServeFlow returns; nil: none is kept
}

// Bounds of the flow table.
const (
	// maxFlows bounds all flows in the table. At it SYNs of new ones stay unanswered.
	maxFlows = 16384
	// maxUnproven bounds the flows whose client has not yet proven its address: parked, or dialled and not accepted.
	// Counting both keeps a flood of forged SYNs from becoming connects on a real server. Beyond it SYNs go straight in
	// and the listener's cookies prove the client before the server is dialled.
	maxUnproven = 256
	// claimTimeout is how long a dialled server waits for the client's side of the handshake.
	claimTimeout = 20 * time.Second
)

// flowKey is the 4-tuple of a flow.
type flowKey struct {
	client, server netip.AddrPort
}

// flowState is how far a flow has come.
type flowState uint8

const (
	parked  flowState = iota // the SYN is held while the server is dialled; its repetitions are absorbed
	offered                  // the server is connected and the SYN with netstack
	live                     // the client has shaken hands
)

// flow is an entry of the flow table. Its fields are guarded by flowTable.mu, but for what the state says is constant.
type flow struct {
	key    flowKey
	state  flowState
	syn    []byte      // the parked frame
	client *conn       // set when live
	server *conn       // set when offered, or when live and dialled
	claim  tcpip.Timer // set when offered: ends an unclaimed flow
	trace  *Trace      // nil: none is kept
}

// flowTable holds every intercepted flow from its first SYN to the end of its handler.
type flowTable struct {
	mu       sync.Mutex
	flows    map[flowKey]*flow       // guarded by mu, like all that follows
	unproven int                     // flows parked or offered
	live     int                     // all others
	stations map[netip.Addr]*station // by client address: those of the flows, and some of those before
	excusing int                     // clients that are being told why they are not served
	limits   Limits

	running sync.WaitGroup // dials and handlers
}

func (t *flowTable) init(l Limits) {
	t.flows, t.stations, t.limits = make(map[flowKey]*flow), make(map[netip.Addr]*station), l
}

// unprovenNow returns how many flows are parked or offered.
func (t *flowTable) unprovenNow() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int64(t.unproven)
}

// addLocked puts f in.
func (t *flowTable) addLocked(f *flow) {
	t.flows[f.key] = f
	st := t.stationLocked(f.key.client.Addr())
	if f.state == live {
		t.live++
		st.live++
	} else {
		t.unproven++
		st.unproven++
	}
}

// proveLocked makes an offered flow a live one.
func (t *flowTable) proveLocked(f *flow) {
	f.claim.Stop()
	f.state = live
	st := t.stationLocked(f.key.client.Addr())
	t.unproven--
	st.unproven--
	t.live++
	st.live++
}

// removeLocked takes f out, unless another flow has its place by now.
func (t *flowTable) removeLocked(f *flow, now time.Time) {
	client := f.key.client.Addr()
	st := t.stationLocked(client)
	if f.state == live {
		t.live--
		st.live--
	} else {
		t.unproven--
		st.unproven--
	}
	t.leaveLocked(client, now)
	f.trace.end()
	if t.flows[f.key] == f {
		delete(t.flows, f.key)
	}
}

// refuseNew runs set, after which park and claimed must admit no flow, and ends those that are not live yet.
func (t *flowTable) refuseNew(now time.Time, set func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	set()
	for _, f := range t.flows {
		if f.state == offered {
			f.claim.Stop()
			t.removeLocked(f, now)
			f.server.reset()
		}
	}
}

// reset ends every live flow and returns how many there were.
func (t *flowTable) reset() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, f := range t.flows {
		if f.state != live {
			continue // its dial ends by itself
		}
		n++
		f.client.reset()
		if f.server != nil {
			f.server.reset()
		}
	}
	return n
}

// park looks at a frame from a client to an intercepted server and reports whether it has dealt with it; otherwise the
// frame goes to netstack. It holds the SYN of a new flow back and dials.
func (s *Stack) park(frame []byte) bool {
	seg, ok := parseSegment(frame)
	if !ok {
		s.counters.malformed.Add(1)
		return true
	}
	if !seg.isSYN() {
		return false
	}
	t := &s.flows
	t.mu.Lock()
	defer t.mu.Unlock()
	if f := t.flows[seg.key]; f != nil {
		return f.state == parked
	}
	switch s.admission.Load() {
	case notReady:
		s.counters.notReady.Add(1)
		return true
	case draining:
		s.counters.refusedDraining.Add(1)
		s.refuse(frame)
		return true
	}
	switch Intake(s.intake.Load()) {
	case Reset:
		s.counters.refusedIntake.Add(1)
		s.refuse(frame)
		return true
	case Excuse:
		return false // who has shaken hands is told
	case Serve:
	}
	if len(t.flows) >= maxFlows {
		s.counters.tableFull.Add(1)
		return true
	}
	if _, ok := t.roomLocked(seg.key.client.Addr(), true, s.cfg.Clock.Now()); !ok {
		return false // if it is still so once the client has shaken hands, it is told
	}
	if t.unproven >= maxUnproven {
		s.counters.cookie.Add(1)
		return false
	}
	f := &flow{key: seg.key, state: parked, syn: append([]byte(nil), frame...), trace: s.traces.begin(seg.key)}
	s.traces.received(ClientLeg, frame)
	t.addLocked(f)
	s.counters.parked.Add(1)
	t.running.Go(func() { s.dialParked(f) }) // ends with the dial, at the latest after DialTimeout
	return true
}

// dialParked dials the server of a parked flow and tells the client what came of it: the handshake, a refusal, or nothing.
func (s *Stack) dialParked(f *flow) {
	growStack()
	server, err := s.dial(f.key.server, f.trace)
	t := &s.flows
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err != nil:
		t.removeLocked(f, s.cfg.Clock.Now())
		if errors.Is(err, syscall.ECONNREFUSED) {
			s.refuse(f.syn)
		}
		return
	case t.flows[f.key] != f || s.admission.Load() == draining: // accepted meanwhile by a cookie from before, or too late
		t.removeLocked(f, s.cfg.Clock.Now())
		server.reset()
		return
	}
	f.state, f.server = offered, server
	f.claim = s.cfg.Clock.AfterFunc(claimTimeout, func() { s.unclaimed(f) })
	syn := f.syn
	f.syn = nil
	s.intercept.deliver(syn)
}

// unclaimed ends a flow whose client never finished its handshake.
func (s *Stack) unclaimed(f *flow) {
	t := &s.flows
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.state != offered || t.flows[f.key] != f {
		return
	}
	s.counters.unclaimed.Add(1)
	t.removeLocked(f, s.cfg.Clock.Now())
	f.server.reset()
}

// dial connects to server from the gateway's own address, once it is its turn. The frames of that are traced, if trace is not nil.
//
// Errors: syscall.ECONNREFUSED when it refused; anything else means it stayed silent or is out of reach.
func (s *Stack) dial(server netip.AddrPort, trace *Trace) (*conn, error) {
	ctx, cancel := context.WithCancel(s.dialing)
	defer cancel()
	defer s.cfg.Clock.AfterFunc(s.cfg.DialTimeout, cancel).Stop()
	release, waited, err := s.dials.take(ctx, server)
	if waited {
		s.counters.dialsWaited.Add(1)
	}
	var c *conn
	if err == nil {
		c, err = s.connect(ctx, server, trace)
		release()
	}
	switch {
	case err == nil:
		s.counters.dialled.Add(1)
	case errors.Is(err, syscall.ECONNREFUSED):
		s.counters.refused.Add(1)
	case errors.Is(err, context.Canceled):
		s.counters.silent.Add(1)
	default:
		s.counters.unreachable.Add(1)
		s.cfg.Log.Debug("server out of reach", "server", server, "error", err)
	}
	return c, err
}

// claimed pairs an accepted connection with its dialled server and has the flow served, or its client told why not.
func (s *Stack) claimed(ctx context.Context, key flowKey, client *conn) {
	t := &s.flows
	t.mu.Lock()
	defer t.mu.Unlock()
	now := s.cfg.Clock.Now()
	f := t.flows[key]
	dialled := f != nil && f.state == offered
	why, ok := t.roomLocked(key.client.Addr(), false, now)
	if ok && !dialled && Intake(s.intake.Load()) != Serve {
		why, ok = NotNow, false
	}
	switch {
	case s.admission.Load() == draining:
		client.reset()
		return
	case !ok:
		if dialled { // before others took the room
			f.claim.Stop()
			t.removeLocked(f, now)
			f.server.reset()
		}
		s.excuseLocked(ctx, client, why)
		return
	case dialled:
		t.proveLocked(f)
		f.client = client
	case f == nil && len(t.flows) >= maxFlows:
		s.counters.tableFull.Add(1)
		client.reset()
		return
	default: // proven by a cookie, the server not dialled yet
		f = &flow{key: key, state: live, client: client, trace: s.traces.begin(key)}
		t.addLocked(f)
	}
	t.spendLocked(t.stationLocked(key.client.Addr()), now)
	s.shareBuffersLocked()
	s.counters.active.Add(1)
	s.counters.flows.Add(1)
	t.running.Go(func() { s.serve(ctx, f) }) // ends with the handler
}

// excuseLocked has the handler tell a client why its flow is not served.
func (s *Stack) excuseLocked(ctx context.Context, client *conn, why Refusal) {
	t := &s.flows
	s.counters.refusals[why].Add(1)
	if t.excusing >= maxExcusing {
		client.reset()
		return
	}
	t.excusing++
	t.running.Go(func() { // ends with the handler, which has seconds
		s.cfg.Handler.RefuseFlow(ctx, client, why)
		_ = client.Close() // never fails
		t.mu.Lock()
		defer t.mu.Unlock()
		t.excusing--
	})
}

// serve dials the server of f if that has not been done, and hands f to the handler.
func (s *Stack) serve(ctx context.Context, f *flow) {
	growStack()
	t := &s.flows
	defer func() {
		t.mu.Lock()
		t.removeLocked(f, s.cfg.Clock.Now())
		s.shareBuffersLocked()
		t.mu.Unlock()
		s.counters.active.Add(-1)
	}()
	if f.server == nil {
		server, err := s.dial(f.key.server, f.trace)
		if err != nil {
			f.client.reset() // too late to look refused or silent
			return
		}
		t.mu.Lock()
		f.server = server
		t.mu.Unlock()
	}
	s.cfg.Handler.ServeFlow(ctx, Flow{Client: f.client, Server: f.server, Trace: f.trace})
	_ = f.client.Close() // never fails, like the next
	_ = f.server.Close()
	if ctx.Err() != nil { // the netstack goes next, and with it what it still holds
		f.client.flush(s.cfg.Clock)
		f.server.flush(s.cfg.Clock)
	}
}

// Holds says whether a flow is the stack's: its SYN is parked, or the netstack has its client's end, be it one that lingers
// after its handler has ended.
func (s *Stack) Holds(client, server netip.AddrPort) bool {
	s.flows.mu.Lock()
	_, known := s.flows.flows[flowKey{client: client, server: server}]
	s.flows.mu.Unlock()
	if known {
		return true
	}
	id := netstack.TransportEndpointID{
		LocalPort: server.Port(), LocalAddress: address(server.Addr()),
		RemotePort: client.Port(), RemoteAddress: address(client.Addr()),
	}
	ep, ok := s.ns.FindTransportEndpoint(protocol(server.Addr()), tcp.ProtocolNumber, id, interceptNIC).(*tcp.Endpoint)
	return ok && tcp.EndpointState(ep.State()) != tcp.StateListen
}
