package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"mirrorgw/testnet"
)

// addIdle adds what an idle session takes of memory in the mirror's place.
func (b *bench) addIdle(ctx context.Context) error {
	load, err := b.mailLoad(ctx)
	if err != nil {
		return err
	}
	load.Concurrency, load.Sessions = b.concurrency, b.options.idle
	name := fmt.Sprintf("%d idle sessions: memory of each", b.options.idle)
	b.add(measure{
		name: name, ways: []way{nginx, dovecot, perdition, offload}, page: mailPage,
		figures: []*figure{{name: name, unit: kibibytes, aims: []aim{{alone: true, most: true, limit: 128 << 10}}}},
		take:    func(ctx context.Context, w way) ([]float64, error) { return b.idleMemory(ctx, w, load) },
	})
	return nil
}

// idleMemory has sessions log in and stay, and returns what the memory of the process in the mirror's place grew by for each.
func (b *bench) idleMemory(ctx context.Context, w way, load testnet.POP3Load) (_ []float64, err error) {
	load.Server = w.server(load.Server)
	before, err := residentMemory(b.process.PID())
	if err != nil {
		return nil, err
	}
	idle, err := load.Open(ctx, b.lab.Client)
	defer func() { err = errors.Join(err, idle.Close()) }()
	if err != nil {
		return nil, err
	}
	after, err := residentMemory(b.process.PID())
	if err != nil {
		return nil, err
	}
	return []float64{(after - before) / float64(load.Sessions)}, nil
}

// residentMemory is what a process and all it has started have in memory, in octets. What several share counts once.
func residentMemory(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	sum, err := parseRollup(string(text))
	if err != nil {
		return 0, err
	}
	for _, child := range children(pid) {
		if m, err := residentMemory(child); err == nil { // else it has just ended
			sum += m
		}
	}
	return sum, nil
}

// parseRollup reads the proportional set size of proc(5), in octets.
func parseRollup(text string) (float64, error) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == "Pss:" {
			n, err := strconv.ParseUint(fields[1], 10, 64)
			if err != nil {
				return 0, fmt.Errorf("/proc/PID/smaps_rollup: %w", err)
			}
			return float64(n) * 1024, nil
		}
	}
	return math.NaN(), errors.New("/proc/PID/smaps_rollup: no Pss")
}
