package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"mirrorgw/cmd/mirrorgw/control"
)

func (p *program) statusCommand() *cli.Command {
	return &cli.Command{
		Name:   "status",
		Usage:  "show how the running gateway is",
		Flags:  []cli.Flag{jsonFlag()},
		Action: p.status,
	}
}

func jsonFlag() cli.Flag { return &cli.BoolFlag{Name: "json", Usage: "write JSON"} }

func (p *program) status(c *cli.Context) error {
	if _, err := p.exactly(c); err != nil {
		return err
	}
	cfg, err := settings(c)
	if err != nil {
		return err
	}
	s, err := control.Fetch(c.Context, cfg.Control.Socket)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = writeJSON(p.stdout, s)
	} else {
		err = writeStatus(p.stdout, s)
	}
	if err != nil {
		return err
	}
	if s.Health != control.OK {
		return fmt.Errorf("the gateway is not healthy: it is %s", quote(string(s.Health)))
	}
	return nil
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// writeStatus writes s as a table for people.
func writeStatus(w io.Writer, s *control.Status) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, name+"\t"+format+"\n", args...) }

	row("health", "%s", quote(string(s.Health)))
	row("version", "%s", quote(s.Version))
	row("uptime", "%s", time.Duration(s.Uptime)*time.Second)
	if s.Confinement != "" {
		row("process", "%s", plain(s.Confinement))
	}
	row("bypass", "%s", intakeWords(s.Intake))
	if s.Shadow {
		row("shadow", "ON: mail is judged and delivered whatever is found")
	}
	if s.Device.Name != "" { // an older gateway does not tell
		row("device", "%s %s  %s", quote(s.Device.Name), quote(s.Device.State), plain(s.Device.Detail))
	}
	for _, r := range s.Routers {
		mac := "does not answer"
		if r.MAC != "" {
			mac = "at " + quote(r.MAC)
		}
		switch {
		case r.To != "":
			row("route", "%s  via %s  %s", quote(r.To), quote(r.Address), mac)
		case r.Standby:
			row("router", "%s  %s  (standby)", quote(r.Address), mac)
		default:
			row("router", "%s  %s", quote(r.Address), mac)
		}
	}
	for _, f := range s.Doctor {
		if f.State != "ok" {
			row("doctor", "%s %s  %s", quote(f.Check), quote(f.State), plain(f.Detail))
			if f.Fix != "" {
				row("  fix", "%s", plain(f.Fix))
			}
		}
	}
	row("frames", "received %d  forwarded %d  punted %d  dropped %d", s.Frames.Received, s.Frames.Forwarded, s.Frames.Punted, sum(s.Frames.Dropped))
	for _, reason := range slices.Sorted(maps.Keys(s.Frames.Dropped)) {
		if n := s.Frames.Dropped[reason]; n > 0 {
			row("  dropped", "%s %d", quote(reason), n)
		}
	}
	row("flows", "open %d  total %d  unscanned %d", s.Flows.Open, s.Flows.Total, s.Flows.Unscanned)
	row("sessions", "%s", counts(s.Sessions))
	row("messages", "clean %d  infected %d  unscannable %d", s.Messages.Clean, s.Messages.Infected, s.Messages.Unscannable)
	for _, e := range s.Engines {
		row("engine", "%s %s  %s", quote(e.Name), quote(e.State), plain(e.Detail))
	}
	row("quarantine", "%d mails  %d octets  %s", s.Quarantine.Count, s.Quarantine.Bytes, plain(s.Quarantine.Detail))
	for _, room := range slices.Sorted(maps.Keys(s.Events)) {
		for _, name := range slices.Sorted(maps.Keys(s.Events[room])) {
			if n := s.Events[room][name]; n > 0 {
				row("  "+quote(room), "%s %d", quote(name), n)
			}
		}
	}
	return t.Flush()
}

// counts returns a map of counters as "a 1  b 2".
func counts(m map[string]uint64) string {
	if len(m) == 0 {
		return "none"
	}
	items := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		items = append(items, fmt.Sprintf("%s %d", quote(k), m[k]))
	}
	return strings.Join(items, "  ")
}

func sum(m map[string]uint64) (n uint64) {
	for _, v := range m {
		n += v
	}
	return n
}
