package stack_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"

	"mirrorgw/stack"
	"mirrorgw/testnet"
)

// The little network of these tests: a client, the gateway, and behind one MAC the router and the servers.
//
//	client 192.168.1.10 ── wire ── gateway 192.168.1.2
//	                        └──── router 192.168.1.1, servers 198.51.100.10 …
var (
	gatewayMAC = net.HardwareAddr{2, 0xaa, 0, 0, 0, 2}
	clientMAC  = net.HardwareAddr{2, 0xaa, 0, 0, 0, 10}
	routerMAC  = net.HardwareAddr{2, 0xaa, 0, 0, 0, 1}

	gateway4 = netip.MustParsePrefix("192.168.1.2/24")
	gateway6 = netip.MustParsePrefix("fd00:1::2/64")
	server4  = netip.MustParseAddrPort("198.51.100.10:110")
	server6  = netip.MustParseAddrPort("[2001:db8:100::10]:110")
)

// handlerFunc adapts a function to stack.Handler.
type handlerFunc func(ctx context.Context, f stack.Flow)

func (h handlerFunc) ServeFlow(ctx context.Context, f stack.Flow) { h(ctx, f) }

// RefuseFlow tells the reason as its number.
func (h handlerFunc) RefuseFlow(_ context.Context, client net.Conn, why stack.Refusal) {
	_, _ = fmt.Fprintf(client, "refused: %d", why)
}

// splice relays both ways, half-close and reset included, until both directions have ended.
func splice(_ context.Context, f stack.Flow) {
	one := func(dst, src net.Conn) {
		_, err := io.Copy(dst, src)
		if errors.Is(err, syscall.ECONNRESET) {
			_ = dst.(interface{ SetLinger(int) error }).SetLinger(0)
			dst.Close()
			return
		}
		_ = dst.(interface{ CloseWrite() error }).CloseWrite()
	}
	var wg sync.WaitGroup
	wg.Go(func() { one(f.Server, f.Client) })
	one(f.Client, f.Server)
	wg.Wait()
}

// static is a Neighbours that knows the client.
type static struct{}

func (static) Lookup(netip.Addr) ([6]byte, bool) { return [6]byte(clientMAC), true }

// network is the running network of one test.
type network struct {
	t      *testing.T
	wire   *testnet.Wire
	client *testnet.Node
	router *testnet.Node
	stack  *stack.Stack
	end    func() // ends the gateway and waits for it
	served atomic.Int64
}

// newNetwork starts the network with the gateway admitting flows.
func newNetwork(t *testing.T, wire testnet.WireConfig, handler handlerFunc, change func(*stack.Config)) *network {
	t.Helper()
	n := newUnready(t, wire, handler, change)
	n.stack.Admit()
	return n
}

// newUnready starts the network with the gateway leaving SYNs unanswered.
func newUnready(t *testing.T, wire testnet.WireConfig, handler handlerFunc, change func(*stack.Config)) *network {
	t.Helper()
	n := &network{t: t, wire: testnet.NewWire(wire)}
	t.Cleanup(func() { n.wire.Close() })
	node := func(cfg testnet.NodeConfig) *testnet.Node {
		node, err := n.wire.NewNode(cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { node.Close() })
		return node
	}
	n.client = node(testnet.NodeConfig{
		Name: "client", MAC: clientMAC,
		Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.1.10/24"), netip.MustParsePrefix("fd00:1::10/64")},
		Gateways:  []netip.Addr{gateway4.Addr(), gateway6.Addr()},
	})
	n.router = node(testnet.NodeConfig{
		Name: "router", MAC: routerMAC,
		Addresses: []netip.Prefix{
			netip.MustParsePrefix("192.168.1.1/24"), netip.MustParsePrefix("fd00:1::1/64"),
			netip.PrefixFrom(server4.Addr(), 32), netip.PrefixFrom(server6.Addr(), 128),
		},
	})
	tap, err := n.wire.NewTap("gateway")
	if err != nil {
		t.Fatal(err)
	}
	cfg := stack.Config{
		MAC: gatewayMAC, MTU: 1500, Writers: []stack.FrameWriter{tap},
		Addresses: []netip.Prefix{gateway4, gateway6}, Routers: []netip.Addr{netip.MustParseAddr("192.168.1.1"), netip.MustParseAddr("fd00:1::1")},
		Ports: []uint16{110}, Neighbours: static{},
		Handler: handlerFunc(func(ctx context.Context, f stack.Flow) { n.served.Add(1); handler(ctx, f) }),
		Log:     slog.New(slog.DiscardHandler), Drain: time.Second,
	}
	if change != nil {
		change(&cfg)
	}
	if n.stack, err = stack.New(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { n.sort(tap) })
	n.end = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
	})
	if err := n.stack.Claim(ctx); err != nil {
		t.Fatal(err)
	}
	wg.Go(func() {
		if err := n.stack.Run(ctx); err != nil {
			t.Error(err)
		}
		tap.Close()
	})
	t.Cleanup(n.end)
	return n
}

