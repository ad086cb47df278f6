package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// unit is how a figure is written.
type unit int

const (
	gigabits     unit = iota // of bit/s
	microseconds             // of seconds
	perSecond
)

// scale divides a value, digits are those after the point.
func (u unit) scale() (name string, scale float64, digits int) {
	switch u {
	case gigabits:
		return "Gbit/s", 1e9, 2
	case microseconds:
		return "µs", 1e-6, 0
	default:
		return "/s", 1, 0
	}
}

func (u unit) format(value float64) string {
	name, scale, digits := u.scale()
	return fmt.Sprintf("%.*f %s", digits, value/scale, name)
}

// series is one figure's values, one from each round.
type series []float64

// median is the middle one, or the mean of the two in the middle; 0 for none.
func (s series) median() float64 {
	sorted := slices.Sorted(slices.Values(s))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// cell is a figure as the table has it: the median, then the least and the greatest.
func (u unit) cell(s series) string {
	if len(s) == 0 {
		return "not measured"
	}
	text := u.format(s.median())
	if len(s) > 1 {
		_, scale, digits := u.scale()
		text += fmt.Sprintf(" (%.*f–%.*f)", digits, slices.Min(s)/scale, digits, slices.Max(s)/scale)
	}
	return text
}

// writeTable writes one line for each figure of the mirror's, beside the kernel's.
func writeTable(w io.Writer, measures []*measure) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\tkernel forwarding\tmirror\tratio\taim")
	for _, m := range measures {
		for _, way := range m.ways {
			if way == kernel {
				continue
			}
			name, aim := m.name, m.aim
			if way == plain {
				name, aim = name+", offload off", 0 // the fallback has no aim of its own
			}
			peer, own := m.got[kernel], m.got[way]
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", name, m.unit.cell(peer), m.unit.cell(own), verdict(peer, own, aim))
		}
	}
	return t.Flush()
}

// verdict is the ratio, and whether it is what the project wants.
func verdict(peer, own series, aim float64) string {
	if len(peer) == 0 || len(own) == 0 {
		return "-\t-"
	}
	ratio := own.median() / peer.median()
	if aim == 0 {
		return fmt.Sprintf("%.2f\t-", ratio)
	}
	holds := "holds"
	if ratio < aim {
		holds = "does not hold"
	}
	return fmt.Sprintf("%.2f\tat least %.2f: %s", ratio, aim, holds)
}
