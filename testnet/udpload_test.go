package testnet_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"mirrorgw/testnet"
)

// What is sent over a quiet network arrives, at the rate it should, over both families.
func TestUDPLoad(t *testing.T) {
	testnet.CheckLeaks(t)
	l := newLab(t)
	counter, err := l.Client.CountUDP(t.Context(), 9)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Client.CountUDP(t.Context(), 9); err == nil {
		t.Error("a second counter at the same port")
	}
	counted := 0
	for _, to := range []netip.Addr{testnet.ClientIPv4, testnet.ClientIPv6} {
		load := testnet.UDPLoad{To: netip.AddrPortFrom(to, 9), Size: 1400, Flows: 3, Rate: 2000, Time: 500 * time.Millisecond}
		result, err := load.Run(t.Context(), l.Router)
		if err != nil {
			t.Fatal(err)
		}
		total, err := counter.Settled(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// A busy machine keeps the sender back; nothing makes it faster.
		if n := total - counted; n != result.Sent || n < 100 || n > 1010 || result.Took < load.Time {
			t.Errorf("%s: %d arrived of %+v", to, n, result)
		}
		counted = total
	}
	// At another port nobody is, as ICMP says.
	elsewhere := testnet.UDPLoad{To: netip.AddrPortFrom(testnet.ClientIPv4, 10), Flows: 1, Rate: 1000, Time: 200 * time.Millisecond}
	if result, err := elsewhere.Run(t.Context(), l.Router); err != nil || result.Sent == 0 {
		t.Errorf("to a closed port: %+v, %v", result, err)
	}
	if total, err := counter.Count(t.Context()); total != counted || err != nil {
		t.Errorf("what went elsewhere was counted: %d, %d before, %v", total, counted, err)
	}
	if err := counter.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if total, err := counter.Count(t.Context()); err == nil {
		t.Errorf("a counter that is closed says %d", total)
	}
}

// A load without a rate is as fast as it can be, and ends with its context.
func TestUDPLoadEnds(t *testing.T) {
	testnet.CheckLeaks(t)
	l := newLab(t)
	counter, err := l.Client.CountUDP(t.Context(), 9)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	load := testnet.UDPLoad{To: netip.AddrPortFrom(testnet.ClientIPv4, 9), Size: 18, Time: time.Hour}
	result, err := load.Run(ctx, l.Router)
	if !errors.Is(err, context.DeadlineExceeded) || result.Sent < 1000 {
		t.Errorf("%+v, %v", result, err)
	}
	total, err := counter.Settled(t.Context())
	if err != nil || total == 0 || total > result.Sent {
		t.Errorf("%d arrived of %d, %v", total, result.Sent, err)
	}
	for _, load := range []testnet.UDPLoad{{Size: -1}, {Size: 65508}, {Flows: -1}, {Flows: 1025}, {Rate: -1}} {
		load.To, load.Time = netip.AddrPortFrom(testnet.ClientIPv4, 9), time.Hour
		if _, err := load.Run(ctx, l.Router); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%+v: %v", load, err)
		}
	}
}
