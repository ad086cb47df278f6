package main

import (
	"context"
	"fmt"

	"mirrorgw/testnet"
)

// largeConcurrency is how many large mails are on their way at a time.
const largeConcurrency = 4

// addLarge adds the rate at which mails of 10 MB go through.
func (b *bench) addLarge(ctx context.Context) error {
	load, err := b.mailLoad(ctx)
	if err != nil {
		return err
	}
	load.Concurrency, load.Sessions = largeConcurrency, b.options.large
	for i, kind := range largeKinds() {
		load := load
		load.First = smallMails + i + 1
		load.Mails = b.mails[smallMails+i : smallMails+i+1]
		b.addLargeKind("10 MB, "+kind.name, load)
	}
	return nil
}

func (b *bench) addLargeKind(name string, load testnet.POP3Load) {
	b.add(measure{
		name: name, ways: append(mailPeers(), offload, manyRules), page: mailPage,
		figures: []*figure{
			{name: name, unit: megabytes, aims: []aim{{alone: true, limit: 120e6}}},
			{name: fmt.Sprintf("%s: CPU for each GB", name), unit: cpuSeconds},
		},
		take: func(ctx context.Context, w way) ([]float64, error) {
			result, cpu, err := b.run(ctx, w, load)
			if err != nil {
				return nil, err
			}
			octets := float64(len(load.Mails[0].Data))
			return []float64{result.Rate() * octets, cpu / (float64(result.Done) * octets) * 1e9}, nil
		},
	})
}
