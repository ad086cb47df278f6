package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"mirrorgw/scanner"
	"mirrorgw/scanner/quarantine"
)

func (p *program) quarantineHuntCommand() *cli.Command {
	return &cli.Command{
		Name:      "hunt",
		Usage:     "tell to whom a mail was delivered that is known to be malware by now",
		ArgsUsage: "[SHA256|FILE|-]…",
		Description: "FILE and - (standard input) are lists with one SHA-256 a line, as sha256sum writes them. Without an argument it is every mail\n" +
			"in quarantine that the rules find infected now and that was not released. A gateway that runs does the same after each reload, and when it keeps an\n" +
			"infected mail, and logs what it finds. What was delivered is known for quarantine.history.\n\n" +
			"Exit code: 0 nobody has it, 1 somebody has.",
		Flags:  []cli.Flag{jsonFlag()},
		Action: p.quarantineHunt,
	}
}

func (p *program) quarantineHunt(c *cli.Context) error {
	given, err := p.operands(c)
	if err != nil {
		return err
	}
	if twice(given, standardInput) {
		return usagef("quarantine hunt: - is there twice, and standard input can be read once")
	}
	cfg, err := settings(c)
	if err != nil {
		return err
	}
	folder := quarantine.At(cfg.Quarantine.Dir)
	sums := make(map[string]bool)
	for _, word := range given {
		if err := p.addSums(sums, word); err != nil {
			return err
		}
	}
	if len(given) == 0 {
		engine, sc, err := p.openScanner(c.Context, cfg)
		if err != nil {
			return err
		}
		sums, err = folder.Infected(c.Context, sc, cfg.Spool)
		if err := errors.Join(err, engine.Close()); err != nil {
			return quarantineError(err)
		}
	}
	found := []quarantine.Record{} // not nil: nothing is []
	if err := folder.Hunt(c.Context, sums, func(r quarantine.Record) { found = append(found, r) }); err != nil {
		return quarantineError(err)
	}
	if c.Bool("json") {
		err = writeJSON(p.stdout, found)
	} else {
		err = writeRecords(p.stdout, found)
	}
	if err == nil && len(found) > 0 {
		return &exitError{code: exitNo}
	}
	return err
}

// addSums adds what one argument names.
func (p *program) addSums(sums map[string]bool, word string) error {
	if sum, ok := sha256Of(word); ok {
		sums[sum] = true
		return nil
	}
	in, name := p.stdin, "standard input"
	if word != standardInput {
		file, err := os.Open(word)
		if err != nil {
			return fmt.Errorf("%w: it is no SHA-256 (64 hexadecimal digits) either", err)
		}
		defer file.Close()
		in, name = file, word
	}
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		first, _, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		if first == "" || first[0] == '#' {
			continue
		}
		sum, ok := sha256Of(first)
		if !ok {
			return fmt.Errorf("%s:%d: %.80q is no SHA-256: write 64 hexadecimal digits", name, n, first)
		}
		sums[sum] = true
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// sha256Of reads a SHA-256 and returns it in lower case.
func sha256Of(word string) (string, bool) {
	b, err := hex.DecodeString(word)
	return hex.EncodeToString(b), err == nil && len(b) == 32
}

func writeRecords(w io.Writer, found []quarantine.Record) error {
	if len(found) == 0 {
		_, err := fmt.Fprintln(w, "nothing of it was delivered, as far as is known")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TIME\tCLIENT\tUSER\tSERVER\tSIZE\tUIDL\tSHA256")
	for _, r := range found {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", r.Time.Local().Format(time.DateTime), scanner.Printable(r.Client, maxListed),
			scanner.Printable(r.User, maxListed), scanner.Printable(r.Server, maxListed), r.Size, scanner.Printable(r.UIDL, maxListed), r.SHA256)
	}
	return t.Flush()
}
