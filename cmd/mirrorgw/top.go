package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/control"
)

const (
	defaultTopInterval = "2s"
	minTopInterval     = 200 * time.Millisecond
	defaultTopOrder    = "waiting"
)

// Control sequences of a terminal, ECMA-48: to the screen without a history and back, home, and clear from here on, the line or all.
const (
	otherScreen = "\x1b[?1049h"
	firstScreen = "\x1b[?1049l"
	home        = "\x1b[H"
	clearLine   = "\x1b[K"
	clearRest   = "\x1b[J"
)

func (p *program) topCommand() *cli.Command {
	return &cli.Command{
		Name:  "top",
		Usage: "show live mail sessions",
		Description: "The longest waiting first, drawn anew again and again; q ends it. Where standard output is no terminal it is\n" +
			"written once.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "sort", Value: defaultTopOrder, Usage: "order by `COLUMN`: " + strings.Join(slices.Sorted(maps.Keys(topOrders())), ", ")},
			&cli.StringFlag{Name: "interval", Value: defaultTopInterval, Usage: "draw every `DURATION`"},
		},
		Action: p.top,
	}
}

func (p *program) top(c *cli.Context) error {
	if _, err := p.exactly(c); err != nil {
		return err
	}
	order, ok := topOrders()[c.String("sort")]
	if !ok {
		return usagef("--sort: %s is no column; %s", quote(c.String("sort")), suggest(c.String("sort"), slices.Sorted(maps.Keys(topOrders())), "mirrorgw top --help lists them"))
	}
	interval, err := config.ParseDuration(c.String("interval"))
	if err != nil || interval < minTopInterval {
		return usagef("--interval: %s is not a duration of %v or more: write one such as 2s", quote(c.String("interval")), minTopInterval)
	}
	cfg, err := settings(c)
	if err != nil {
		return err
	}
	page := func(ctx context.Context, rows, columns int) (string, error) {
		s, err := control.Fetch(ctx, cfg.Control.Socket)
		if err != nil {
			return "", err
		}
		return topPage(s, order, rows, columns), nil
	}
	if !isTerminal(p.stdout) {
		text, err := page(c.Context, 0, 0)
		if err == nil {
			_, err = io.WriteString(p.stdout, text)
		}
		return err
	}
	return p.watchTop(c.Context, interval, page)
}

// watchTop draws page on the terminal until somebody wants an end: by a key, where standard input is that terminal too, or
// by a signal.
func (p *program) watchTop(ctx context.Context, interval time.Duration, page func(ctx context.Context, rows, columns int) (string, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if in, ok := p.stdin.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		before, err := term.MakeRaw(int(in.Fd()))
		if err == nil {
			defer func() { _ = term.Restore(int(in.Fd()), before) }() // the terminal may be gone
			go func() {                                               // ends with a key that ends it, with its input, or with the process
				awaitQuit(in)
				cancel()
			}()
		}
	}
	fmt.Fprint(p.stdout, otherScreen)
	defer fmt.Fprint(p.stdout, firstScreen)
	screen := p.stdout.(*os.File)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		columns, rows, err := term.GetSize(int(screen.Fd()))
		if err != nil {
			columns, rows = 80, 24
		}
		text, err := page(ctx, rows, columns)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := io.WriteString(screen, drawn(text)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// drawn returns what draws a page on a terminal in raw mode, where each line needs its own return. A line is cleared before it is written:
// behind one that fills it, its last character would go. No line feed ends the last one, or a full screen would scroll.
func drawn(page string) string {
	lines := strings.Split(strings.TrimSuffix(page, "\n"), "\n")
	last := len(lines) - 1
	for i := range lines[:last] {
		lines[i] = clearLine + lines[i]
	}
	lines[last] = clearRest + lines[last]
	return home + strings.Join(lines, "\r\n")
}

// awaitQuit returns when q, Control-C or Control-D is typed, or nothing more is to come.
func awaitQuit(r io.Reader) {
	key := make([]byte, 1)
	for {
		if _, err := r.Read(key); err != nil || key[0] == 'q' || key[0] == 'Q' || key[0] == 3 || key[0] == 4 {
			return
		}
	}
}
