package forwarder

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// balanced checks that every frame received came to one end.
func balanced(t testing.TB, c Counters) {
	t.Helper()
	ends := c.Forwarded + c.PuntedOwn + c.PuntedIntercept
	for _, n := range c.Dropped {
		ends += n
	}
	if ends != c.Received {
		t.Errorf("%d frames received, %d accounted for: %+v", c.Received, ends, c)
	}
	if n := c.Dropped[Undecided]; n > 0 {
		t.Errorf("%d frames dropped without a reason", n)
	}
}

// kinds are frames of each kind, with what becomes of them at a gateway that knows the station.
func kinds(t testing.TB) []row {
	return []row{
		ok("forward IPv4", udp(t, clientMAC, client4, server4), forward),
		ok("forward IPv6", udp(t, clientMAC, client6, server6), forward),
		ok("forward on-link", udp(t, routerMAC, server4, station4), forward),
		ok("punt own", udp(t, clientMAC, client4, gateway4), puntOwn),
		ok("punt own IPv6", udp(t, clientMAC, client6, gateway6), puntOwn),
		ok("punt ARP", arpFrame(arpRequest, clientMAC, anyoneMAC, client4, clientMAC, gateway4), puntOwn),
		ok("punt answer", answerARP(router4, routerMAC), puntOwn),
		ok("punt advertisement", answerND(router6, routerMAC), puntOwn),
		ok("punt intercept", syn(t, clientMAC, client4, server4, 110), puntIntercept),
		ok("punt intercept IPv6", syn(t, clientMAC, client6, server6, 110), puntIntercept),
		bad("drop not for us", udpTo(t, stationMAC), NotForUs),
		bad("drop martian", udp(t, clientMAC, client4, "127.0.0.1"), Martian),
		bad("drop malformed", []byte{1, 2, 3}, Malformed),
		bad("drop forged", answerARP(router4, stationMAC), ForgedNeighbour),
		bad("drop unresolved", udp(t, routerMAC, server4, "192.168.1.77"), Unresolved),
		bad("too big", stream(t, client4, server4, 2000), TooBig),
		bad("too big IPv6", stream(t, client6, server6, 2000), TooBig),
		bad("time exceeded", ttl(udp(t, clientMAC, client4, server4), 1), TTLExpired),
		bad("time exceeded IPv6", ttl(udp(t, clientMAC, client6, server6), 1), TTLExpired),
	}
}

func udpTo(t testing.TB, to mac) []byte {
	b := udp(t, clientMAC, client4, server4)
	copy(b[virtioLen:], to[:])
	return b
}

// A batch leaves with one write and one call for each door, in order, and is counted once.
func TestBatch(t *testing.T) {
	g := newGateway(t, testConfig())
	learn(t, g, station4, stationMAC)
	*g.host, *g.port, g.totals = fakeHost{}, fakePort{}, totals{}
	var frames [][]byte
	want := map[fate]int{}
	for _, r := range kinds(t) {
		frames = append(frames, r.frame)
		want[r.fate]++
	}
	g.handle(frames...)
	c := g.Counters()
	balanced(t, c)
	if int(c.Forwarded) != want[forward] || int(c.PuntedOwn) != want[puntOwn] || int(c.PuntedIntercept) != want[puntIntercept] {
		t.Errorf("counted %+v, want %v", c, want)
	}
	if g.host.calls != 2 || len(g.host.own) != want[puntOwn] || len(g.host.intercepted) != want[puntIntercept] {
		t.Errorf("%d calls, %d own, %d intercepted", g.host.calls, len(g.host.own), len(g.host.intercepted))
	}
	checkForwarded(t, frames[0], g.port.sent[0], routerMAC)
	checkForwarded(t, frames[1], g.port.sent[1], routerMAC)
	checkForwarded(t, frames[2], g.port.sent[2], stationMAC)
	if !bytes.Equal(g.host.own[0], frames[3]) || !bytes.Equal(g.host.intercepted[0], frames[8]) {
		t.Error("a punted frame was changed")
	}
	bytesIn := uint64(0)
	for _, b := range frames {
		bytesIn += uint64(max(0, len(b)-virtioLen))
	}
	if c.ReceivedBytes != bytesIn || c.ForwardedBytes != uint64(len(frames[0])+len(frames[1])+len(frames[2])-3*virtioLen) {
		t.Errorf("%d octets received, want %d; %d forwarded", c.ReceivedBytes, bytesIn, c.ForwardedBytes)
	}
}

