package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/scanner/notice"
)

func (p *program) checkCommand() *cli.Command {
	return &cli.Command{
		Name:   "check",
		Usage:  "validate a configuration, with everything it names",
		Flags:  []cli.Flag{&cli.BoolFlag{Name: "print", Usage: "show the effective configuration, every default written out"}},
		Action: p.check,
	}
}

func (p *program) check(c *cli.Context) error {
	if _, err := p.exactly(c); err != nil {
		return err
	}
	file, err := load(c, config.Overrides{})
	if err != nil {
		return err
	}
	if err := checkNamed(file); err != nil {
		return err
	}
	if rules := file.Config.Scan.YARA; p.rooms.compileRules != nil && len(rules.Rules) > 0 {
		slow, err := p.rooms.compileRules(rules)
		if err != nil {
			return &exitError{exitUsage, err}
		}
		for _, s := range slow {
			fmt.Fprintf(p.stderr, "warning: slow %s\n", plain(s))
		}
	}
	for _, warning := range append(file.Warnings(), peerWarnings(c.Context, file)...) {
		warning.Msg = "warning: " + warning.Msg
		fmt.Fprintln(p.stderr, warning)
	}
	if c.Bool("print") {
		return config.Write(p.stdout, &file.Config)
	}
	fmt.Fprintf(p.stdout, "%s: valid\n", file.Path)
	return nil
}

// checkNamed reports files and folders a configuration names and that cannot be used.
//
// Errors: config.Errors.
func checkNamed(file *config.File) error {
	var wrong config.Errors
	cfg := &file.Config
	for i, path := range cfg.Scan.YARA.Rules {
		if err := unix.Access(path, unix.R_OK); err != nil {
			key := fmt.Sprintf("scan.yara.rules[%d]", i)
			wrong = append(wrong, file.Errorf(key, "%s: %s: %v", key, quote(path), err))
		}
	}
	if cfg.Spool.Dir != "" {
		if err := usable(cfg.Spool.Dir); err != nil {
			wrong = append(wrong, file.Errorf("spool.dir", "spool.dir: %v", err))
		}
	}
	if cfg.Notice.Template != "" {
		if _, err := notice.New(notice.Config{Template: cfg.Notice.Template}); err != nil {
			wrong = append(wrong, file.Errorf("notice.template", "notice.template: %v", err))
		}
	}
	for key, dir := range map[string]string{"quarantine.dir": cfg.Quarantine.Dir, "control.socket": filepath.Dir(cfg.Control.Socket)} {
		if err := usable(firstThere(dir)); err != nil { // `run` creates what is missing
			wrong = append(wrong, file.Errorf(key, "%s: %v", key, err))
		}
	}
	if len(wrong) > 0 {
		wrong.Sort()
		return wrong
	}
	return nil
}

// usable reports why files cannot be made in dir.
func usable(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: no such folder: create it", quote(dir))
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder", quote(dir))
	}
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("no files can be made in %s: %w", quote(dir), err)
	}
	return nil
}

// firstThere returns dir or the nearest folder above it that exists.
func firstThere(dir string) string {
	for dir != "/" && missing(dir) {
		dir = filepath.Dir(dir)
	}
	return dir
}
