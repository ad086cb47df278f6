package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/urfave/cli/v2"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/engines"
	"mirrorgw/scanner"
)

// exitIncomplete is the exit code of a scan that could not judge all it was asked to. It outweighs exitNo.
const exitIncomplete = 2

func (p *program) scanCommand() *cli.Command {
	return &cli.Command{
		Name:      "scan",
		Usage:     "judge mail files, maildirs and mbox files as the gateway does",
		ArgsUsage: "PATH…",
		Description: "PATH is a mail file, a maildir (its cur and new, and those of the maildirs in it), an mbox file (mboxrd; its mails are\n" +
			"shown as PATH#1, PATH#2 and so on), any other folder, whose files are judged with those of its subfolders, or - for\n" +
			"standard input. A file that begins with \"From \" is an mbox file unless its name ends in .eml.\n\n" +
			"Exit code: 0 all clean, 1 something infected or unscannable, 2 something could not be read.",
		Flags: []cli.Flag{jsonFlag(), &cli.BoolFlag{
			Name: "explain", Usage: "tell of each mail's parts, what each engine said of them, and where rules match",
		}},
		Action: p.scan,
	}
}

func (p *program) scan(c *cli.Context) error {
	paths, err := p.operands(c)
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return usagef("scan: PATH is missing: a mail file, a maildir, an mbox file, a folder, or - for standard input")
	}
	if twice(paths, standardInput) {
		return usagef("scan: - is there twice, and standard input can be read once")
	}
	cfg, err := settings(c)
	if err != nil {
		return err
	}
	engine, sc, err := p.openScanner(c.Context, cfg)
	if err != nil {
		return &exitError{exitIncomplete, err}
	}
	judge, at := plainScan(sc), fullPace()
	if c.Bool("explain") {
		m, err := p.rooms.openMatcher(cfg.Scan.YARA.Rules)
		if err != nil {
			return &exitError{exitIncomplete, errors.Join(err, engine.Close())}
		}
		defer m.Close()
		judge, at = explainingScan(sc, m), pace{atOnce: 1, ahead: 1} // an explanation may be long, and what an engine takes is told
	}
	report := p.newReport(c.Bool("json"), cfg.Scan.Policy)
	ctx, cancel := context.WithCancel(c.Context)
	defer cancel()
	judging := startJudging(ctx, judge, at, cfg.Spool, finder{stdin: p.stdin, spool: cfg.Spool, paths: paths})
	for r := range judging.results(ctx) {
		if err := report.add(r); err != nil {
			report.progress.stop()
			return &exitError{exitIncomplete, fmt.Errorf("scan: %w", err)}
		}
	}
	if ctx.Err() != nil { // what is under way is not waited for: a terminal may never answer, a rule may run for minutes
		return &exitError{exitIncomplete, errors.Join(errors.New("scan: interrupted; what is listed was judged"), report.end())}
	}
	judging.wait()
	if err := errors.Join(report.end(), engine.Close()); err != nil {
		return &exitError{exitIncomplete, fmt.Errorf("scan: %w", err)}
	}
	if code := report.exitCode(); code != exitDone {
		return &exitError{code: code} // the report says it all
	}
	return nil
}

// openScanner returns what judges mail in a gateway of this configuration, the engine tested. The caller closes the engine.
func (p *program) openScanner(ctx context.Context, cfg *config.Config) (_ engine, _ *scanner.Scanner, err error) {
	log := slog.New(slog.DiscardHandler) // what an engine has to say of a mail is in the verdict
	e, err := p.rooms.openEngine(cfg.Scan.YARA, log)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	if err := scanner.SelfTest(ctx, e); err != nil {
		return nil, nil, err
	}
	others, err := engines.NewOthers(cfg, log)
	if err != nil {
		return nil, nil, err
	}
	weak, err := others.Check(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, w := range weak {
		fmt.Fprintf(p.stderr, "warning: %s\n", plain(w))
	}
	sc, err := engines.Scanner(cfg, cfg.Spool, append([]scanner.Engine{e}, others.List()...), nil, log)
	if err != nil {
		return nil, nil, err
	}
	return e, sc, nil
}

// twice reports whether word is in words more than once.
func twice(words []string, word string) bool {
	n := 0
	for _, w := range words {
		if w == word {
			n++
		}
	}
	return n > 1
}
