package main

import (
	"context"
	"fmt"
	"net/netip"

	"mirrorgw/testnet"
)

const (
	discardPort = 9 // RFC 863

	// smallPayload makes an Ethernet frame of 64 octets, check sequence included: the shortest there is.
	smallPayload = 18
	largePayload = 1400
)

// addPackets counts UDP at the internet's end and adds what is measured of datagrams.
func (b *bench) addPackets(ctx context.Context) error {
	counter, err := b.lab.Internet.CountUDP(ctx, discardPort)
	if err != nil {
		return err
	}
	b.closers = append(b.closers, counter.Close)
	b.addDatagrams(counter, "UDP, frames of 64 octets", smallPayload, []aim{{peer: kernel, limit: 0.6}}, []aim{{alone: true, most: true, limit: 0.001}})
	b.addDatagrams(counter, "UDP, 1,400 octets", largePayload, nil, nil)
	return nil
}

// addDatagrams adds the delivered rate, the CPU time that the process in the mirror's place takes for a million that are delivered, and the
// loss at half that rate, for one size.
func (b *bench) addDatagrams(counter *testnet.UDPCounter, name string, size int, rateAims, lossAims []aim) {
	b.add(measure{
		name: name, ways: []way{kernel, bare, offload},
		figures: []*figure{
			{name: name, unit: perSecond, aims: rateAims},
			{name: name + ": CPU for each million", unit: cpuSeconds},
			{name: name + ": loss at half that rate", unit: percent, aims: lossAims},
		},
		take: func(ctx context.Context, _ way) ([]float64, error) {
			load := testnet.UDPLoad{To: netip.AddrPortFrom(testnet.WebIPv4, discardPort), Size: size, Time: b.datagrams}
			before, err := b.cpuTime()
			if err != nil {
				return nil, err
			}
			full, err := b.offer(ctx, counter, load)
			if err != nil {
				return nil, err
			}
			after, err := b.cpuTime()
			if err != nil {
				return nil, err
			}
			load.Rate = full.rate() / 2
			half, err := b.offer(ctx, counter, load)
			if err != nil {
				return nil, err
			}
			b.tell("  %.0f/s offered at most, then %.0f/s", full.offered(), half.offered())
			return []float64{full.rate(), (after - before) / float64(full.delivered) * 1e6, half.loss()}, nil
		},
	})
}

// delivery is what became of a load.
type delivery struct {
	testnet.UDPLoadResult
	delivered int
}

// offer sends a load and counts what arrives.
func (b *bench) offer(ctx context.Context, counter *testnet.UDPCounter, load testnet.UDPLoad) (delivery, error) {
	before, err := counter.Settled(ctx)
	if err != nil {
		return delivery{}, err
	}
	sent, err := load.Run(ctx, b.lab.Client)
	if err != nil {
		return delivery{}, err
	}
	after, err := counter.Settled(ctx)
	d := delivery{UDPLoadResult: sent, delivered: after - before}
	if err == nil && d.delivered <= 0 {
		err = fmt.Errorf("nothing arrived of %d datagrams", sent.Sent)
	}
	return d, err
}

// rate and offered are in datagrams per second.
func (d delivery) rate() float64    { return float64(d.delivered) / d.Took.Seconds() }
func (d delivery) offered() float64 { return float64(d.Sent) / d.Took.Seconds() }

// loss is a fraction of what was sent.
func (d delivery) loss() float64 { return 1 - float64(d.delivered)/float64(d.Sent) }
