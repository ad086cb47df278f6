package forwarder

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/gopacket/layers"
)

// fakeTap keeps what it is shown.
type fakeTap struct {
	active, mute                    bool
	asked                           int
	own, intercept, forwarded, sent [][]byte
	first                           func() // is called before anything is kept
}

func (f *fakeTap) Active() bool { f.asked++; return f.active }

func (f *fakeTap) Frames(own, intercept, forwarded, sent [][]byte) {
	if f.mute {
		return
	}
	if f.first != nil {
		f.first()
	}
	for _, way := range []struct {
		to   *[][]byte
		from [][]byte
	}{{&f.own, own}, {&f.intercept, intercept}, {&f.forwarded, forwarded}, {&f.sent, sent}} {
		for _, b := range way.from {
			*way.to = append(*way.to, bytes.Clone(b))
		}
	}
}

// A tap is asked once for a batch. Active, it is shown what is punted as it came and the rest as it leaves; else nothing.
func TestTap(t *testing.T) {
	tap := &fakeTap{}
	c := testConfig()
	c.Tap = tap
	g := newGateway(t, c)
	learn(t, g, station4, stationMAC)
	var frames [][]byte
	want := map[fate]int{}
	for _, r := range kinds(t) {
		frames = append(frames, r.frame)
		want[r.fate]++
	}
	*tap = fakeTap{}
	g.handle(frames...)
	if tap.asked != 1 || tap.own != nil || tap.forwarded != nil {
		t.Errorf("an idle tap was asked %d times and shown %d frames", tap.asked, len(tap.own)+len(tap.forwarded))
	}

	*tap = fakeTap{active: true}
	*g.host, *g.port = fakeHost{}, fakePort{}
	tap.first = func() {
		if g.host.calls > 0 || len(g.port.sent) > 0 {
			t.Error("an answer could come before what it answers")
		}
	}
	g.handle(frames...)
	if tap.asked != 1 || len(tap.own) != want[puntOwn] || len(tap.intercept) != want[puntIntercept] || len(tap.forwarded) != want[forward] {
		t.Errorf("asked %d times; %d own, %d intercepted, %d forwarded", tap.asked, len(tap.own), len(tap.intercept), len(tap.forwarded))
	}
	same := func(name string, got, want [][]byte) {
		if len(got) != len(want) {
			t.Errorf("%s: %d frames, want %d", name, len(got), len(want))
			return
		}
		for i := range got {
			if !bytes.Equal(got[i], want[i]) {
				t.Errorf("%s: frame %d is another", name, i)
			}
		}
	}
	same("own", tap.own, g.host.own)
	same("intercept", tap.intercept, g.host.intercepted)
	same("leaving", append(tap.forwarded, tap.sent...), g.port.sent)
	if len(tap.sent) == 0 {
		t.Error("no ICMP error was shown")
	}

	*tap = fakeTap{active: true}
	*g.port = fakePort{}
	g.turn(true)
	g.after(time.Minute)
	same("requests", tap.sent, g.port.sent)
	if len(tap.sent) == 0 {
		t.Error("no request was shown")
	}
}

// Where a packet is sent on in fragments, the tap is shown them, and what leaves ahead of them, once and in order.
func TestTapSeesFragments(t *testing.T) {
	tap := &fakeTap{active: true}
	c := testConfig()
	c.Tap = tap
	g := newGateway(t, c)
	*tap, *g.port = fakeTap{active: true}, fakePort{}
	small := udp(t, clientMAC, client4, server4)
	big := packetOver(t, clientMAC, gatewayMAC, client4, server4, layers.IPProtocolUDP, &layers.UDP{DstPort: 9}, make([]byte, 4000))
	g.handle(small, big, small)
	if n := g.Counters().Fragmented; n != 1 || len(g.port.sent) != 5 || len(tap.forwarded) != len(g.port.sent) {
		t.Fatalf("%d split, %d frames sent, %d shown", n, len(g.port.sent), len(tap.forwarded))
	}
	for i := range tap.forwarded {
		if !bytes.Equal(tap.forwarded[i], g.port.sent[i]) {
			t.Errorf("frame %d is another", i)
		}
	}
}

// A tap that nobody looks at costs no allocation, nor does one that is looked at.
func TestTapAllocatesNothing(t *testing.T) {
	for _, active := range []bool{false, true} {
		c := testConfig()
		c.Tap = &fakeTap{active: active, mute: true}
		g := newGateway(t, c)
		g.port.mute, g.host.mute = true, true
		f, s := udp(t, clientMAC, client4, server4), syn(t, clientMAC, client4, server4, 110)
		g.handle(f, s)
		if n := testing.AllocsPerRun(200, func() { g.handle(f, s) }); n != 0 {
			t.Errorf("active %v: %v allocations", active, n)
		}
	}
}

// BenchmarkTap is a batch of forwarded frames without a tap, and with one that nobody looks at.
func BenchmarkTap(b *testing.B) {
	for name, tap := range map[string]Tap{"none": nil, "off": &fakeTap{}} {
		b.Run(name, func(b *testing.B) {
			c := testConfig()
			c.Tap = tap
			g := newGateway(b, c)
			g.port.mute = true
			frames := make([][]byte, batch)
			for i := range frames {
				frames[i] = udp(b, clientMAC, client4, server4)
			}
			b.ReportAllocs()
			for b.Loop() {
				g.handle(frames...)
			}
		})
	}
}
