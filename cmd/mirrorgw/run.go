package main

import (
	"github.com/urfave/cli/v2"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/service"
)

func (p *program) runCommand() *cli.Command {
	return &cli.Command{
		Name:  "run",
		Usage: "be the gateway, in the foreground",
		Description: "Logs to standard error and tells systemd when it is ready. SIGTERM or SIGINT lets running sessions end; a\n" +
			"second one ends at once. With --address and --router no configuration file is needed.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "address", Usage: "the gateway's own `ADDRESS/LENGTH`, instead of the file's; may be repeated"},
			&cli.StringSliceFlag{Name: "router", Usage: "`ADDRESS` of the NAT router, instead of the file's; may be repeated"},
			&cli.StringFlag{Name: "bridge", Usage: "join the Linux bridge `NAME`, instead of the file's"},
		},
		Action: p.run,
	}
}

func (p *program) run(c *cli.Context) error {
	if _, err := p.exactly(c); err != nil {
		return err
	}
	read := func() (*config.File, error) {
		file, err := load(c, config.Overrides{
			Addresses: c.StringSlice("address"),
			Routers:   c.StringSlice("router"),
			Bridge:    c.String("bridge"),
		})
		if err != nil {
			return nil, err
		}
		return file, checkNamed(file)
	}
	file, err := read()
	if err != nil {
		return err
	}
	return service.Run(c.Context, service.Options{
		File: file, Read: read, New: p.rooms.newGateway, Confine: p.rooms.confine, Log: p.stderr, Version: buildOf(nil).version,
	})
}
