package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/control"
)

func (p *program) bypassCommand() *cli.Command {
	return &cli.Command{
		Name:  "bypass",
		Usage: "forward mail unscanned for a while, in an emergency",
		Description: "Sessions that run go on and are scanned. When the bypass ends, sessions that were forwarded are reset once, and come\n" +
			"again through the scanner. It outlives a reload; a restart of the gateway ends it.",
		Action: p.noCommand,
		Subcommands: []*cli.Command{
			{Name: "on", Usage: "forward new mail sessions unscanned, until it is switched off or DURATION (such as 10m) is over", ArgsUsage: "[DURATION]", Action: p.bypassOn},
			{Name: "off", Usage: "scan new mail sessions again", Action: p.bypassOff},
		},
	}
}

func (p *program) bypassOn(c *cli.Context) error {
	words, err := p.operands(c)
	if err != nil {
		return err
	}
	var d time.Duration
	switch len(words) {
	case 0:
	case 1:
		if d, err = config.ParseDuration(words[0]); err != nil || d <= 0 {
			return usagef("%s is not a duration above 0: write one such as 90s, 10m or 2h", quote(words[0]))
		}
	default:
		return usagef("bypass on takes one duration at most, such as 10m")
	}
	return p.bypass(c, true, d)
}

func (p *program) bypassOff(c *cli.Context) error {
	if _, err := p.exactly(c); err != nil {
		return err
	}
	return p.bypass(c, false, 0)
}

func (p *program) bypass(c *cli.Context, on bool, d time.Duration) error {
	cfg, err := settings(c)
	if err != nil {
		return err
	}
	now, refused, err := control.Bypass(c.Context, cfg.Control.Socket, on, d)
	switch {
	case err != nil:
		return err
	case refused != "":
		return fmt.Errorf("bypass refused: %s", plain(refused))
	}
	fmt.Fprintln(p.stdout, intakeWords(now))
	return nil
}

// intakeWords says in a line what becomes of new mail sessions.
func intakeWords(i control.Intake) string {
	reason := ""
	if i.Reason != "" {
		reason = " (" + plain(i.Reason) + ")"
	}
	switch i.State {
	case control.IntakeForward:
		until := ""
		if !i.Until.IsZero() {
			until = ", until " + i.Until.Local().Format(time.DateTime)
		}
		return "ON: new mail sessions are forwarded and not scanned" + until + reason
	case control.IntakeRefuse, control.IntakeReset:
		return "off; new mail sessions are refused for now" + reason
	default:
		return "off: mail is scanned"
	}
}
