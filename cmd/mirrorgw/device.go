package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"mirrorgw/cmd/mirrorgw/gateway"
	"mirrorgw/stack"
)

func (p *program) deviceCommand() *cli.Command {
	return &cli.Command{
		Name:        "device",
		Usage:       "make what run needs of root, so that it can run as a service user",
		Description: "Once after each boot, as root. The gateway's interface then outlives the gateway: a restart leaves the bridge alone.",
		Action:      p.noCommand,
		Subcommands: []*cli.Command{
			{
				Name:  "up",
				Usage: "make the TAP interface, for a user",
				Description: "Makes the interface persistent, brings it up and into the bridge, and gives it to the user and group, who alone may open\n" +
					"it then. Where they are missing, makes the folders of quarantine and control socket as well, and where only root may\n" +
					"open /dev/net/tun, lets the group. May be called again.",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "user", Usage: "the `USER` that run will run as, a name or a number", Value: "mirrorgw"},
					&cli.StringFlag{Name: "group", Usage: "its `GROUP`, a name or a number; the user's own when left out"},
				},
				Action: p.deviceUp,
			},
			{
				Name:        "down",
				Usage:       "take the TAP interface away",
				Description: "Leaves the folders, and who may open /dev/net/tun.",
				Action:      p.deviceDown,
			},
		},
	}
}

func (p *program) deviceUp(c *cli.Context) error {
	if _, err := p.exactly(c); err != nil {
		return err
	}
	cfg, err := settings(c)
	if err != nil {
		return err
	}
	to, err := findAccount(c.String("user"), c.String("group"))
	if err != nil {
		return err
	}
	if err := stack.CreateDevice(gateway.Device(cfg), to.uid, to.gid); err != nil {
		return err
	}
	port := ""
	if cfg.Device.Bridge != "" {
		port = ", port of " + cfg.Device.Bridge
	}
	fmt.Fprintf(p.stdout, "%s is up for user %s and group %s: persistent, MTU %d%s\n", cfg.Device.Name, to.user, to.group, cfg.Device.MTU, port)

	did, err := to.letOpen(stack.TUNPath)
	if err != nil {
		return err
	}
	made, err := to.makeFolders(cfg)
	for _, line := range append(did, made...) {
		fmt.Fprintln(p.stdout, line)
	}
	if err != nil {
		return err
	}
	path, _ := configPath(c)
	for _, line := range to.obstacles(cfg, path) {
		fmt.Fprintln(p.stderr, "mirrorgw:", line)
	}
	return nil
}

func (p *program) deviceDown(c *cli.Context) error {
	if _, err := p.exactly(c); err != nil {
		return err
	}
	cfg, err := settings(c)
	if err != nil {
		return err
	}
	if err := stack.DeleteDevice(cfg.Device.Name); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%s is not there any more\n", cfg.Device.Name)
	return nil
}
