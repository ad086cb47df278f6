package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"syscall"

	"mirrorgw/testnet"
)

// fewIdle is how many idle sessions are measured on every way, and first.
const fewIdle = 1000

// otherFiles is how many files this program has open, at most, that are no idle session.
const otherFiles = 500

// addIdle adds what an idle session takes of memory in the mirror's place: of some, on every way, and of as many as were asked for.
func (b *bench) addIdle(ctx context.Context) error {
	load, err := b.mailLoad(ctx)
	if err != nil {
		return err
	}
	load.Concurrency = b.concurrency
	counts := []int{min(fewIdle, b.options.idle)}
	many, err := b.mostIdle()
	if err != nil {
		return err
	}
	if many > fewIdle {
		counts = append(counts, many)
	}
	m := measure{
		name: "idle sessions", ways: []way{nginx, dovecot, perdition, relay, offload}, page: mailPage,
		take: func(ctx context.Context, w way) ([]float64, error) { return b.idleMemory(ctx, w, load, counts) },
	}
	for _, n := range counts {
		m.figures = append(m.figures, &figure{
			name: fmt.Sprintf("%d idle sessions: memory of each", n), unit: kibibytes, aims: []aim{{alone: true, most: true, limit: 128 << 10}},
		})
	}
	b.add(m)
	return nil
}

// mostIdle is how many idle sessions were asked for, or how many this process may have.
func (b *bench) mostIdle() (int, error) {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return 0, os.NewSyscallError("getrlimit", err)
	}
	if room := int(min(files.Cur, math.MaxInt32)) - otherFiles; room < b.options.idle {
		b.tell("a process may have %d files open here: %d idle sessions in place of %d", files.Cur, room, b.options.idle)
		return room, nil
	}
	return b.options.idle, nil
}

// idleMemory has sessions log in and stay until there are as many as each of counts, and returns what the memory of the process in
// the mirror's place grew by for each. Of mail proxies it leaves out all counts but the first: they serve so many in a few processes, which
// may not have as many files open, or in a process for each.
func (b *bench) idleMemory(ctx context.Context, w way, load testnet.POP3Load, counts []int) (each []float64, err error) {
	load.Server = w.server(load.Server)
	before, err := residentMemory(b.process.PID())
	if err != nil {
		return nil, err
	}
	var all []*testnet.POP3Idle
	defer func() {
		for _, idle := range all {
			err = errors.Join(err, idle.Close())
		}
	}()
	open := 0
	for i, n := range counts {
		if i > 0 && w.isProxy() {
			each = append(each, math.NaN())
			continue
		}
		load.Sessions = n - open
		idle, err := load.Open(ctx, b.lab.Client)
		all = append(all, idle)
		if err != nil {
			return nil, err
		}
		open = n
		after, err := residentMemory(b.process.PID())
		if err != nil {
			return nil, err
		}
		each = append(each, (after-before)/float64(open))
	}
	for _, idle := range all {
		if err := idle.Quit(ctx); err != nil {
			return nil, err
		}
	}
	return each, nil
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