// sort stands in for the forwarder: mail to the one NIC, the gateway's own frames to the other.
func (n *network) sort(tap *testnet.Tap) {
	bufs, sizes := [][]byte{make([]byte, 1<<17)}, make([]int, 1)
	for {
		if _, err := tap.ReadFrames(bufs, sizes); err != nil {
			if !errors.Is(err, os.ErrClosed) {
				n.t.Error(err)
			}
			return
		}
		frame := bufs[0][:sizes[0]]
		eth := frame[stack.VNetHeaderLen:]
		var dst netip.Addr
		switch {
		case len(eth) >= 34 && eth[12] == 8 && eth[13] == 0:
			dst = netip.AddrFrom4([4]byte(eth[30:34]))
		case len(eth) >= 54 && eth[12] == 0x86 && eth[13] == 0xdd:
			dst = netip.AddrFrom16([16]byte(eth[38:54]))
		}
		if dst == server4.Addr() || dst == server6.Addr() {
			n.stack.DeliverIntercept([][]byte{frame})
		} else {
			n.stack.DeliverOwn([][]byte{frame})
		}
	}
}

// listen starts a server that handles each connection with handle.
func (n *network) listen(at netip.AddrPort, handle func(net.Conn)) {
	n.t.Helper()
	l, err := n.router.ListenTCP(at)
	if err != nil {
		n.t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				handle(c)
			})
		}
	})
	n.t.Cleanup(func() {
		n.end() // resets what the servers may still wait for
		l.(interface{ Shutdown() }).Shutdown()
		l.Close()
		wg.Wait()
	})
}

func eachFamily(t *testing.T, test func(t *testing.T, server netip.AddrPort)) {
	t.Run("IPv4", func(t *testing.T) { test(t, server4) })
	t.Run("IPv6", func(t *testing.T) { test(t, server6) })
}

func TestFlowIsPairedAndSpoofed(t *testing.T) {
	eachFamily(t, func(t *testing.T, server netip.AddrPort) {
		n := newNetwork(t, testnet.WireConfig{}, splice, nil)
		seen := make(chan net.Addr, 1)
		n.listen(server, func(c net.Conn) {
			seen <- c.RemoteAddr()
			_, _ = io.Copy(c, c)
		})
		c, err := n.client.DialTCP(t.Context(), server)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if got := c.RemoteAddr().String(); got != server.String() {
			t.Errorf("the client sees %s, not the server %s", got, server)
		}
		want := gateway4.Addr()
		if server.Addr().Is6() {
			want = gateway6.Addr()
		}
		if got := (<-seen).(*net.TCPAddr).AddrPort().Addr(); got != want {
			t.Errorf("the server sees %s, not the gateway %s", got, want)
		}
		sent := make([]byte, 3<<20)
		for i := range sent {
			sent[i] = byte(i * i >> 7)
		}
		go func() { // ends with the connection
			_, _ = c.Write(sent)
			_ = c.CloseWrite()
		}()
		got, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(sent) {
			t.Errorf("%d octets came back changed from %d", len(got), len(sent))
		}
		if s := n.stack.Counters(); s.Parked != 1 || s.Dialled != 1 || s.Flows != 1 {
			t.Errorf("counters %+v", s)
		}
	})
}

func TestRefusedServerLooksRefused(t *testing.T) {
	eachFamily(t, func(t *testing.T, server netip.AddrPort) {
		n := newNetwork(t, testnet.WireConfig{}, splice, nil)
		_, err := n.client.DialTCP(t.Context(), server)
		if err == nil || err.Error() != "connect tcp "+server.String()+": connection was refused" {
			t.Errorf("the client sees %v", err)
		}
		if s := n.stack.Counters(); s.Refused != 1 || s.Flows != 0 {
			t.Errorf("counters %+v", s)
		}
	})
}

