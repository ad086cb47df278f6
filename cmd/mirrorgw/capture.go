package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/forwarder/capture"
)

func (p *program) captureCommand() *cli.Command {
	return &cli.Command{
		Name:      "capture",
		Usage:     "write what the running gateway receives and sends, as pcapng",
		ArgsUsage: "[FILTER]",
		Description: "Captures until it is interrupted or the gateway ends, for tcpdump, tshark and Wireshark:\n\n" +
			"   mirrorgw capture -w mail.pcapng\n" +
			"   mirrorgw capture -w - host 192.168.1.10 and port 110 | tshark -r -\n\n" +
			"A capture of mail sessions holds the passwords and the mail in them. A file is written for its owner only.\n\n" +
			"FILTER:\n" + capture.FilterHelp + "\n\n" +
			"An intercepted session has two halves: one between client and server, one between gateway and server with a\n" +
			"port of its own. `host` with the server's address shows both. Later fragments of a packet have no port.\n" +
			"Each way of a frame is an interface in the file: own, intercept, forwarded, sent.",
		Flags:  []cli.Flag{&cli.StringFlag{Name: "write", Aliases: []string{"w"}, Usage: "write to `FILE`, which must not exist yet; - and no -w at all are standard output"}},
		Action: p.capture,
	}
}

func (p *program) capture(c *cli.Context) (err error) {
	words, err := p.operands(c)
	if err != nil {
		return err
	}
	filter, err := capture.ParseFilter(strings.Join(words, " "))
	if err != nil {
		return usagef("capture: filter: %v", err)
	}
	name := c.String("write")
	toFile := name != "" && name != toStandardOutput
	switch {
	case name == "" && c.IsSet("write"):
		return usagef("capture: the name of the file is empty")
	case !toFile && isTerminal(p.stdout):
		return usagef("capture: a capture does not belong on a terminal: -w FILE writes it to a file, and a pipe takes it to tshark -r -")
	}
	cfg, err := settings(c)
	if err != nil {
		return err
	}
	stream, err := control.Capture(c.Context, cfg.Control.Socket, filter.String())
	if err != nil {
		return err
	}
	defer stream.Close()
	defer endOnce(c.Context)()
	out := p.stdout
	if toFile {
		file, err := createNew(name)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		out = file
	}
	return p.copyCapture(out, stream)
}

// copyCapture copies a capture and says how much it was.
func (p *program) copyCapture(out io.Writer, stream io.Reader) error {
	seen, err := capture.Copy(out, stream)
	lost := fmt.Sprintf("%d dropped", seen.Dropped)
	switch {
	case !seen.Whole:
		lost = "nobody knows how many dropped"
	case seen.Dropped > 0:
		lost += ", since they came faster than they could be written"
	}
	fmt.Fprintf(p.stderr, "mirrorgw: %d frames captured, %s\n", seen.Frames, lost)
	if err != nil {
		return fmt.Errorf("the capture broke off: %w", err)
	}
	return nil
}

// endTime is how long a capture that is asked to end may take to end in order.
const endTime = 2 * time.Second

// endOnce keeps further signals from ending the process at once, until release is called or endTime has passed since the one that
// ended ctx: timeout(1) sends each signal twice.
func endOnce(ctx context.Context) (release func()) {
	further := make(chan os.Signal, 1) // nobody reads it
	signal.Notify(further, syscall.SIGTERM, syscall.SIGINT)
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(endTime, func() { signal.Stop(further) }) })
	return func() {
		stop()
		signal.Stop(further)
	}
}

// createNew creates a file that did not exist, for its owner only.
func createNew(name string) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s is there already and is not overwritten", quote(name))
	}
	return file, err
}
