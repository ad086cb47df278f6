package main

import (
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"mirrorgw/cmd/mirrorgw/config"
)

// configEnv names the configuration file where no flag does.
const configEnv = "MIRRORGW_CONFIG"

func configFlag() cli.Flag {
	return &cli.StringFlag{
		Name:        "config",
		Aliases:     []string{"c"},
		Usage:       "read the configuration from `FILE`; without it from $" + configEnv,
		DefaultText: config.DefaultPath,
	}
}

// configPath returns the configuration file: the innermost flag's, the environment's, or the default one. named tells
// whether somebody asked for it.
func configPath(c *cli.Context) (path string, named bool) {
	for _, level := range c.Lineage() {
		if level.Command != nil && level.IsSet("config") {
			return level.String("config"), true
		}
	}
	if path := os.Getenv(configEnv); path != "" {
		return path, true
	}
	return config.DefaultPath, false
}

// operands returns the arguments behind the flags. What looks like a flag among them is an error, unless a -- stands before
// it; a lone - is an argument.
func (p *program) operands(c *cli.Context) ([]string, error) {
	given := c.Args().Slice()
	if at := len(p.args) - len(given) - 1; at >= 0 && p.args[at] == "--" { // the flag parser took it away
		return given, nil
	}
	for i, arg := range given {
		if arg == "--" {
			return append(given[:i:i], given[i+1:]...), nil
		}
		if len(arg) > 1 && arg[0] == '-' {
			return nil, usagef("%s stands behind %s: flags come before arguments (and -- before an argument that looks like one)", quote(arg), quote(given[0]))
		}
	}
	return given, nil
}

// exactly returns the operands when there are as many as names, which are shown where there are not.
func (p *program) exactly(c *cli.Context, names ...string) ([]string, error) {
	given, err := p.operands(c)
	switch {
	case err != nil:
		return nil, err
	case len(given) < len(names):
		return nil, usagef("%s: %s is missing", nameOf(c), names[len(given)])
	case len(given) > len(names):
		return nil, usagef("%s: %s is one argument too many", nameOf(c), quote(given[len(names)]))
	}
	return given, nil
}

// usageError puts what the flag parser says into our words.
func usageError(c *cli.Context, err error, _ bool) error {
	name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !unknown {
		return usagef("%s: %v", nameOf(c), err)
	}
	var known []string
	for _, f := range c.Command.Flags {
		for _, n := range f.Names() {
			if len(n) > 1 {
				known = append(known, "--"+n)
			}
		}
	}
	name = "--" + strings.TrimPrefix(name, "-")
	return usagef("%s: unknown flag %s; %s", nameOf(c), quote(name), suggest(name, known, c.Command.HelpName+" --help lists them"))
}

// nameOf returns the words of the running command, without the program's.
func nameOf(c *cli.Context) string {
	return strings.TrimPrefix(c.Command.HelpName, c.App.Name+" ")
}

// suggest returns the known word that may have been meant, or otherwise.
func suggest(word string, known []string, otherwise string) string {
	if meant := config.Nearest(word, known); meant != "" {
		return "did you mean " + meant + "?"
	}
	return otherwise
}

// quote returns text from outside, fit for a terminal: as it is when it is plain ASCII without blanks, else as a Go string.
func quote(s string) string {
	if s == "" || strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' }) {
		return strconv.QuoteToGraphic(s)
	}
	return s
}

// plain returns a sentence from outside, fit for a terminal: as it is when it is printable ASCII, else as a Go string.
func plain(s string) string {
	if strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) {
		return strconv.QuoteToGraphic(s)
	}
	return s
}
