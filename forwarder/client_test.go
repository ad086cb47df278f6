package forwarder

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/gopacket/layers"
)

func ack(t testing.TB, from, to string) []byte {
	t.Helper()
	return packetOver(t, clientMAC, gatewayMAC, from, to, layers.IPProtocolTCP, &layers.TCP{SrcPort: 40000, DstPort: 110, ACK: true}, nil)
}

// Requirement B4: one client that finishes no handshake is slowed down, and no other with it.
func TestSYNLimit(t *testing.T) {
	for _, c := range []struct{ flooder, other, server string }{{client4, station4, server4}, {client6, station6, server6}} {
		g := newGateway(t, testConfig())
		flood, other := syn(t, clientMAC, c.flooder, c.server, 110), syn(t, stationMAC, c.other, c.server, 110)
		served := 0
		for i := range 50_000 { // 5,000 a second for 10 s
			g.time = g.time.Add(200 * time.Microsecond)
			g.handle(flood)
			if i%500 == 0 {
				g.host.intercepted = nil
				g.handle(other)
				served += len(g.host.intercepted)
			}
		}
		n := g.Counters()
		balanced(t, n)
		if served != 100 {
			t.Errorf("%s: %d of 100 SYNs of another client were let in", c.flooder, served)
		}
		let := n.PuntedIntercept - 100
		if let < 10*synsPerSecond || let > 10*synsPerSecond+synBurst || n.Dropped[SYNLimit] != 50_000-let {
			t.Errorf("%s: %d SYNs of the flood were let in, %d counted as over the limit", c.flooder, let, n.Dropped[SYNLimit])
		}
	}
}

// A client that finishes its handshakes is not limited, however fast it is; what it is given in advance is bounded.
func TestSYNLimitSparesWhoFinishes(t *testing.T) {
	g := newGateway(t, testConfig())
	open, finish := syn(t, clientMAC, client4, server4, 110), ack(t, client4, server4)
	g.port.mute, g.host.mute = true, true
	for range 20_000 / 64 {
		for range 64 {
			g.time = g.time.Add(10 * time.Microsecond)
			g.handle(open)
		}
		for range 64 {
			g.handle(finish, finish)
		}
	}
	if n := g.Counters().Dropped[SYNLimit]; n != 0 {
		t.Errorf("%d SYNs dropped", n)
	}
	for range 10 * synBurst {
		g.handle(finish)
	}
	for range 10 * synBurst {
		g.handle(open)
	}
	if n := g.Counters().Dropped[SYNLimit]; n != 9*synBurst {
		t.Errorf("%d SYNs dropped", n)
	}
}

// Segments that open nothing are never limited.
func TestOnlySYNsAreLimited(t *testing.T) {
	g := newGateway(t, testConfig())
	open := syn(t, clientMAC, client4, server4, 110)
	for range 2 * synBurst {
		g.handle(open)
	}
	for _, tcp := range []*layers.TCP{
		{DstPort: 110, ACK: true}, {DstPort: 110, RST: true}, {DstPort: 110, FIN: true, ACK: true}, {DstPort: 110, SYN: true, ACK: true},
	} {
		g.handle(open)
		frame := packetOver(t, clientMAC, gatewayMAC, client4, server4, layers.IPProtocolTCP, tcp, nil)
		check(t, g, []row{ok("segment", frame, puntIntercept)})
	}
}

// A flood from any number of forged clients costs a bounded table.
func TestSYNFloodOfForgedClients(t *testing.T) {
	g := newGateway(t, testConfig())
	g.port.mute, g.host.mute = true, true
	frame := syn(t, clientMAC, client6, server6, 110)
	frame[0] = dataValid
	for i := range 100_000 {
		binary.BigEndian.PutUint32(frame[l3+20:], uint32(i)+1000)
		g.handle(frame)
	}
	if n := len(g.clients.entries); n > maxClients {
		t.Errorf("%d clients", n)
	}
	if g.Counters().PuntedIntercept != 100_000 {
		t.Errorf("counted %+v", g.Counters())
	}
}
