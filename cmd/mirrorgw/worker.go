package main

import (
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"mirrorgw/cmd/mirrorgw/confine"
	"mirrorgw/scanner/worker"
	"mirrorgw/scanner/yara"
)

// workerCommand is for the gateway, which starts its workers by it.
func (p *program) workerCommand() *cli.Command {
	return &cli.Command{
		Name:      yara.WorkerArgs()[0],
		Usage:     "be a process in which a gateway has mail scanned",
		ArgsUsage: yara.Name,
		Hidden:    true,
		Action:    p.worker,
	}
}

// worker ends with the gateway that has started it, and by no signal that is meant for that.
func (p *program) worker(c *cli.Context) error {
	engine, err := p.exactly(c, "the engine's name")
	if err != nil {
		return err
	}
	if engine[0] != yara.Name {
		return usagef("worker: %s is no engine that has workers", quote(engine[0]))
	}
	gateway, ok := p.stdin.(*os.File)
	if !ok {
		return errors.New("worker: standard input is no file")
	}
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	report, err := confine.Worker()
	if err != nil {
		worker.Refuse(gateway, err)
		return err
	}
	hello := "system calls filtered"
	if !report.Calls {
		hello = "system calls not filtered"
	}
	return yara.Serve(gateway, hello)
}
