package main

import "github.com/urfave/cli/v2"

// app returns the command tree.
func (p *program) app() *cli.App {
	app := &cli.App{
		Name:            "mirrorgw",
		Usage:           "one-legged mirror gateway that judges mail on its way",
		Version:         buildOf(p.rooms.engines).version,
		Commands:        p.commands(),
		Flags:           []cli.Flag{configFlag()},
		HideHelpCommand: true, // --help is there after every word; a command `help` would swallow a file of that name
		Reader:          p.stdin,
		Writer:          p.stdout,
		ErrWriter:       p.stderr,
		Action:          p.noCommand,
		OnUsageError:    usageError,
		ExitErrHandler:  func(*cli.Context, error) {}, // main turns errors into words and codes, in one place
	}
	for _, c := range app.Commands {
		finish(c)
	}
	return app
}

func (p *program) commands() []*cli.Command {
	all := []*cli.Command{
		p.checkCommand(), p.scanCommand(), p.quarantineCommand(), p.statusCommand(), p.captureCommand(), p.reloadCommand(), p.bypassCommand(), p.topCommand(), p.reportCommand(),
		p.documentsCommand(), p.workerCommand(), p.deviceCommand(), p.labCommand(), p.versionCommand(),
	}
	if p.rooms.newGateway != nil {
		all = append(all, p.runCommand())
	}
	return all
}

// finish gives a command what all have in common.
func finish(c *cli.Command) {
	c.Flags = append(c.Flags, configFlag())
	c.HideHelpCommand = true
	c.OnUsageError = usageError
	for _, sub := range c.Subcommands {
		finish(sub)
	}
}

// noCommand is the action where a word of a command is missing or unknown.
func (p *program) noCommand(c *cli.Context) error {
	words, err := p.operands(c)
	if err != nil {
		return err
	}
	if len(words) == 0 {
		return usagef("which command? %s --help lists them", c.Command.HelpName)
	}
	var known []string
	for _, sub := range c.Command.Subcommands {
		known = append(known, sub.Name)
	}
	return usagef("unknown command %s; %s", quote(words[0]), suggest(words[0], known, c.Command.HelpName+" --help lists them"))
}
