package main

import (
	"context"
	"math"
)

// addUpload adds what is measured of a TCP upload: its rate, and what it costs the process that forwards.
func (b *bench) addUpload(ctx context.Context) error {
	if err := b.serveIperf(ctx); err != nil {
		return err
	}
	b.add(measure{
		name: "TCP upload", ways: []way{kernel, bare, offload, plain}, take: b.upload,
		figures: []*figure{
			{name: "TCP upload", unit: gigabits, aims: []aim{{peer: kernel, limit: 0.55}, {peer: bare, limit: 0.95}}},
			{name: "CPU for each GB of it", unit: cpuSeconds},
		},
	})
	return nil
}

// upload sends for a while from the client and returns what arrived, in bit/s, and the CPU time in seconds that the process in the
// mirror's place took for 10^9 octets of it. What the kernel takes to forward cannot be told from the rest of what it does.
func (b *bench) upload(ctx context.Context, _ way) ([]float64, error) {
	before, err := b.cpuTime()
	if err != nil {
		return nil, err
	}
	t, err := b.transferFor(ctx, b.options.upload)
	if err != nil {
		return nil, err
	}
	after, err := b.cpuTime()
	return []float64{t.rate, (after - before) / t.bytes * 1e9}, err
}

// cpuTime is what the process that forwards has taken so far, in seconds; not a number without one.
func (b *bench) cpuTime() (float64, error) {
	if b.process == nil {
		return math.NaN(), nil
	}
	return cpuTime(b.process.PID())
}
