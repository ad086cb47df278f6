package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/urfave/cli/v2"

	"mirrorgw/scanner/quarantine"
)

func (p *program) quarantineCommand() *cli.Command {
	return &cli.Command{
		Name:        "quarantine",
		Usage:       "look after the mails that were replaced by a notice",
		Description: "The gateway need not run, and may. Only root and the gateway's own user may look into the folder.",
		Action:      p.noCommand,
		Subcommands: []*cli.Command{
			{
				Name:   "list",
				Usage:  "list what is kept, the oldest first",
				Flags:  []cli.Flag{jsonFlag()},
				Action: p.quarantineList,
			},
			{
				Name:      "show",
				Usage:     "show all that is known of one mail",
				ArgsUsage: "ID",
				Flags:     []cli.Flag{jsonFlag()},
				Action:    p.quarantineShow,
			},
			{
				Name:      "export",
				Usage:     "write a mail as it arrived to standard output",
				ArgsUsage: "ID",
				Description: "A terminal is not written to unless it is asked for with -o -: the mail is hostile.\n\n" +
					"With --bundle it is a tar archive: the mail, what was known of it, what was said last in its session, the headers of the\n" +
					"session's last frames as pcapng, and its parts as the rules of today see them, with the places where they match. With --age, age -d opens it again; mirrorgw cannot.",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to `FILE`, which must not exist yet; only its owner may read it"},
					&cli.BoolFlag{Name: "bundle", Usage: "write all the evidence there is, as a tar archive"},
					&cli.StringSliceFlag{Name: "age", Usage: "encrypt the bundle to the public key `RECIPIENT` of age; may be given several times"},
				},
				Action: p.quarantineExport,
			},
			{
				Name:      "delete",
				Usage:     "delete mails for good",
				ArgsUsage: "ID…",
				Action:    p.quarantineDelete,
			},
			p.quarantineReleaseCommand(),
			p.quarantineHuntCommand(),
		},
	}
}

// quarantineFolder returns the quarantine the configuration names.
func quarantineFolder(c *cli.Context) (quarantine.Folder, error) {
	cfg, err := settings(c)
	if err != nil {
		return quarantine.Folder{}, err
	}
	return quarantine.At(cfg.Quarantine.Dir), nil
}

func (p *program) quarantineList(c *cli.Context) error {
	if _, err := p.exactly(c); err != nil {
		return err
	}
	folder, err := quarantineFolder(c)
	if err != nil {
		return err
	}
	items, damaged := folder.List()
	if items == nil && errors.Is(damaged, fs.ErrPermission) {
		return quarantineError(damaged)
	}
	if c.Bool("json") {
		err = writeJSON(p.stdout, listed(items))
	} else {
		err = writeItems(p.stdout, items)
	}
	if err != nil {
		return err
	}
	return p.each(split(damaged))
}

func (p *program) quarantineShow(c *cli.Context) error {
	given, err := p.exactly(c, "ID")
	if err != nil {
		return err
	}
	folder, err := quarantineFolder(c)
	if err != nil {
		return err
	}
	item, err := folder.Get(given[0])
	if err != nil {
		return quarantineError(err)
	}
	if c.Bool("json") {
		return writeJSON(p.stdout, item)
	}
	return writeItem(p.stdout, &item)
}

// quarantineDelete deletes what it can and says what it could not.
func (p *program) quarantineDelete(c *cli.Context) error {
	given, err := p.operands(c)
	if err != nil {
		return err
	}
	if len(given) == 0 {
		return usagef("quarantine delete: ID is missing")
	}
	folder, err := quarantineFolder(c)
	if err != nil {
		return err
	}
	var wrong []error
	for _, id := range given {
		if err := folder.Delete(id); err != nil {
			wrong = append(wrong, err)
		}
	}
	return p.each(wrong)
}

// each says what went wrong, one line each.
func (p *program) each(wrong []error) error {
	if len(wrong) == 0 {
		return nil
	}
	for _, err := range wrong {
		fmt.Fprintln(p.stderr, "mirrorgw:", plain(quarantineError(err).Error()))
	}
	return &exitError{code: exitNo}
}

// split takes joined errors apart.
func split(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// quarantineError says what to do about an ID that is none, or a folder that is somebody else's.
func quarantineError(err error) error {
	switch {
	case errors.Is(err, quarantine.ErrNotFound):
		return fmt.Errorf("%w: mirrorgw quarantine list shows what there is", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: only root and the gateway's own user may look into the quarantine", err)
	}
	return err
}
