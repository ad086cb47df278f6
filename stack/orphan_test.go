package stack_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/faketime"

	"mirrorgw/stack"
	"mirrorgw/testnet"
)

// hurry has a clock go many times faster than time until the test ends. A netstack cannot be told apart from one that has
// nothing to do, so that a clock moved by hand would run ahead of it.
func hurry(t *testing.T, clock *faketime.ManualClock) {
	t.Helper()
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { // ends with the test
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				clock.Advance(20 * time.Millisecond)
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		running.Wait()
	})
}

// TestEndedFlowOfAVanishedClientIsForgotten: a client that is gone when its flow ends does not keep the netstack at it. 70
// seconds after the end nothing is left.
func TestEndedFlowOfAVanishedClientIsForgotten(t *testing.T) {
	eachFamily(t, func(t *testing.T, server netip.AddrPort) {
		clock := faketime.NewManualClock()
		hurry(t, clock)
		var gone atomic.Bool
		ended := make(chan time.Time, 1)
		n := newNetwork(t, testnet.WireConfig{Filter: func(from string, frame []byte) bool {
			return from != "client" || !gone.Load() || !isTCP(frame)
		}}, func(_ context.Context, f stack.Flow) {
			_, _ = io.ReadFull(f.Server, make([]byte, 5))
			gone.Store(true)
			_, _ = f.Client.Write([]byte("hello"))
			ended <- clock.Now()
		}, func(c *stack.Config) { c.Clock = clock })
		n.listen(server, func(c net.Conn) { _, _ = io.WriteString(c, "hello") })
		c, err := n.client.DialTCP(t.Context(), server)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var began time.Time
		select {
		case began = <-ended:
		case <-t.Context().Done():
			t.Fatal("the flow does not end")
		}
		testnet.WaitFor(t, "the flow's connections to end", func() bool {
			took := clock.Now().Sub(began)
			if took > 70*time.Second {
				t.Fatalf("%s after the end: %d connections", took, n.stack.Counters().Endpoints)
			}
			return n.stack.Counters().Endpoints <= 0
		})
	})
}

// TestEndedConnectionLetsGoOfTheBuffer: a connection that lingers after its end does not hold on to what its relay wrote from.
func TestEndedConnectionLetsGoOfTheBuffer(t *testing.T) {
	for name, end := range map[string]func(net.Conn) error{
		"Close":      net.Conn.Close,
		"CloseWrite": func(c net.Conn) error { return c.(interface{ CloseWrite() error }).CloseWrite() },
	} {
		t.Run(name, func(t *testing.T) {
			var gone, collected atomic.Bool
			done := make(chan struct{})
			n := newNetwork(t, testnet.WireConfig{Filter: func(from string, frame []byte) bool {
				return from != "client" || !gone.Load() || !isTCP(frame)
			}}, func(_ context.Context, f stack.Flow) {
				defer close(done)
				gone.Store(true)
				buf := make([]byte, 32<<10)
				runtime.AddCleanup(&buf[0], func(b *atomic.Bool) { b.Store(true) }, &collected)
				if _, err := f.Client.Write(buf[:100]); err != nil {
					t.Error(err)
				}
				if err := end(f.Client); err != nil {
					t.Error(err)
				}
			}, nil)
			n.listen(server4, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) })
			c, err := n.client.DialTCP(t.Context(), server4)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			<-done
			testnet.WaitFor(t, "the buffer to be collected", func() bool {
				runtime.GC()
				return collected.Load()
			})
			if n.stack.Counters().Endpoints <= 0 {
				t.Error("the connection does not linger: this shows nothing")
			}
		})
	}
}
