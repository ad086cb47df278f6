package forwarder

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// adverts picks the router advertisements out of frames and checks each.
func adverts(t *testing.T, frames [][]byte) (lifetimes []uint16) {
	t.Helper()
	for _, b := range frames {
		p := gopacket.NewPacket(b[virtioLen:], layers.LayerTypeEthernet, gopacket.Default)
		ra, ok := p.Layer(layers.LayerTypeICMPv6RouterAdvertisement).(*layers.ICMPv6RouterAdvertisement)
		if !ok {
			continue
		}
		ip := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
		var seen packet
		seen.parse(b)
		if p.ErrorLayer() != nil || ip.HopLimit != 255 || seen.from != addr(gatewayLocal) || seen.to != allNodes || seen.dst != allNodesMAC ||
			seen.src != gatewayMAC || seen.fault != Undecided || !seen.intact() {
			t.Fatalf("advertisement %v", p)
		}
		if len(ra.Options) != 1 || ra.Options[0].Type != layers.ICMPv6OptSourceAddress || !bytes.Equal(ra.Options[0].Data, gatewayMAC[:]) {
			t.Errorf("options %v", ra.Options)
		}
		if ra.HopLimit != 0 || ra.ReachableTime != 0 || ra.RetransTimer != 0 || ra.Flags != 0x08 {
			t.Errorf("advertises hop limit %d, flags %x, times %d, %d", ra.HopLimit, ra.Flags, ra.ReachableTime, ra.RetransTimer)
		}
		lifetimes = append(lifetimes, ra.RouterLifetime)
	}
	return lifetimes
}

