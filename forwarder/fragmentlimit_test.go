package forwarder

import (
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// Fragments for the gateway reach the host at a rate that bounds what it keeps of datagrams that never become whole; those that
// are forwarded are no business of this limit.
func TestFragmentsForTheGatewayAreLimited(t *testing.T) {
	g := newGateway(t, testConfig())
	orphan := func(to string, id uint16) []byte {
		b := gopacket.NewSerializeBuffer()
		if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
			&layers.Ethernet{SrcMAC: clientMAC[:], DstMAC: gatewayMAC[:], EthernetType: layers.EthernetTypeIPv4},
			&layers.IPv4{
				Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, Flags: layers.IPv4MoreFragments, FragOffset: 10, Id: id,
				SrcIP: addr(client4).AsSlice(), DstIP: addr(to).AsSlice(),
			}, gopacket.Payload(make([]byte, 800)),
		); err != nil {
			t.Fatal(err)
		}
		return append(make([]byte, virtioLen), b.Bytes()...)
	}
	for i := range 200 {
		g.handle(orphan(gateway4, uint16(i)), orphan(server4, uint16(i)))
	}
	c := g.Counters()
	if c.PuntedOwn != fragmentsBurst || c.Dropped[FragmentLimit] != 200-fragmentsBurst || c.Forwarded != 200 {
		t.Errorf("of 200 at once: %d for the host, %d over the limit; %d forwarded", c.PuntedOwn, c.Dropped[FragmentLimit], c.Forwarded)
	}
	g.time = g.time.Add(time.Second)
	for i := range 200 {
		g.handle(orphan(gateway4, uint16(i)))
	}
	if c := g.Counters(); c.PuntedOwn != fragmentsBurst+fragmentsPerSecond {
		t.Errorf("a second later: %d for the host", c.PuntedOwn)
	}
}
