package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"mirrorgw/forwarder"
	"mirrorgw/stack"
)

const (
	pop3Port = 110
	drain    = time.Second

	// garbage is how much there may be, in percent of what is in use: the gateway, which adapts it, allows about as much.
	garbage = 400
)

// options are the flags.
type options struct {
	device    stack.DeviceConfig
	addresses []netip.Prefix
	routers   []netip.Addr
}

func main() {
	debug.SetGCPercent(garbage)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is the program; it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "barerelay: %v\n", err)
		return 2
	}
	if err := serve(ctx, o, stdout); err != nil {
		fmt.Fprintf(stderr, "barerelay: %v\n", err)
		return 1
	}
	return 0
}

// parse reads the flags.
//
// Errors: flag.ErrHelp, when the help has been written.
func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("barerelay", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.device.Name, "device", "mirror0", "`NAME` of the TAP device")
	flags.StringVar(&o.device.Bridge, "bridge", "", "bridge to join, by `NAME`")
	flags.IntVar(&o.device.Queues, "queues", 0, "queues; 0 is one for each CPU")
	flags.Func("addresses", "the gateway's own, each with its prefix length, as a `LIST` with commas", func(list string) (err error) {
		o.addresses, err = parseList(list, netip.ParsePrefix)
		return err
	})
	flags.Func("routers", "next hops, as a `LIST` with commas", func(list string) (err error) {
		o.routers, err = parseList(list, netip.ParseAddr)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if len(o.addresses) == 0 || len(o.routers) == 0 {
		return o, errors.New("want -addresses such as 192.168.1.2/24,fd00:1::2/64 and -routers such as 192.168.1.1,fe80::1")
	}
	o.device.Offload = stack.OffloadOn
	return o, nil
}

func parseList[T any](list string, parse func(string) (T, error)) (all []T, err error) {
	for text := range strings.SplitSeq(list, ",") {
		one, err := parse(text)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// serve opens the device, and forwards and relays until ctx ends.
func serve(ctx context.Context, o options, stdout io.Writer) (err error) {
	d, err := stack.OpenDevice(o.device)
	if err != nil {
		return err
	}
	var forwarding sync.WaitGroup
	defer func() {
		err = errors.Join(err, d.Close())
		forwarding.Wait()
	}()
	addresses := append(o.addresses, stack.LinkLocal(d.MAC()))
	f, err := forwarder.New(forwarder.Config{
		MAC: [6]byte(d.MAC()), MTU: d.MTU(), Addresses: addresses, Routers: o.routers, Intercept: []forwarder.Rule{{Ports: []uint16{pop3Port}}},
	})
	if err != nil {
		return err
	}
	var writers []stack.FrameWriter
	var ports []forwarder.Port
	for _, q := range d.Queues() {
		writers, ports = append(writers, q), append(ports, q)
	}
	s, err := stack.New(stack.Config{
		MAC: d.MAC(), MTU: d.MTU(), Offload: d.Offload(), Writers: writers, Addresses: addresses, Routers: o.routers, Ports: []uint16{pop3Port},
		Neighbours: f, Handler: relay{}, Drain: drain,
	})
	if err != nil {
		return err
	}
	forwarding.Go(func() { _ = f.Run(context.WithoutCancel(ctx), s, ports) }) // ends with the device; its one error is to have no port
	if err := s.Claim(ctx); err != nil {
		return err
	}
	s.Admit()
	fmt.Fprintf(stdout, "ready %s\n", d.MAC())
	return s.Run(ctx)
}
