package testnet_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"mirrorgw/testnet"
)

func newNode(t *testing.T, w *testnet.Wire, cfg testnet.NodeConfig) *testnet.Node {
	t.Helper()
	n, err := w.NewNode(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// echo serves one connection: it sends back what it got once the peer is done.
func echo(t *testing.T, l net.Listener) {
	t.Cleanup(func() { l.Close() })
	go func() { // ends with its connection or with the listener
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		b, err := io.ReadAll(c)
		if err != nil {
			t.Errorf("server reads: %v", err)
		}
		if _, err := c.Write(b); err != nil {
			t.Errorf("server writes: %v", err)
		}
	}()
}

// exchange sends data, then the end, and expects the same back.
func exchange(t *testing.T, from *testnet.Node, to netip.AddrPort, data []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := from.DialTCP(ctx, to)
	if err != nil {
		t.Fatalf("dial %s: %v", to, err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	go func() { // ends when all is sent or the connection closes
		if _, err := c.Write(data); err != nil {
			t.Errorf("client writes: %v", err)
		}
		if err := c.CloseWrite(); err != nil {
			t.Errorf("client ends: %v", err)
		}
	}()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("sent %d octets, got %d back, identical %t, %v", len(data), len(got), bytes.Equal(got, data), err)
	}
}

func TestNodesTalk(t *testing.T) {
	data := make([]byte, 100_000)
	random := rand.NewChaCha8([32]byte{1})
	random.Read(data)
	for name, wire := range map[string]testnet.WireConfig{
		"faultless":    {},
		"hub":          {Hub: true},
		"small MTU":    {MTU: 1280},
		"loss, delay":  {Loss: 0.02, Seed: 7, Delay: 200 * time.Microsecond},
		"short queues": {Queue: 32},
	} {
		t.Run(name, func(t *testing.T) {
			testnet.CheckLeaks(t)
			w := testnet.NewWire(wire)
			server := newNode(t, w, testnet.NodeConfig{Name: "server", Addresses: []netip.Prefix{
				netip.MustParsePrefix("192.168.1.1/24"), netip.MustParsePrefix("198.51.100.10/32"), netip.MustParsePrefix("fd00:1::1/64"),
			}})
			client := newNode(t, w, testnet.NodeConfig{
				Name:      "client",
				Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.1.10/24"), netip.MustParsePrefix("fd00:1::10/64")},
				Gateways:  []netip.Addr{netip.MustParseAddr("192.168.1.1")},
			})
			for i, address := range []string{"192.168.1.1", "198.51.100.10", "fd00:1::1"} {
				at := netip.AddrPortFrom(netip.MustParseAddr(address), uint16(1000+i))
				l, err := server.ListenTCP(at)
				if err != nil {
					t.Fatal(err)
				}
				echo(t, l)
				exchange(t, client, at, data)
			}
			if c := w.Counters(); wire.Loss > 0 && c.Lost == 0 {
				t.Errorf("nothing was lost: %+v", c)
			}
		})
	}
}

func TestNodeLinkLocal(t *testing.T) {
	w := testnet.NewWire(testnet.WireConfig{})
	server, client := newNode(t, w, testnet.NodeConfig{Name: "server"}), newNode(t, w, testnet.NodeConfig{Name: "client"})
	if got := server.MAC().String(); got != "02:00:00:00:00:01" {
		t.Errorf("first MAC %s", got)
	}
	l, err := server.ListenTCP(netip.MustParseAddrPort("[::]:7"))
	if err != nil {
		t.Fatal(err)
	}
	echo(t, l)
	exchange(t, client, netip.MustParseAddrPort("[fe80::ff:fe00:1]:7"), []byte("hello"))
}

func TestNodeUDP(t *testing.T) {
	w := testnet.NewWire(testnet.WireConfig{})
	server := newNode(t, w, testnet.NodeConfig{Name: "server", Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}})
	client := newNode(t, w, testnet.NodeConfig{Name: "client", Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.2/24")}})
	at := netip.MustParseAddrPort("10.0.0.1:53")
	u, err := server.ListenUDP(at)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	c, err := client.DialUDP(at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("query")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 16)
	n, from, err := u.ReadFrom(b)
	if err != nil || string(b[:n]) != "query" || from.(*net.UDPAddr).IP.String() != "10.0.0.2" {
		t.Errorf("got %q from %v, %v", b[:n], from, err)
	}
}

// Client, mirror and server as three ends of one wire. The mirror here is the least that passes: it answers who-has for
// .2 and sends everything else on to the router's MAC.
func TestThreeEnds(t *testing.T) {
	testnet.CheckLeaks(t)
	const gatewayMAC = "\x02\x4d\x00\x00\x00\x02"
	var seen atomic.Int64
	w := testnet.NewWire(testnet.WireConfig{Filter: func(from string, _ []byte) bool {
		if from == "gateway" {
			seen.Add(1)
		}
		return true
	}})
	router := newNode(t, w, testnet.NodeConfig{Name: "router", Addresses: []netip.Prefix{
		netip.MustParsePrefix("192.168.1.1/24"), netip.MustParsePrefix("198.51.100.10/32"),
	}})
	client := newNode(t, w, testnet.NodeConfig{
		Name:      "client",
		Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.1.10/24")},
		Gateways:  []netip.Addr{netip.MustParseAddr("192.168.1.2")},
	})
	tap, err := w.NewTap("gateway")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { tap.Close(); <-ended })
	go func() { // ends when the tap closes
		defer close(ended)
		bufs, sizes := [][]byte{make([]byte, 2048)}, make([]int, 1)
		for {
			if _, err := tap.ReadFrames(bufs, sizes); err != nil {
				return
			}
			frame := bufs[0][testnet.VirtioHeaderSize:sizes[0]]
			switch {
			case frame[12] == 0x08 && frame[13] == 0x06 && frame[21] == 1 && bytes.Equal(frame[38:42], []byte{192, 168, 1, 2}):
				copy(frame[0:6], frame[22:28]) // to who asked
				copy(frame[32:42], frame[22:32])
				copy(frame[6:12], gatewayMAC)
				copy(frame[22:28], gatewayMAC)
				copy(frame[28:32], []byte{192, 168, 1, 2})
				frame[21] = 2
			case string(frame[0:6]) == gatewayMAC:
				copy(frame[0:6], router.MAC())
				copy(frame[6:12], gatewayMAC)
			default:
				continue
			}
			if _, err := tap.WriteFrames([][]byte{bufs[0][:sizes[0]]}); err != nil {
				return
			}
		}
	}()
	at := netip.MustParseAddrPort("198.51.100.10:110")
	l, err := router.ListenTCP(at)
	if err != nil {
		t.Fatal(err)
	}
	echo(t, l)
	exchange(t, client, at, bytes.Repeat([]byte("+OK\r\n"), 4000))
	if seen.Load() < 10 {
		t.Errorf("%d frames went by the gateway", seen.Load())
	}
}
