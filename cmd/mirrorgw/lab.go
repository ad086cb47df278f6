package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"mirrorgw/testnet"
)

func (p *program) labCommand() *cli.Command {
	name := &cli.StringFlag{Name: "name", Usage: "`NAME` of the lab, to have several at once", Value: testnet.DefaultLab}
	return &cli.Command{
		Name:  "lab",
		Usage: "a network to try the gateway in, made of namespaces",
		Description: "A client, a LAN with the gateway, a NAT router and an internet with a mail server and a web server. Needs root, and\n" +
			"touches nothing of this machine's own network.",
		Action: p.noCommand,
		Subcommands: []*cli.Command{
			{
				Name:   "up",
				Usage:  "build the lab and start servers and gateway in it",
				Flags:  []cli.Flag{name},
				Action: p.labUp,
			},
			{
				Name:   "down",
				Usage:  "end everything in the lab and take it away",
				Flags:  []cli.Flag{name},
				Action: p.labDown,
			},
			{
				Name:   "demo",
				Usage:  "build a lab, fetch mail through the gateway, show what came of it, take the lab away",
				Flags:  []cli.Flag{&cli.StringFlag{Name: "name", Usage: "`NAME` of the lab", Value: "demo"}},
				Action: p.labDemo,
			},
			{
				Name:        "exec",
				Usage:       "run a command on a host of the lab: client, mirror, router or internet",
				ArgsUsage:   "HOST COMMAND [ARGUMENT…]",
				Description: "Everything behind HOST is the command's own. --name goes before HOST.",
				Flags:       []cli.Flag{name},
				Action:      p.labExec,
			},
			{
				Name:   "serve",
				Usage:  "answer HTTP in the lab `NAME`; lab up starts it",
				Hidden: true,
				Action: p.labServe,
			},
		},
	}
}

func (p *program) labUp(c *cli.Context) (err error) {
	if _, err := p.exactly(c); err != nil {
		return err
	}
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	name := c.String("name")
	fmt.Fprintln(p.stderr, "building client, LAN, router and internet")
	lab, err := testnet.Up(c.Context, testnet.Config{Name: name})
	if err != nil {
		return labError(err, name)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lab.Down(context.WithoutCancel(c.Context)))
		}
	}()
	fmt.Fprintln(p.stderr, "starting the servers and the gateway")
	if err := lab.Furnish(c.Context, binary); err != nil {
		return err
	}
	flag := ""
	if name != testnet.DefaultLab {
		flag = "--name " + name + " "
	}
	fmt.Fprintf(p.stdout, "The lab is up. Try:\n"+
		"  mirrorgw lab exec %[1]sclient traceroute -n %[2]s\n"+
		"  mirrorgw lab exec %[1]sclient curl -s 'pop3://%[3]s/1' -u '%[4]s:%[5]s'\n"+
		"  mirrorgw status -c %[6]s\n"+
		"  mirrorgw lab down%[7]s\n",
		flag, testnet.WebIPv4, testnet.MailIPv4, testnet.LabUser, testnet.Password, filepath.Join(lab.Folder(), "mirrorgw.yaml"), cutSpace(flag))
	return nil
}

// cutSpace turns a flag that goes before an argument into one at the end of a line.
func cutSpace(flag string) string {
	if flag == "" {
		return ""
	}
	return " " + flag[:len(flag)-1]
}

func (p *program) labDown(c *cli.Context) error {
	if _, err := p.exactly(c); err != nil {
		return err
	}
	name := c.String("name")
	if err := testnet.Down(c.Context, name); err != nil {
		return labError(err, name)
	}
	return nil
}

func (p *program) labDemo(c *cli.Context) error {
	if _, err := p.exactly(c); err != nil {
		return err
	}
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	return labError(testnet.Demo(c.Context, testnet.DemoConfig{
		Name: c.String("name"), Binary: binary, Out: p.stdout, Progress: p.stderr,
	}), c.String("name"))
}

// labExec runs a command on a host. What is behind HOST is not ours to parse; the flag parser stops there by itself.
func (p *program) labExec(c *cli.Context) error {
	words := c.Args().Slice()
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) < 2 {
		return usagef("lab exec: say HOST and COMMAND")
	}
	name := c.String("name")
	lab, err := testnet.Load(name)
	if err != nil {
		return labError(err, name)
	}
	host, err := lab.Host(words[0])
	if err != nil {
		return &exitError{exitUsage, err}
	}
	cmd := host.Command(c.Context, words[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.stdin, p.stdout, p.stderr
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return &exitError{max(exit.ExitCode(), exitNo), fmt.Errorf("lab exec: %s: %w", quote(words[1]), err)}
	}
	return err
}

// labServe is the lab's web server.
func (p *program) labServe(c *cli.Context) error {
	words, err := p.exactly(c, "NAME")
	if err != nil {
		return err
	}
	lab, err := testnet.Load(words[0])
	if err != nil {
		return err
	}
	return lab.ServeWeb(c.Context)
}

// labError says what to do about a lab that is up, or is not.
func labError(err error, name string) error {
	flag := ""
	if name != testnet.DefaultLab {
		flag = " --name " + name
	}
	switch {
	case errors.Is(err, testnet.ErrLabExists):
		return fmt.Errorf("%w: mirrorgw lab down%s takes it away", err, flag)
	case errors.Is(err, testnet.ErrNoLab):
		return fmt.Errorf("%w: mirrorgw lab up%s builds it", err, flag)
	}
	return err
}
