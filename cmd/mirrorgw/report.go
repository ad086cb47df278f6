package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"mirrorgw/cmd/mirrorgw/unscanned"
)

func (p *program) reportCommand() *cli.Command {
	return &cli.Command{
		Name:  "report",
		Usage: "show what was not scanned, by day",
		Description: "Mails that could not be judged (oversize, encrypted, malformed, partial, budget, error), and flows that were skipped by\n" +
			"the configuration, bypassed, TLS within a session, or not POP3; by client and server. It is kept for 30 days, in the\n" +
			"quarantine's folder, and read whether a gateway runs or not; a running one writes every ten seconds.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "day", Usage: "show `DAY`, such as 2026-11-22, instead of today"},
			&cli.BoolFlag{Name: "days", Usage: "list the days of which there is something"},
			jsonFlag(),
		},
		Action: p.report,
	}
}

// dayReport is the report as JSON.
type dayReport struct {
	Day     string            `json:"day"`
	Total   map[string]uint64 `json:"total"` // by reason
	Entries []unscanned.Entry `json:"entries"`
}

func (p *program) report(c *cli.Context) error {
	if _, err := p.exactly(c); err != nil {
		return err
	}
	cfg, err := settings(c)
	if err != nil {
		return err
	}
	folder := unscanned.In(cfg.Quarantine.Dir)
	if c.Bool("days") {
		days, err := unscanned.Days(folder)
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		if c.Bool("json") {
			return writeJSON(p.stdout, append([]string{}, days...))
		}
		for _, day := range days {
			fmt.Fprintln(p.stdout, day)
		}
		return nil
	}
	r := dayReport{Day: c.String("day"), Total: make(map[string]uint64), Entries: []unscanned.Entry{}}
	if r.Day == "" {
		r.Day = time.Now().Format(time.DateOnly)
	} else if _, err := time.Parse(time.DateOnly, r.Day); err != nil {
		return usagef("--day: %s is not a day: write one such as 2026-11-22", quote(r.Day))
	}
	entries, err := unscanned.Read(folder, r.Day)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("report: %w", err)
	}
	r.Entries = append(r.Entries, entries...)
	for _, e := range entries {
		r.Total[string(e.Reason)] += e.Count
	}
	if c.Bool("json") {
		return writeJSON(p.stdout, r)
	}
	return writeReport(p.stdout, r)
}

// writeReport writes r as a table for people.
func writeReport(w io.Writer, r dayReport) error {
	if len(r.Entries) == 0 {
		_, err := fmt.Fprintf(w, "%s: nothing went unscanned\n", r.Day)
		return err
	}
	if _, err := fmt.Fprintf(w, "%s: not scanned: %s\n\n", r.Day, counts(r.Total)); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "REASON\tCOUNT\tCLIENT\tSERVER\tLAST")
	for _, e := range r.Entries {
		client, server := "others", ""
		if e.Client.IsValid() {
			client, server = e.Client.String(), e.Server.String()
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\n", quote(string(e.Reason)), e.Count, client, server, e.Last.Local().Format(time.TimeOnly))
	}
	return t.Flush()
}
