package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"mirrorgw/stack"
)

// options are the flags.
type options struct {
	device stack.DeviceConfig
	to     net.HardwareAddr
	batch  int
}

// maxBatch bounds the memory: a buffer takes up to 64 KiB.
const maxBatch = 1024

func main() {
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
		fmt.Fprintf(stderr, "bareloop: %v\n", err)
		return 2
	}
	if err := serve(ctx, o, stdout); err != nil {
		fmt.Fprintf(stderr, "bareloop: %v\n", err)
		return 1
	}
	return 0
}

// parse reads the flags.
//
// Errors: flag.ErrHelp, when the help has been written.
func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var to string
	flags := flag.NewFlagSet("bareloop", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.device.Name, "device", "mirror0", "`NAME` of the TAP device")
	flags.StringVar(&o.device.Bridge, "bridge", "", "bridge to join, by `NAME`")
	flags.IntVar(&o.device.Queues, "queues", 0, "queues; 0 is one for each CPU")
	flags.IntVar(&o.batch, "batch", 64, "frames read at once")
	flags.StringVar(&to, "to", "", "`MAC` of who gets the frames")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.batch < 1 || o.batch > maxBatch {
		return o, fmt.Errorf("-batch %d: want 1 to %d", o.batch, maxBatch)
	}
	var err error
	if o.to, err = net.ParseMAC(to); err != nil || len(o.to) != macLen {
		return o, fmt.Errorf("-to %q: want a MAC such as 02:00:00:00:00:01", to)
	}
	o.device.Offload = stack.OffloadOn
	return o, nil
}

// serve opens the device and runs a loop on each of its queues until ctx ends.
func serve(ctx context.Context, o options, stdout io.Writer) error {
	d, err := stack.OpenDevice(o.device)
	if err != nil {
		return err
	}
	var loops sync.WaitGroup
	ended := make(chan error, len(d.Queues()))
	for _, q := range d.Queues() {
		l := newLoop(d.MAC(), o.to, o.batch)
		loops.Go(func() { ended <- l.run(q) }) // ends when the device is closed, or fails
	}
	fmt.Fprintf(stdout, "ready %s\n", d.MAC())
	select {
	case <-ctx.Done():
	case err = <-ended:
	}
	err = errors.Join(err, d.Close())
	loops.Wait()
	return err
}
