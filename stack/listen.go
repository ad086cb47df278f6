package stack

import (
	"context"
	"fmt"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// listenBacklog bounds handshakes in progress per listener; with it full, cookies take over. It is small because a
// half-open connection lives for two minutes.
const listenBacklog = 256

// listener is a wildcard listener on the NIC intercept: it answers for every server.
type listener struct {
	ep tcpip.Endpoint
	wq *waiter.Queue
}

// listenAll opens a listener for each intercepted port and family.
func (s *Stack) listenAll() error {
	for _, port := range s.cfg.Ports {
		for _, proto := range []tcpip.NetworkProtocolNumber{ipv4.ProtocolNumber, ipv6.ProtocolNumber} {
			l, err := s.listen(proto, port)
			if err != nil {
				return fmt.Errorf("listening for intercepted flows to port %d: %w", port, err)
			}
			s.listeners = append(s.listeners, l)
			s.counters.listeners.Add(1)
		}
	}
	return nil
}

// listen opens the listener for one port and family. It is bound to the NIC as a device: a NIC in the bind address alone is
// ignored and would open the port on the gateway's own addresses.
func (s *Stack) listen(proto tcpip.NetworkProtocolNumber, port uint16) (*listener, error) {
	wq := &waiter.Queue{}
	ep, err := s.ns.NewEndpoint(tcp.ProtocolNumber, proto, wq)
	if err != nil {
		return nil, asError(err)
	}
	if proto == ipv6.ProtocolNumber {
		ep.SocketOptions().SetV6Only(true)
	}
	if err = ep.SocketOptions().SetBindToDevice(int32(interceptNIC)); err == nil {
		if err = ep.Bind(tcpip.FullAddress{Port: port}); err == nil {
			err = ep.Listen(listenBacklog)
		}
	}
	if err != nil {
		ep.Close()
		return nil, asError(err)
	}
	return &listener{ep: ep, wq: wq}, nil
}

// accept claims a flow for each connection l accepts, until ctx ends. Handlers run under ctx.
func (s *Stack) accept(ctx context.Context, l *listener) {
	entry, ready := waiter.NewChannelEntry(waiter.ReadableEvents)
	l.wq.EventRegister(&entry)
	defer l.wq.EventUnregister(&entry)
	for {
		var client tcpip.FullAddress
		ep, wq, err := l.ep.Accept(&client)
		if err == nil {
			s.accepted(ctx, client, ep, wq)
			continue
		}
		if _, ok := err.(*tcpip.ErrWouldBlock); !ok {
			s.counters.acceptErrors.Add(1)
		}
		select {
		case <-ready:
		case <-ctx.Done():
			return
		}
	}
}

// accepted finds out whose connection ep is and claims its flow.
func (s *Stack) accepted(ctx context.Context, client tcpip.FullAddress, ep tcpip.Endpoint, wq *waiter.Queue) {
	server, err := ep.GetLocalAddress()
	if err != nil { // ended already
		s.counters.acceptErrors.Add(1)
		ep.Close()
		return
	}
	s.claimed(ctx, flowKey{client: addrPort(client), server: addrPort(server)}, newConn(wq, ep))
}

// connect dials server through the NIC own, bound to the gateway's address of its family. The connection is a leg of trace.
func (s *Stack) connect(ctx context.Context, server netip.AddrPort, trace *Trace) (*conn, error) {
	local, err := s.source(server.Addr())
	if err != nil {
		return nil, err
	}
	wq := &waiter.Queue{}
	ep, terr := s.ns.NewEndpoint(tcp.ProtocolNumber, protocol(server.Addr()), wq)
	if terr != nil {
		return nil, asError(terr)
	}
	entry, done := waiter.NewChannelEntry(waiter.WritableEvents)
	wq.EventRegister(&entry)
	defer wq.EventUnregister(&entry)
	if terr = ep.Bind(tcpip.FullAddress{NIC: ownNIC, Addr: address(local)}); terr == nil {
		if bound, err := ep.GetLocalAddress(); err == nil { // it has its port by now
			trace.join(ServerLeg, addrPort(bound), server)
		}
		terr = ep.Connect(tcpip.FullAddress{NIC: ownNIC, Addr: address(server.Addr()), Port: server.Port()})
		if _, started := terr.(*tcpip.ErrConnectStarted); started {
			select {
			case <-done:
				terr = ep.LastError()
			case <-ctx.Done():
				ep.Abort()
				return nil, ctx.Err()
			}
		}
	}
	if terr != nil {
		ep.Close()
		return nil, asError(terr)
	}
	return newConn(wq, ep), nil
}
