package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// page is a table of figures that are measured on the same ways.
type page int

const (
	forwardingPage page = iota // beside the kernel and a loop
	mailPage                   // beside mail proxies
)

// layout is what a page has from left to right.
type layout struct {
	columns []way  // beside the mirror
	mirrors []way  // each a line
	peers   []way  // those of columns that the mirror is divided by
	note    string // below the table
}

func (p page) layout() layout {
	if p == mailPage {
		return layout{
			columns: mailPeers(), mirrors: []way{offload, manyRules}, peers: mailPeers(),
			note: "bare relay: both connections of a session end in the mirror's netstack, and octets are copied between them unread",
		}
	}
	return layout{
		columns: []way{direct, kernel, bare}, mirrors: []way{offload, plain}, peers: []way{kernel, bare},
		note: "bare loop: frames go back out with two MAC addresses changed",
	}
}

// writeTable writes the pages that measures are of, with a blank line between them.
func writeTable(w io.Writer, measures []*measure) error {
	for first := true; len(measures) > 0; first = false {
		n := slices.IndexFunc(measures, func(m *measure) bool { return m.page != measures[0].page })
		if n < 0 {
			n = len(measures)
		}
		if !first {
			fmt.Fprintln(w)
		}
		if err := writePage(w, measures[:n]); err != nil {
			return err
		}
		measures = measures[n:]
	}
	return nil
}

// writePage writes one line for each figure, the peers' beside the mirror's, and what is to be known of them.
func writePage(w io.Writer, measures []*measure) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	l := measures[0].page.layout()
	fmt.Fprintln(t, strings.Join(l.heading(), "\t"))
	for _, m := range measures {
		for _, f := range m.figures {
			for _, mirror := range l.mirrors {
				if m.measuredOn(mirror) {
					fmt.Fprintln(t, strings.Join(m.line(f, mirror), "\t"))
				}
			}
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, l.note)
	return err
}

func (l layout) heading() []string {
	cells := []string{""}
	for _, w := range l.columns {
		cells = append(cells, w.String())
	}
	cells = append(cells, offload.String())
	for _, w := range l.peers {
		cells = append(cells, "of "+w.String())
	}
	return append(cells, "aim")
}

// line is a figure of one of the mirror's two ways, cell by cell.
func (m *measure) line(f *figure, mirror way) []string {
	name, aims := f.name, f.aims
	switch mirror {
	case plain:
		name += ", offload off"
	case manyRules:
		name += ", 1,000 rules"
	}
	l, line := m.page.layout(), []string{name}
	for _, w := range slices.Concat(l.columns, []way{mirror}) {
		line = append(line, m.cell(f, w))
	}
	for _, peer := range l.peers {
		line = append(line, formatRatio(f.ratio(mirror, peer)))
	}
	var verdicts []string
	for _, a := range aims {
		if a.of == mirror || a.of == direct && mirror == offload {
			verdicts = append(verdicts, a.verdict(f, mirror))
		}
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