// Nothing on the way of a frame allocates.
func TestNoAllocation(t *testing.T) {
	web := segmentTo(t, false, 80, 3000)
	for _, r := range append(
		kinds(t), ok("forward in fragments", big(t, nil, 0, 3000), forward),
		ok("first fragment of TCP", piece(t, web, false, true, 0, 0, 1400), forward),
		bad("later fragment of TCP", piece(t, web, false, true, 1400, 1400, 2800), TCPFragment),
	) {
		t.Run(r.name, func(t *testing.T) {
			g := newGateway(t, testConfig())
			learn(t, g, station4, stationMAC)
			g.port.mute, g.host.mute = true, true
			// With a clock that runs the limits of ICMP errors let some through.
			run := func() {
				g.time = g.time.Add(time.Second)
				g.handle(r.frame, r.frame)
			}
			run()
			if n := testing.AllocsPerRun(200, run); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

// A panic costs the frame that caused it.
func TestPanicCostsOneFrame(t *testing.T) {
	var lines bytes.Buffer
	c := testConfig()
	c.Log = slog.New(slog.NewTextHandler(&lines, nil))
	g := newGateway(t, c)
	good := udp(t, clientMAC, client4, server4)
	for i := range 5 {
		g.q.sizes[i] = copy(g.q.bufs[i], good)
	}
	g.q.sizes[1], g.q.sizes[4] = frameRoom+1, -1 // a device that lies
	g.q.handle(5)
	n := g.Counters()
	balanced(t, n)
	if n.Forwarded != 3 || n.Dropped[Panic] != 2 {
		t.Errorf("%d forwarded, %d panics", n.Forwarded, n.Dropped[Panic])
	}
	if got := strings.Count(lines.String(), "panic over a frame"); got != 1 {
		t.Errorf("%d lines in the log:\n%s", got, &lines)
	}
}

// What the device does not take is dropped with a reason.
func TestWriteErrors(t *testing.T) {
	g := newGateway(t, testConfig())
	g.port.refuse = 2
	frame := udp(t, clientMAC, client4, server4)
	g.handle(frame, frame, frame)
	c := g.Counters()
	balanced(t, c)
	if c.Forwarded != 1 || c.Dropped[WriteError] != 2 || c.ForwardedBytes != uint64(len(frame)-virtioLen) {
		t.Errorf("%+v", c)
	}
	g.handle(ttl(frame, 1))
	if c := g.Counters(); c.ICMPErrorsSent != 0 {
		t.Error("an error that the device refused counts as sent")
	}
}

// Run asks for the routers at once, forwards, and ends when its ports are closed.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, err := New(testConfig())
		if err != nil {
			t.Fatal(err)
		}
		one := &fakePort{frames: make(chan []byte)}
		two := &fakePort{frames: make(chan []byte), errors: []error{errors.New("in passing"), io.ErrShortBuffer}}
		host := &fakeHost{}
		done := make(chan error)
		go func() { done <- f.Run(t.Context(), host, []Port{one, two}) }()
		synctest.Wait()
		if got := asked(t, one.written()); len(got) != 2 {
			t.Errorf("asked %v", got)
		}
		one.frames <- answerARP(router4, routerMAC)
		two.frames <- answerND(router6, routerMAC)
		synctest.Wait()
		frame := udp(t, clientMAC, client6, server6)
		two.frames <- frame
		two.frames <- udp(t, routerMAC, server6, station6)
		synctest.Wait()
		checkForwarded(t, frame, two.written()[0], routerMAC)
		if got := asked(t, one.written()); len(got) != 3 {
			t.Errorf("an unresolved destination was not asked for at once: %v", got)
		}
		time.Sleep(31 * time.Second) // of the bubble's clock
		if c := f.Counters(); c.NeighbourRequests < 6 || c.ReadErrors != 2 {
			t.Errorf("%d requests, %d read errors", c.NeighbourRequests, c.ReadErrors)
		}
		close(one.frames)
		synctest.Wait()
		select {
		case <-done:
			t.Error("Run returned while a port is open")
		default:
		}
		close(two.frames)
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		balanced(t, f.Counters())
	})
}

// After a batch of superframes a few are asked for at once, and after small ones a whole batch again.
func TestBatchFitsCache(t *testing.T) {
	full := func(n, size int) []int {
		sizes := make([]int, n)
		for i := range sizes {
			sizes[i] = size
		}
		return sizes
	}
	for _, c := range []struct {
		name  string
		sizes []int
		want  int
	}{
		{"nothing read", nil, batch},
		{"cut to nothing", []int{0}, batch},
		{"acknowledgements", full(batch, 64), batch},
		{"full frames", full(batch, 1514), batch},
		{"superframes", full(batch, 1<<16), 2},
		{"one superframe", full(1, frameRoom), 1},
		{"superframes and acknowledgements", append(full(4, 1<<16), full(28, 64)...), 15},
	} {
		if got := nextBatch(c.sizes); got != c.want {
			t.Errorf("after %s: %d frames, want %d", c.name, got, c.want)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		f, err := New(testConfig())
		if err != nil {
			t.Fatal(err)
		}
		port := &fakePort{frames: make(chan []byte)}
		go func() { _ = f.Run(t.Context(), &fakeHost{}, []Port{port}) }() // ends with the port
		synctest.Wait()
		for i, frame := range [][]byte{make([]byte, frameRoom), make([]byte, 64), nil} {
			if want := []int{batch, 1, batch}[i]; port.room() != want {
				t.Errorf("read %d: room for %d frames, want %d", i, port.room(), want)
			}
			if frame != nil {
				port.frames <- frame
				synctest.Wait()
			}
		}
		close(port.frames)
		synctest.Wait()
	})
}

// A context that ends stops a loop whose device has only errors.
func TestRunEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, err := New(testConfig())
		if err != nil {
			t.Fatal(err)
		}
		broken := &fakePort{errors: make([]error, 1000)}
		for i := range broken.errors {
			broken.errors[i] = io.ErrUnexpectedEOF
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := f.Run(ctx, &fakeHost{}, []Port{broken}); err != nil {
			t.Errorf("Run: %v", err)
		}
		if n := f.Counters().ReadErrors; n < 20 || n > 40 {
			t.Errorf("%d reads in 20 s", n)
		}
		if err := f.Run(t.Context(), &fakeHost{}, nil); err == nil {
			t.Error("Run without a port")
		}
	})
}

func TestReasonNames(t *testing.T) {
	seen := map[string]bool{}
	for r := range reasons {
		name := r.String()
		if name == "" || seen[name] || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Errorf("reason %d is %q", r, name)
		}
		seen[name] = true
	}
	if Reason(200).String() != "reason(200)" {
		t.Errorf("%v", Reason(200))
	}
}
