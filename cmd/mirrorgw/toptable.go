package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/scanner"
)

// maxTopUser bounds what is shown of a user's name, in characters.
const maxTopUser = 32

// topOrders are the orders in which flows can be shown: by what is named, the largest number or the first letter first.
func topOrders() map[string]func(a, b control.Flow) int {
	return map[string]func(a, b control.Flow) int{
		"waiting": func(a, b control.Flow) int { return cmp.Compare(b.Waiting, a.Waiting) },
		"age":     func(a, b control.Flow) int { return cmp.Compare(b.Age, a.Age) },
		"octets":  func(a, b control.Flow) int { return cmp.Compare(b.FromServer+b.ToClient, a.FromServer+a.ToClient) },
		"client":  func(a, b control.Flow) int { return strings.Compare(a.Client, b.Client) },
		"server":  func(a, b control.Flow) int { return strings.Compare(a.Server, b.Server) },
		"user":    func(a, b control.Flow) int { return strings.Compare(a.User, b.User) },
		"state":   func(a, b control.Flow) int { return strings.Compare(a.State, b.State) },
	}
}

// topPage returns a screen of what the gateway is doing: a line about the whole, then the flows in the order given, as many lines
// and columns as there is room for (0: any number).
func topPage(s *control.Status, order func(a, b control.Flow) int, rows, columns int) string {
	flows := slices.Clone(s.Flowing)
	slices.SortStableFunc(flows, order)
	var b strings.Builder
	fmt.Fprintf(&b, "mirrorgw %s  %s  up %s  sessions: %s  mail: %d clean, %d infected, %d unscannable\n",
		quote(s.Version), quote(string(s.Health)), time.Duration(s.Uptime)*time.Second, counts(s.Sessions),
		s.Messages.Clean, s.Messages.Infected, s.Messages.Unscannable)
	fmt.Fprintf(&b, "bypass %s\n\n", intakeWords(s.Intake))
	const head = 4 // lines above the flows
	left := 0
	if room := max(rows-head-1, 1); rows > 0 && len(flows) > room {
		flows, left = flows[:room], len(flows)-room
	}
	writeFlows(&b, flows)
	if left > 0 {
		fmt.Fprintf(&b, "… and %d more\n", left)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if rows > 0 {
		lines = lines[:min(len(lines), rows)]
	}
	for i, line := range lines {
		if r := []rune(line); columns > 0 && len(r) > columns {
			lines[i] = string(r[:columns])
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// writeFlows writes flows as a table.
func writeFlows(w io.Writer, flows []control.Flow) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CLIENT\tSERVER\tUSER\tSTATE\tFOR\tAGE\tFROM SERVER\tTO CLIENT\tLAST MAIL")
	for _, f := range flows {
		state := quote(f.State)
		if f.Message > 0 {
			state += fmt.Sprintf(" %d", f.Message)
		}
		if f.Dripping {
			state += ", dripping"
		}
		user, mail := "-", "-"
		if f.User != "" {
			user = quote(scanner.Printable(f.User, maxTopUser))
		}
		if f.Verdict != "" {
			mail = quote(f.Verdict) + ", " + quote(f.Action)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", quote(f.Client), quote(f.Server), user, state,
			time.Duration(f.Waiting)*time.Second, time.Duration(f.Age)*time.Second, octets(f.FromServer), octets(f.ToClient), mail)
	}
	_ = t.Flush() // what it writes to does not fail, or what follows says so
}

// octets returns a number of octets in three digits or so.
func octets(n uint64) string {
	units := "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d", n)
	}
	v, unit := float64(n), -1
	for v >= 1000 && unit < len(units)-1 { // so that there are never four digits
		v /= 1024
		unit++
	}
	return fmt.Sprintf("%.3g%c", v, units[unit])
}
