package stack_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"mirrorgw/stack"
	"mirrorgw/testnet"
)

// TestTraceHasTheHeadersOfBothLegs holds the trace of a flow against the frames on the wire: handshakes included, in order, with their
// true lengths, and nothing of what was said.
func TestTraceHasTheHeadersOfBothLegs(t *testing.T) {
	eachFamily(t, func(t *testing.T, server netip.AddrPort) {
		question, answer := bytes.Repeat([]byte("PASS secret "), 2000), bytes.Repeat([]byte("the mail itself "), 4000)
		var mu sync.Mutex
		wire := make(map[string]int) // frames, and how often each was there
		traced := make(chan *stack.Trace, 1)
		var frames []stack.TracedFrame
		var before int
		n := newNetwork(t, testnet.WireConfig{Filter: func(_ string, frame []byte) bool {
			mu.Lock()
			defer mu.Unlock()
			wire[string(frame)]++
			return true
		}}, func(ctx context.Context, f stack.Flow) {
			splice(ctx, f)
			frames, before = f.Trace.Frames()
			traced <- f.Trace
		}, func(cfg *stack.Config) { cfg.Trace = 1000 })
		n.listen(server, func(c net.Conn) {
			if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, question) {
				t.Errorf("%d octets, %v", len(got), err)
			}
			_, _ = c.Write(answer)
		})
		c, err := n.client.DialTCP(t.Context(), server)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = c.Write(question)
		_ = c.CloseWrite()
		if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, answer) {
			t.Fatalf("%d octets, %v", len(got), err)
		}
		trace := <-traced

		mu.Lock()
		defer mu.Unlock()
		said := make(map[stack.Leg]map[string]map[uint32]int) // octets by leg, address they came from, and sequence number
		var flags [2][]string
		for i, f := range frames {
			found := false
			for frame := range wire {
				found = found || len(frame) == f.Length && frame[:len(f.Headers)] == string(f.Headers)
			}
			if !found {
				t.Errorf("frame %d was never on the wire: %+v", i, f)
			}
			if i > 0 && f.Time.Before(frames[i-1].Time) {
				t.Errorf("frame %d is older than the one before", i)
			}
			p := gopacket.NewPacket(f.Headers, layers.LayerTypeEthernet, gopacket.Default)
			tcp, ok := p.TransportLayer().(*layers.TCP)
			if !ok || len(tcp.Payload) > 0 {
				t.Fatalf("frame %d: %v", i, p)
			}
			if bytes.Contains(f.Headers, []byte("PASS")) || bytes.Contains(f.Headers, []byte("mail")) {
				t.Errorf("frame %d tells what was said: %q", i, f.Headers)
			}
			if said[f.Leg] == nil {
				said[f.Leg] = make(map[string]map[uint32]int)
			}
			from := p.NetworkLayer().NetworkFlow().Src().String()
			if said[f.Leg][from] == nil {
				said[f.Leg][from] = make(map[uint32]int)
			}
			said[f.Leg][from][tcp.Seq] = max(said[f.Leg][from][tcp.Seq], f.Length-len(f.Headers))
			if len(flags[f.Leg]) < 3 {
				flags[f.Leg] = append(flags[f.Leg], map[[2]bool]string{{true, false}: "SYN", {true, true}: "SYN-ACK", {false, true}: "ACK"}[[2]bool{tcp.SYN, tcp.ACK}])
			}
		}
		for leg, got := range flags {
			if len(got) != 3 || got[0] != "SYN" || got[1] != "SYN-ACK" || got[2] != "ACK" {
				t.Errorf("leg %d begins with %v", leg, got)
			}
		}
		client, own := netip.MustParseAddr("192.168.1.10"), gateway4.Addr()
		if server.Addr().Is6() {
			client, own = netip.MustParseAddr("fd00:1::10"), gateway6.Addr()
		}
		for _, want := range []struct {
			leg    stack.Leg
			from   netip.Addr
			octets int
		}{
			{stack.ClientLeg, client, len(question)},
			{stack.ClientLeg, server.Addr(), -1}, // may be on its way yet
			{stack.ServerLeg, own, len(question)},
			{stack.ServerLeg, server.Addr(), len(answer)},
		} {
			octets := 0
			for _, n := range said[want.leg][want.from.String()] {
				octets += n
			}
			if octets != want.octets && want.octets >= 0 || octets == 0 {
				t.Errorf("leg %d, from %s: %d octets, not %d", want.leg, want.from, octets, want.octets)
			}
		}
		if before != 0 {
			t.Errorf("%d frames are missing", before)
		}
		c.Close()
		testnet.WaitFor(t, "the end of the flow", func() bool { return n.stack.Counters().Active == 0 })
		if left, before := trace.Frames(); left != nil || before != 0 {
			t.Errorf("%d frames of a flow that has ended", len(left))
		}
	})
}

// TestTraceHasTheLastFrames has more pass than a trace holds.
func TestTraceHasTheLastFrames(t *testing.T) {
	const limit = 20
	type snapshot struct {
		frames []stack.TracedFrame
		before int
	}
	snapshots := make(chan snapshot, 1)
	n := newNetwork(t, testnet.WireConfig{}, func(ctx context.Context, f stack.Flow) {
		splice(ctx, f)
		frames, before := f.Trace.Frames()
		snapshots <- snapshot{frames, before}
	}, func(cfg *stack.Config) { cfg.Trace = limit })
	n.listen(server4, func(c net.Conn) { _, _ = io.Copy(c, c) })
	c, err := n.client.DialTCP(t.Context(), server4)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 50 {
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.CloseWrite()
	_, _ = io.ReadAll(c)
	s := <-snapshots
	if len(s.frames) != limit || s.before < 200-limit { // four segments a turn
		t.Fatalf("%d frames, %d before them", len(s.frames), s.before)
	}
	fin := false
	for i, f := range s.frames {
		if i > 0 && f.Time.Before(s.frames[i-1].Time) {
			t.Errorf("frame %d is older than the one before", i)
		}
		p := gopacket.NewPacket(f.Headers, layers.LayerTypeEthernet, gopacket.Default)
		fin = fin || p.TransportLayer().(*layers.TCP).FIN
	}
	if !fin {
		t.Error("the last frames are not in it")
	}
}
