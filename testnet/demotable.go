package testnet

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// seenWidth is how much of what was seen fits a line of the table, in characters.
const seenWidth = 60

// demoTable is what the demonstration found, line by line.
type demoTable []demoLine

type demoLine struct {
	what, expected, seen string
}

func (l demoLine) holds() bool { return l.expected == l.seen }

func (t *demoTable) add(what, expected, seen string) {
	*t = append(*t, demoLine{what: what, expected: expected, seen: seen})
}

// failedStep adds a line for something that could not be looked at.
func (t *demoTable) failedStep(what, expected string, err error) {
	t.add(what, expected, "error: "+oneLine(err))
}

func (t demoTable) failed() int {
	failed := 0
	for _, line := range t {
		if !line.holds() {
			failed++
		}
	}
	return failed
}

// write sets the table in columns.
func (t demoTable) write(w io.Writer) {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, "LINE\tEXPECTED\tSEEN\t")
	for _, line := range t {
		mark := "ok"
		if !line.holds() {
			mark = "FAIL"
		}
		fmt.Fprintf(columns, "%s\t%s\t%s\t%s\n", line.what, line.expected, shorten(line.seen), mark)
	}
	_ = columns.Flush() // whoever asked for the table has gone away
}

// oneLine is an error for a cell: what it said last is most often what went wrong.
func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}

// shorten keeps the end of a text that is too long.
func shorten(text string) string {
	if r := []rune(text); len(r) > seenWidth {
		return "…" + string(r[len(r)-seenWidth+1:])
	}
	return text
}
