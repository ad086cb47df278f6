package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"mirrorgw/testnet"
)

// iperfLimit is how long iperf3 may take to listen.
const iperfLimit = 10 * time.Second

// serveIperf starts iperf3 in the internet, once.
func (b *bench) serveIperf(ctx context.Context) error {
	if b.iperf {
		return nil
	}
	server, err := b.lab.Internet.Start("iperf3", "iperf3", "-s", "--forceflush", "-B", testnet.WebIPv4.String())
	if err != nil {
		return err
	}
	if err := waitForLog(ctx, server, "Server listening"); err != nil {
		return fmt.Errorf("iperf3: %w", err)
	}
	b.iperf = true
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

// transfer is what an upload brought.
type transfer struct {
	rate  float64 // bit/s
	bytes float64
}

// transferFor sends for some time, in whole seconds, from the client to the internet.
func (b *bench) transferFor(ctx context.Context, d time.Duration) (transfer, error) {
	seconds := fmt.Sprint(int(d / time.Second))
	out, err := b.lab.Client.Output(ctx, "iperf3", "-c", testnet.WebIPv4.String(), "-t", seconds, "-J")
	if err != nil {
		return transfer{}, fmt.Errorf("%w: %s", err, iperfError(out))
	}
	return readTransfer(out)
}

// iperfReport is what is read of the output of "iperf3 -J".
type iperfReport struct {
	Error string `json:"error"`
	End   struct {
		Received struct {
			Rate  float64 `json:"bits_per_second"`
			Bytes float64 `json:"bytes"`
		} `json:"sum_received"`
	} `json:"end"`
}

// readTransfer is what the receiver counted: what the sender counts is partly still in its buffers.
func readTransfer(report []byte) (transfer, error) {
	var r iperfReport
	if err := json.Unmarshal(report, &r); err != nil {
		return transfer{}, fmt.Errorf("iperf3: report: %w", err)
	}
	if got := r.End.Received; r.Error != "" || got.Rate <= 0 || got.Bytes <= 0 {
		return transfer{}, fmt.Errorf("iperf3: %q, %v bit/s, %v octets", r.Error, got.Rate, got.Bytes)
	}
	return transfer{rate: r.End.Received.Rate, bytes: r.End.Received.Bytes}, nil
}

// iperfError is what a report says of an error; iperf3 writes it to standard output.
func iperfError(report []byte) string {
	var r iperfReport
	if err := json.Unmarshal(report, &r); err != nil {
		return err.Error()
	}
	return r.Error
}
