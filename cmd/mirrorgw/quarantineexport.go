package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"mirrorgw/scanner/quarantine"
)

// toStandardOutput is the FILE that means it, a terminal or not.
const toStandardOutput = "-"

func (p *program) quarantineExport(c *cli.Context) error {
	given, err := p.exactly(c, "ID")
	if err != nil {
		return err
	}
	name := c.String("output")
	switch {
	case name == "" && c.IsSet("output"):
		return usagef("quarantine export: the name of the file is empty")
	case name == "" && isTerminal(p.stdout):
		return usagef("quarantine export: a hostile mail does not belong on a terminal: -o FILE writes it to a file, -o - to the terminal all the same")
	}
	switch {
	case c.Bool("bundle"):
		return p.exportBundle(c, given[0])
	case c.IsSet("age"):
		return usagef("quarantine export: --age encrypts a bundle: add --bundle")
	}
	folder, err := quarantineFolder(c)
	if err != nil {
		return err
	}
	mail, err := folder.Export(given[0])
	if err != nil {
		return quarantineError(err)
	}
	defer mail.Close()
	content := newDigest(contextReader{c.Context, mail})
	if name == "" || name == toStandardOutput {
		_, err = io.Copy(p.stdout, content)
	} else {
		err = writeNew(name, func(w io.Writer) error {
			_, err := io.Copy(w, content)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("exporting %s: %w", given[0], err)
	}
	return content.check(folder, given[0])
}

// writeNew has a file written that did not exist, for its owner only. With an error there is no file.
func writeNew(name string, write func(io.Writer) error) (err error) {
	file, err := createNew(name)
	if err != nil {
		return err
	}
	if err = errors.Join(write(file), file.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

// errChanged says that a mail in quarantine is another than was put there.
func errChanged(id string) error {
	return fmt.Errorf("%s is exported, but it is not what was kept: the SHA-256 differs", id)
}

// digest is a mail of which the SHA-256 is taken while it is read.
type digest struct {
	io.Reader
	sum func() string
}

func newDigest(mail io.Reader) digest {
	h := sha256.New()
	return digest{io.TeeReader(mail, h), func() string { return hex.EncodeToString(h.Sum(nil)) }}
}

// check reports when what was read is not the mail that was kept.
func (d digest) check(folder quarantine.Folder, id string) error {
	switch item, err := folder.Get(id); {
	case errors.Is(err, quarantine.ErrNotFound): // deleted while it was read
		return nil
	case err != nil:
		return fmt.Errorf("%s is exported, but nobody can say whether it is what was kept: %w", id, err)
	case item.SHA256 != d.sum():
		return errChanged(id)
	default:
		return nil
	}
}
