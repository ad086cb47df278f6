package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"mirrorgw/testnet"
)

const (
	// pingInterval leaves no queue anywhere on an idle network.
	pingInterval = 10 * time.Millisecond

	// loadLead is how much longer than the pings the load lasts: its beginning and end are not measured.
	loadLead = 2 * time.Second
)

// addRoundTrip adds what is measured of round trips, on an idle network and beside a TCP upload.
func (b *bench) addRoundTrip(ctx context.Context) error {
	if err := b.serveIperf(ctx); err != nil {
		return err
	}
	var base float64 // median of the same round without a gateway, which is the first of the ways
	b.add(measure{
		name: "ping, idle", ways: []way{direct, kernel, bare, offload},
		figures: []*figure{
			{name: "ping, idle, p50", unit: microseconds},
			{name: "ping, idle, p99", unit: microseconds},
			{name: "ping, idle, p50 added by the gateway", unit: microseconds, aims: []aim{{peer: bare, most: true, limit: 1.3}}},
		},
		take: func(ctx context.Context, w way) ([]float64, error) {
			times, err := b.ping(ctx)
			if err != nil {
				return nil, err
			}
			if w == direct {
				base = times.median()
			}
			return []float64{times.median(), times.percentile(99), times.median() - base}, nil
		},
	})
	b.add(measure{
		name: "ping, under load", ways: []way{kernel, bare, offload}, take: b.pingUnderLoad,
		figures: []*figure{
			{name: "ping beside TCP upload, p50", unit: microseconds},
			{name: "ping beside TCP upload, p99", unit: microseconds},
		},
	})
	return nil
}

// pingUnderLoad pings while an upload goes on.
func (b *bench) pingUnderLoad(ctx context.Context, _ way) ([]float64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	loaded := make(chan error, 1)
	// Ends with the upload, which is waited for.
	go func() {
		_, err := b.transferFor(ctx, time.Duration(b.pings)*pingInterval+loadLead)
		loaded <- err
	}()
	begun := time.NewTimer(loadLead / 4)
	defer begun.Stop()
	select {
	case <-begun.C:
	case err := <-loaded:
		return nil, fmt.Errorf("the load ended at once: %w", err)
	}
	times, err := b.ping(ctx)
	if err != nil {
		cancel()
		<-loaded
		return nil, err
	}
	if err := <-loaded; err != nil {
		return nil, err
	}
	return []float64{times.median(), times.percentile(99)}, nil
}

// ping returns round trips in seconds. Lost ones are missing.
func (b *bench) ping(ctx context.Context) (series, error) {
	interval := strconv.FormatFloat(pingInterval.Seconds(), 'f', -1, 64)
	out, err := b.lab.Client.Output(ctx, "ping", "-n", "-c", strconv.Itoa(b.pings), "-i", interval, testnet.WebIPv4.String())
	if err != nil {
		return nil, err
	}
	return roundTrips(string(out))
}

// roundTrips reads the output of ping(8), in seconds.
func roundTrips(out string) (series, error) {
	var times series
	for line := range strings.Lines(out) {
		_, rest, found := strings.Cut(line, " time=")
		if !found {
			continue
		}
		text, _, _ := strings.Cut(rest, " ms")
		ms, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("ping: line %q: %w", line, err)
		}
		times = append(times, ms/1000)
	}
	if len(times) == 0 {
		return nil, fmt.Errorf("ping: no answer: %q", out)
	}
	return times, nil
}
