package forwarder

import (
	"fmt"
	"testing"

	"github.com/google/gopacket/layers"
)

// BenchmarkFrame measures one frame of each kind from the buffer it was read into to the call that takes it, in batches.
func BenchmarkFrame(b *testing.B) {
	list := kinds(b)
	list = append(list, ok("forward 1500", packetOver(b, clientMAC, gatewayMAC, client4, server4, layers.IPProtocolUDP, &layers.UDP{DstPort: 9}, make([]byte, 1472)), forward),
		ok("punt intercept 1500", packetOver(b, clientMAC, gatewayMAC, client4, server4, layers.IPProtocolTCP, &layers.TCP{DstPort: 110, ACK: true}, make([]byte, 1460)), puntIntercept))
	for _, r := range list {
		b.Run(fmt.Sprintf("%s/%d", r.name, len(r.frame)), func(b *testing.B) {
			g := newGateway(b, testConfig())
			learn(b, g, station4, stationMAC)
			g.port.mute, g.host.mute = true, true
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i += batch {
				for j := range batch { // forwarding changed the headers
					g.q.sizes[j] = len(r.frame)
					copy(g.q.bufs[j][:min(l3+64, len(r.frame))], r.frame)
					if i == 0 {
						copy(g.q.bufs[j], r.frame)
					}
				}
				g.q.handle(batch)
			}
		})
	}
}