// running is a Forwarder in a bubble whose clock stands still while all wait.
func running(t *testing.T, c Config, script func(f *Forwarder, port *fakePort)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		port := &fakePort{frames: make(chan []byte)}
		done := make(chan error)
		go func() { done <- f.Run(t.Context(), &fakeHost{}, []Port{port}) }()
		synctest.Wait()
		script(f, port)
		close(port.frames)
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func advertising() Config {
	c := testConfig()
	c.Advertise = Advertise{Enabled: true, Interval: time.Minute, Preference: High}
	return c
}

// RFC 4861 section 6.2.4: three advertisements soon, then one within each interval; section 6.2.5: the last says that it is over.
func TestAdvertise(t *testing.T) {
	running(t, advertising(), func(f *Forwarder, port *fakePort) {
		if got := adverts(t, port.written()); !slices.Equal(got, []uint16{180}) {
			t.Errorf("at once: %v", got)
		}
		time.Sleep(initialAdvertInterval * 2)
		synctest.Wait()
		if got := adverts(t, port.written()); len(got) != 3 {
			t.Errorf("after 32 s: %v", got)
		}
		for n := range 20 {
			before := len(adverts(t, port.written()))
			time.Sleep(time.Minute)
			synctest.Wait()
			if got := len(adverts(t, port.written())) - before; got < 1 || got > 3 {
				t.Errorf("minute %d: %d advertisements", n, got)
			}
		}
		f.Withdraw()
		list := adverts(t, port.written())
		if list[len(list)-1] != 0 || slices.Contains(list[:len(list)-1], 0) {
			t.Errorf("lifetimes %v", list)
		}
		if c := f.Counters(); c.Advertisements != uint64(len(list)) {
			t.Errorf("%d counted, %d sent", c.Advertisements, len(list))
		}
		time.Sleep(time.Hour)
		f.Withdraw()
		if got := adverts(t, port.written()); len(got) != len(list) {
			t.Errorf("%d advertisements after the withdrawal", len(got)-len(list))
		}
	})
}

// RFC 4861 section 6.2.6: solicitations are answered within half a second, but no more often than every three.
func TestSolicitedAdvertisement(t *testing.T) {
	c := advertising()
	c.Advertise.Interval = 30 * time.Minute
	solicitation := icmp6(clientMAC, allRoutersMAC, "fe80::10", "ff02::2", ndHopLimit, slices.Concat([]byte{ndRouterSolicitation, 0, 0, 0, 0, 0, 0, 0, ndSourceAddress, 1}, clientMAC[:]))
	unspecified := icmp6(clientMAC, allRoutersMAC, "::", "ff02::2", ndHopLimit, []byte{ndRouterSolicitation, 0, 0, 0, 0, 0, 0, 0})
	running(t, c, func(f *Forwarder, port *fakePort) {
		time.Sleep(10 * time.Second)
		for _, ask := range [][]byte{solicitation, unspecified} {
			time.Sleep(betweenAdverts)
			before := len(adverts(t, port.written()))
			port.frames <- ask
			time.Sleep(answerDelay)
			synctest.Wait()
			if got := len(adverts(t, port.written())) - before; got != 1 {
				t.Errorf("%d answers to one solicitation", got)
			}
		}
		before := len(adverts(t, port.written()))
		for range 1000 {
			port.frames <- solicitation
			time.Sleep(10 * time.Millisecond) // 10 s in all
		}
		synctest.Wait()
		if got := len(adverts(t, port.written())) - before; got < 2 || got > 4 {
			t.Errorf("%d answers to 1,000 solicitations in 10 s", got)
		}
		if n := f.Counters(); n.Dropped[RouterDiscovery] != 1002 || n.PuntedOwn != 0 {
			t.Errorf("counted %+v", n)
		}
		time.Sleep(5 * time.Second)
		before = len(adverts(t, port.written()))
		port.frames <- ttl(solicitation, 254)
		time.Sleep(5 * time.Second)
		if got := len(adverts(t, port.written())) - before; got != 0 {
			t.Errorf("%d answers to a solicitation from further away", got)
		}
	})
}

// Off by default: nothing is advertised, and who looks for routers is not heard. Who else advertises is asked for, three times.
func TestAdvertisingIsOff(t *testing.T) {
	solicitation := icmp6(clientMAC, allRoutersMAC, "fe80::10", "ff02::2", ndHopLimit, []byte{ndRouterSolicitation, 0, 0, 0, 0, 0, 0, 0})
	running(t, testConfig(), func(f *Forwarder, port *fakePort) {
		port.frames <- solicitation
		time.Sleep(time.Hour)
		f.Withdraw()
		if got := adverts(t, port.written()); len(got) != 0 {
			t.Errorf("advertised %v", got)
		}
		if n := f.Counters().Dropped[Multicast]; n != 1 {
			t.Errorf("%d solicitations dropped as multicast", n)
		}
		asked := 0
		for _, b := range port.written() {
			if binary.BigEndian.Uint16(b[virtioLen+12:]) != etherIPv6 || b[l3+ipv6Len] != ndRouterSolicitation {
				continue
			}
			asked++
			var p packet
			p.parse(b)
			if p.from != addr(gatewayLocal) || p.to != allRouters || p.dst != allRoutersMAC || p.ttl != 255 || !p.intact() {
				t.Errorf("solicitation % x", b)
			}
		}
		if asked != solicitations {
			t.Errorf("%d solicitations", asked)
		}
	})
}

func TestAdvertiseRefuses(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Addresses = c.Addresses[:2]; c.Routers = c.Routers[:1] }, "needs a link-local address"},
		{func(c *Config) { c.Advertise.Interval = 3 * time.Second }, "advertising every 3s is not within 4s to 30m0s"},
		{func(c *Config) { c.Advertise.Interval = time.Hour }, "advertising every 1h0m0s is not within"},
		{func(c *Config) { c.Advertise.Lifetime = time.Second }, "advertising a lifetime of 1s is not within 1m0s to 2h30m0s"},
		{func(c *Config) { c.Advertise.Lifetime = 3 * time.Hour }, "advertising a lifetime of 3h0m0s"},
		{func(c *Config) { c.Advertise.Preference = 2 }, "advertising preference 2 is none"},
	} {
		cfg := advertising()
		c.change(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New: %v, want %q", err, c.want)
		}
	}
}
