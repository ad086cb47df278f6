package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"mirrorgw/testnet"
)

const (
	// uploadAim is the part of the kernel's throughput that the mirror shall reach with offload.
	uploadAim = 1.0 / 3

	// pings of one measurement, pingInterval apart: an idle network, and no queue anywhere.
	pings        = 200
	pingInterval = 10 * time.Millisecond

	// iperfLimit is how long iperf3 may take to listen.
	iperfLimit = 10 * time.Second
)

// addForwarding starts iperf3 in the internet and adds what is measured of forwarding.
func (b *bench) addForwarding(ctx context.Context) error {
	server, err := b.lab.Internet.Start("iperf3", "iperf3", "-s", "--forceflush", "-B", testnet.WebIPv4.String())
	if err != nil {
		return err
	}
	if err := waitForLog(ctx, server, "Server listening"); err != nil {
		return fmt.Errorf("iperf3: %w", err)
	}
	b.add(measure{name: "TCP upload", unit: gigabits, ways: ways(), aim: uploadAim, take: b.upload})
	b.add(measure{name: "ping, idle (less is better)", unit: microseconds, ways: []way{kernel, offload}, take: b.ping})
	return nil
}

// waitForLog waits until a program has written some words.
func waitForLog(ctx context.Context, p *testnet.Process, words string) error {
	ctx, cancel := context.WithTimeout(ctx, iperfLimit)
	defer cancel()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		log, err := p.Log()
		if err != nil {
			return err
		}
		if strings.Contains(log, words) {
			return nil
		}
		select {
		case <-poll.C:
		case <-p.Done():
			return fmt.Errorf("ended at once: %s", strings.TrimSpace(log))
		case <-ctx.Done():
			return fmt.Errorf("waiting for %q: %w", words, ctx.Err())
		}
	}
}

// upload sends for a while from the client and returns what arrived, in bit/s.
func (b *bench) upload(ctx context.Context) (float64, error) {
	seconds := strconv.Itoa(int(b.options.upload / time.Second))
	out, err := b.lab.Client.Output(ctx, "iperf3", "-c", testnet.WebIPv4.String(), "-t", seconds, "-J")
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, iperfError(out))
	}
	return uploadRate(out)
}

// iperfReport is what is read of the output of "iperf3 -J".
type iperfReport struct {
	Error string `json:"error"`
	End   struct {
		Received struct {
			Rate float64 `json:"bits_per_second"`
		} `json:"sum_received"`
	} `json:"end"`
}

// uploadRate is what the receiver counted, in bit/s: what the sender counts is partly still in its buffers.
func uploadRate(report []byte) (float64, error) {
	var r iperfReport
	if err := json.Unmarshal(report, &r); err != nil {
		return 0, fmt.Errorf("iperf3: report: %w", err)
	}
	if r.Error != "" || r.End.Received.Rate <= 0 {
		return 0, fmt.Errorf("iperf3: %q, %v bit/s", r.Error, r.End.Received.Rate)
	}
	return r.End.Received.Rate, nil
}

// iperfError is what a report says of an error; iperf3 writes it to standard output.
func iperfError(report []byte) string {
	var r iperfReport
	if err := json.Unmarshal(report, &r); err != nil {
		return err.Error()
	}
	return r.Error
}

// ping returns the median round trip in seconds.
func (b *bench) ping(ctx context.Context) (float64, error) {
	interval := strconv.FormatFloat(pingInterval.Seconds(), 'f', -1, 64)
	out, err := b.lab.Client.Output(ctx, "ping", "-n", "-c", strconv.Itoa(pings), "-i", interval, testnet.WebIPv4.String())
	if err != nil {
		return 0, err
	}
	return medianRoundTrip(string(out))
}

// medianRoundTrip reads the output of ping(8), in seconds.
func medianRoundTrip(out string) (float64, error) {
	var times series
	for line := range strings.Lines(out) {
		_, rest, found := strings.Cut(line, " time=")
		if !found {
			continue
		}
		text, _, _ := strings.Cut(rest, " ms")
		ms, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0, fmt.Errorf("ping: line %q: %w", line, err)
		}
		times = append(times, ms/1000)
	}
	if len(times) == 0 {
		return 0, fmt.Errorf("ping: no answer: %q", out)
	}
	return times.median(), nil
}
