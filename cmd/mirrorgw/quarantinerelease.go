package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"mirrorgw/scanner/quarantine"
)

// releasedItem is what `quarantine release --json` says of one item.
type releasedItem struct {
	ID      string             `json:"id"`
	Release quarantine.Release `json:"release"`
}

func (p *program) quarantineReleaseCommand() *cli.Command {
	return &cli.Command{
		Name:      "release",
		Usage:     "let the reader of a mail have it",
		ArgsUsage: "ID…",
		Description: "Who fetches the mail again from its server gets the original. And since most clients have deleted it there by then,\n" +
			"it is one more message at the end of the mailbox from the reader's next login on, until it is deleted there.\n" +
			"It stays in quarantine; `delete` takes it and its release back.",
		Flags:  []cli.Flag{jsonFlag()},
		Action: p.quarantineRelease,
	}
}

// quarantineRelease releases what it can and says what it could not.
func (p *program) quarantineRelease(c *cli.Context) error {
	given, err := p.operands(c)
	if err != nil {
		return err
	}
	if len(given) == 0 {
		return usagef("quarantine release: ID is missing")
	}
	folder, err := quarantineFolder(c)
	if err != nil {
		return err
	}
	done := []releasedItem{} // not nil: nothing is []
	var wrong []error
	for _, id := range given {
		waits, err := folder.Release(id)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		item := releasedItem{id, quarantine.Allowed}
		if waits {
			item.Release = quarantine.Waiting
		}
		done = append(done, item)
	}
	if c.Bool("json") {
		err = writeJSON(p.stdout, done)
	} else {
		err = p.writeReleased(done)
	}
	if err != nil {
		return err
	}
	return p.each(wrong)
}

func (p *program) writeReleased(done []releasedItem) error {
	for _, item := range done {
		what := "waits for its reader's next login"
		if item.Release != quarantine.Waiting {
			what = "is delivered when it is fetched again; whose it is cannot be told, so mirrorgw quarantine export is the other way to it"
		}
		if _, err := fmt.Fprintf(p.stdout, "%s %s\n", item.ID, what); err != nil {
			return err
		}
	}
	return nil
}