func TestSilentServerLooksSilent(t *testing.T) {
	eachFamily(t, func(t *testing.T, server netip.AddrPort) {
		var syns, replies atomic.Int64
		n := newNetwork(t, testnet.WireConfig{Filter: func(from string, frame []byte) bool {
			if len(frame) < 60 {
				return true
			}
			switch {
			case from == "gateway" && string(frame[:6]) == string(routerMAC) && isTCP(frame):
				syns.Add(1)
				return false // the server never hears of it
			case from == "gateway" && string(frame[:6]) == string(clientMAC) && isTCP(frame):
				replies.Add(1)
			}
			return true
		}}, splice, func(cfg *stack.Config) { cfg.DialTimeout = 50 * time.Millisecond })
		// A client that repeats its SYN gets no other answer.
		forged := netip.AddrPortFrom(netip.MustParseAddr("192.168.1.77"), 1024)
		if server.Addr().Is6() {
			forged = netip.AddrPortFrom(netip.MustParseAddr("fd00:1::77"), 1024)
		}
		n.stack.DeliverIntercept([][]byte{syn(t, forged, server), syn(t, forged, server)})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { // ends when the gateway has given up once, or the test does
			for ctx.Err() == nil && n.stack.Counters().Silent == 0 {
				time.Sleep(time.Millisecond)
			}
			cancel()
		}()
		if _, err := n.client.DialTCP(ctx, server); !errors.Is(err, context.Canceled) {
			t.Errorf("the client sees %v", err)
		}
		if syns.Load() == 0 || replies.Load() != 0 {
			t.Errorf("%d SYNs to the server, %d answers to the client", syns.Load(), replies.Load())
		}
	})
}

// isTCP reports whether an Ethernet frame of at least 60 octets holds a TCP segment.
func isTCP(frame []byte) bool {
	return frame[12] == 8 && frame[23] == 6 || frame[12] == 0x86 && frame[20] == 6
}

func TestResetTravelsBothWays(t *testing.T) {
	eachFamily(t, func(t *testing.T, server netip.AddrPort) {
		n := newNetwork(t, testnet.WireConfig{}, func(_ context.Context, f stack.Flow) {
			// The server's reset has to show as one, and ours has to reach the client as one.
			if _, err := f.Server.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the gateway sees %v from a server that resets", err)
			}
			if err := f.Client.(interface{ SetLinger(int) error }).SetLinger(0); err != nil {
				t.Error(err)
			}
			f.Client.Close()
		}, nil)
		n.listen(server, func(c net.Conn) {
			// Data that is never read turns the close into a reset.
			_, _ = io.ReadFull(c, make([]byte, 1))
		})
		c, err := n.client.DialTCP(t.Context(), server)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		testnet.WaitFor(t, "the flow", func() bool { return n.served.Load() == 1 })
		resetPeer(t, n)
		if _, err := c.Read(make([]byte, 1)); err == nil || err == io.EOF {
			t.Errorf("the client sees %v", err)
		}
	})
}

// resetPeer makes the router's stack reset what it has.
func resetPeer(t *testing.T, n *network) {
	t.Helper()
	for _, ep := range n.router.Stack().RegisteredEndpoints() {
		if a, ok := ep.(interface{ Abort() }); ok {
			a.Abort()
		}
	}
}

