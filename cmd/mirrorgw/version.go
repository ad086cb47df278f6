package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"mirrorgw/cmd/mirrorgw/engines"
)

// version is set by the linker: -X main.version=v1.2.3.
var version string

// build is what a binary was made of.
type build struct {
	version string
	goes    string // Go's
	gvisor  string
	engines []engines.Version
}

// buildOf reads what the linker and the Go command left in this binary.
func buildOf(with []engines.Version) build {
	b := build{version: version, goes: strings.TrimPrefix(runtime.Version(), "go"), gvisor: "not linked", engines: with}
	if info, ok := debug.ReadBuildInfo(); ok {
		b.version = cmp.Or(b.version, strings.Trim(info.Main.Version, "()"))
		for _, dep := range info.Deps {
			if dep.Path == "gvisor.dev/gvisor" {
				b.gvisor = dep.Version
			}
		}
	}
	b.version = cmp.Or(b.version, "devel")
	return b
}

func (p *program) versionCommand() *cli.Command {
	return &cli.Command{
		Name:   "version",
		Usage:  "show the versions of the program and of what it is built on",
		Action: p.showVersion,
	}
}

func (p *program) showVersion(c *cli.Context) error {
	if _, err := p.exactly(c); err != nil {
		return err
	}
	b := buildOf(p.rooms.engines)
	t := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "mirrorgw\t%s\n", b.version)
	fmt.Fprintf(t, "go\t%s\n", b.goes)
	fmt.Fprintf(t, "gvisor\t%s\n", b.gvisor)
	for _, e := range b.engines {
		fmt.Fprintf(t, "engine %s\t%s\n", e.Name, e.Detail)
	}
	if len(b.engines) == 0 {
		fmt.Fprintln(t, "engines\tnone")
	}
	return t.Flush()
}
