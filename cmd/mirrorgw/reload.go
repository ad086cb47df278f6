package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/control"
)

func (p *program) reloadCommand() *cli.Command {
	return &cli.Command{
		Name:  "reload",
		Usage: "have the running gateway read its configuration and rules again",
		Description: "All or nothing: the new configuration and rules are compiled and tested beside the old ones, and take their place\n" +
			"at once or not at all. Running sessions end with what they began with. SIGHUP does the same, and the log says\n" +
			"what came of it. Live are scan, spam, neutralise, shadow, notice, watchdog, log.level, spool.memory, spool.max, quarantine.keep, quarantine.max,\n" +
			"stls, not_pop3, drip, budget and pad of intercept[], and of limits sessions, per_client, per_client_rate, spool_memory,\n" +
			"spool_disk and memory_action; other changes are refused and need a restart.",
		Action: p.reload,
	}
}

func (p *program) reload(c *cli.Context) error {
	if _, err := p.exactly(c); err != nil {
		return err
	}
	cfg, err := settings(c)
	if err != nil {
		if _, wrong := errors.AsType[config.Errors](err); wrong {
			return fmt.Errorf("reload refused, nothing has changed:\n%s", err.Error()) // no more than what the gateway would say
		}
		return err
	}
	answer, err := control.Reload(c.Context, cfg.Control.Socket)
	if err != nil {
		return err
	}
	if answer.Refused != "" {
		return fmt.Errorf("reload refused, nothing has changed:\n%s", answer.Refused)
	}
	what := "rules read again"
	if len(answer.Changed) > 0 {
		what += "; changed: " + strings.Join(answer.Changed, ", ")
	}
	fmt.Fprintln(p.stdout, what)
	return nil
}