func TestHalfClose(t *testing.T) {
	eachFamily(t, func(t *testing.T, server netip.AddrPort) {
		n := newNetwork(t, testnet.WireConfig{}, splice, nil)
		n.listen(server, func(c net.Conn) {
			all, _ := io.ReadAll(c) // until the client's FIN came through
			_, _ = c.Write(append([]byte("after the end of "), all...))
		})
		c, err := n.client.DialTCP(t.Context(), server)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte("a half")); err != nil {
			t.Fatal(err)
		}
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(c); string(got) != "after the end of a half" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// TestPortsReusedInTimeWait opens flow after flow from one client port, each while the one before is in TIME_WAIT at the
// gateway, which must not cost anyone a minute (DESIGN 3.5).
func TestPortsReusedInTimeWait(t *testing.T) {
	eachFamily(t, func(t *testing.T, server netip.AddrPort) {
		n := newNetwork(t, testnet.WireConfig{}, func(_ context.Context, f stack.Flow) {
			// The gateway closes first: TIME_WAIT is on its side.
			f.Client.Close()
			f.Server.Close()
		}, nil)
		n.listen(server, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
		from := netip.MustParseAddrPort("192.168.1.10:40000")
		if server.Addr().Is6() {
			from = netip.MustParseAddrPort("[fd00:1::10]:40000")
		}
		// The client's FIN is acknowledged late on a busy machine. Repeated, it throws the client's netstack, which is ours, back from
		// LAST-ACK to FIN-WAIT-1; a client's kernel does not know that (TestRepeatedFINLeavesNothing).
		linger := tcpip.TCPLingerTimeoutOption(100 * time.Millisecond)
		if err := n.client.Stack().SetTransportProtocolOption(tcp.ProtocolNumber, &linger); err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			var c net.Conn
			testnet.WaitFor(t, "the client's port to be free", func() bool {
				var err error
				c, err = n.client.DialTCPFrom(t.Context(), from, server)
				if err != nil && !strings.Contains(err.Error(), "port is in use") {
					t.Fatalf("flow %d: %v", i, err)
				}
				return err == nil
			})
			if _, err := io.ReadAll(c); err != nil {
				t.Fatalf("flow %d: %v", i, err)
			}
			c.Close()
			testnet.WaitFor(t, "the end of the flow", func() bool { return n.stack.Counters().Active == 0 })
		}
	})
}

// TestOwnAddressHasNoMailPort: the wildcard listeners are the intercept NIC's alone.
func TestOwnAddressHasNoMailPort(t *testing.T) {
	for _, own := range []netip.Prefix{gateway4, gateway6} {
		n := newNetwork(t, testnet.WireConfig{}, splice, nil)
		c, err := n.client.DialTCP(t.Context(), netip.AddrPortFrom(own.Addr(), 110))
		if err == nil {
			c.Close()
			t.Errorf("port 110 of %s is open", own.Addr())
		}
	}
}

func TestSYNsStayUnansweredBeforeAdmit(t *testing.T) {
	n := newUnready(t, testnet.WireConfig{}, splice, nil)
	n.listen(server4, func(c net.Conn) { _, _ = io.WriteString(c, "hello") })
	go func() { // ends with the first SYN, which comes at once
		for n.stack.Counters().NotReady == 0 && t.Context().Err() == nil {
			time.Sleep(time.Millisecond)
		}
		n.stack.Admit()
	}()
	c, err := n.client.DialTCP(t.Context(), server4) // its second SYN is served
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := io.ReadAll(c); string(got) != "hello" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if s := n.stack.Counters(); s.NotReady != 1 || s.Refused != 0 {
		t.Errorf("counters %+v", s)
	}
}

func TestDrainWaitsForFlowsAndRefusesNewOnes(t *testing.T) {
	release := make(chan struct{})
	lastWords := strings.Repeat("the last word ", 10_000) // more than is under way at once
	n := newNetwork(t, testnet.WireConfig{Delay: time.Millisecond}, func(ctx context.Context, f stack.Flow) {
		<-ctx.Done()
		<-release
		_, _ = io.WriteString(f.Client, lastWords)
	}, func(cfg *stack.Config) { cfg.Drain = time.Minute })
	n.listen(server4, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	c, err := n.client.DialTCP(t.Context(), server4)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	testnet.WaitFor(t, "the flow", func() bool { return n.served.Load() == 1 })
	ended := make(chan struct{})
	go func() { // ends with the gateway
		n.end()
		close(ended)
	}()
	testnet.WaitFor(t, "a refusal", func() bool {
		c, err := n.client.DialTCP(t.Context(), server4)
		if err == nil {
			c.Close()
		}
		return err != nil && n.stack.Counters().RefusedDraining > 0
	})
	close(release)
	if got, err := io.ReadAll(c); string(got) != lastWords || err != nil {
		t.Errorf("%d octets of %d, %v", len(got), len(lastWords), err)
	}
	<-ended
}

func TestDrainEnds(t *testing.T) {
	n := newNetwork(t, testnet.WireConfig{}, func(_ context.Context, f stack.Flow) {
		_, _ = io.Copy(io.Discard, f.Client) // deaf to the end
	}, func(cfg *stack.Config) { cfg.Drain = 50 * time.Millisecond })
	n.listen(server4, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	c, err := n.client.DialTCP(t.Context(), server4)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	testnet.WaitFor(t, "the flow", func() bool { return n.served.Load() == 1 })
	n.end()
	if _, err := c.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("the client of a flow that was cut sees %v, not a reset", err)
	}
}

func TestClaimFindsTheOtherHolder(t *testing.T) {
	for _, taken := range []netip.Prefix{gateway4, gateway6} {
		t.Run(taken.String(), func(t *testing.T) {
			wire := testnet.NewWire(testnet.WireConfig{})
			defer wire.Close()
			other, err := wire.NewNode(testnet.NodeConfig{Name: "other", MAC: routerMAC, Addresses: []netip.Prefix{taken}})
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			tap, err := wire.NewTap("gateway")
			if err != nil {
				t.Fatal(err)
			}
			s, err := stack.New(stack.Config{
				MAC: gatewayMAC, MTU: 1500, Writers: []stack.FrameWriter{tap}, Addresses: []netip.Prefix{gateway4, gateway6},
				Neighbours: static{}, Handler: handlerFunc(splice), Log: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			n := &network{t: t, stack: s}
			wg.Go(func() { n.sort(tap) })
			err = s.Claim(t.Context())
			tap.Close()
			wg.Wait()
			if err == nil {
				t.Fatal("claimed an address somebody has")
			}
			t.Log(err)
		})
	}
}
