package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// writeTable writes one line for each figure, the peers' beside the mirror's.
func writeTable(w io.Writer, measures []*measure) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\tno gateway\tkernel forwarding\tbare loop\tmirror\tof kernel\tof bare\taim")
	for _, m := range measures {
		for _, f := range m.figures {
			for _, mirror := range []way{offload, plain} {
				if m.measuredOn(mirror) {
					fmt.Fprintln(t, strings.Join(m.line(f, mirror), "\t"))
				}
			}
		}
	}
	return t.Flush()
}

// line is a figure of one of the mirror's two ways, cell by cell.
func (m *measure) line(f *figure, mirror way) []string {
	name, aims := f.name, f.aims
	if mirror == plain {
		name, aims = name+", offload off", nil
	}
	line := []string{name}
	for _, w := range []way{direct, kernel, bare, mirror} {
		line = append(line, m.cell(f, w))
	}
	for _, peer := range []way{kernel, bare} {
		line = append(line, formatRatio(f.ratio(mirror, peer)))
	}
	var verdicts []string
	for _, a := range aims {
		verdicts = append(verdicts, a.verdict(f))
	}
	if len(verdicts) == 0 {
		verdicts = []string{"-"}
	}
	return append(line, strings.Join(verdicts, "; "))
}

// cell is a figure as the table has it: the median, then the least and the greatest.
func (m *measure) cell(f *figure, w way) string {
	s := f.got[w]
	switch {
	case !m.measuredOn(w):
		return "-"
	case len(s) == 0:
		return "not measured"
	case slices.ContainsFunc(s, math.IsNaN):
		return "-" // cannot be told
	}
	text := f.unit.format(s.median())
	if len(s) > 1 {
		_, scale, digits := f.unit.scale()
		text += fmt.Sprintf(" (%.*f–%.*f)", digits, slices.Min(s)/scale, digits, slices.Max(s)/scale)
	}
	return text
}

func formatRatio(r float64) string {
	if math.IsNaN(r) {
		return "-"
	}
	return fmt.Sprintf("%.2f", r)
}
