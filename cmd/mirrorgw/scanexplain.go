package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"mirrorgw/scanner"
)

// Bounds of what is shown of one part, in runes or levels.
const (
	maxShownName = 80
	maxIndent    = 16
)

// explainingScan is the scan that tells what it did.
func explainingScan(sc *scanner.Scanner, matchers ...scanner.Matcher) scan {
	return func(ctx context.Context, mail *scanner.Buffer, complete bool) (scanner.Verdict, *scanner.Explanation) {
		return sc.Explain(ctx, mail, complete, matchers...)
	}
}

// explain writes all there is to say of one mail.
func (r *report) explain(j judgement) error {
	w := bufio.NewWriter(r.out)
	fmt.Fprintf(w, "%s\n", quote(j.path))
	writeExplanation(w, &j.verdict, j.told, r.policy)
	fmt.Fprintln(w)
	return w.Flush()
}

// writeExplanation writes a verdict, what follows from it, and the tree of parts, for people.
func writeExplanation(w io.Writer, v *scanner.Verdict, told *scanner.Explanation, policy scanner.Policy) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-8s  %s\n", name, fmt.Sprintf(format, args...))
	}
	row("verdict", "%s", v.Class)
	for _, c := range told.Causes {
		if c.Detail == "" {
			row("cause", "%s", c.Cause)
		} else {
			row("cause", "%s: %s", c.Cause, printed(c.Detail))
		}
	}
	if action, cause := policy.Decide(*v); cause == scanner.CauseNone {
		row("action", "%s", action)
	} else {
		row("action", "%s, as scan.policy says of %s", action, cause)
	}
	row("size", "%d octets", v.Size)
	row("sha256", "%s", hex.EncodeToString(v.SHA256[:]))
	s := &told.Spent
	row("spent", "%d of %d octets expanded, %d of %d parts, %d of %d deep, %s of %s",
		s.Expanded, s.ExpandedMax, s.Parts, s.PartsMax, s.Depth, s.DepthMax, shortTime(s.Took), s.TimeMax)
	for i := range told.Parts {
		writePart(w, &told.Parts[i])
	}
	if told.LeftOut > 0 {
		fmt.Fprintf(w, "  and %d parts more\n", told.LeftOut)
	}
}

// writePart writes one part and, below it, what the engines said.
func writePart(w io.Writer, p *scanner.ExplainedPart) {
	margin := strings.Repeat("  ", 1+min(p.Depth, maxIndent))
	words := []string{describePath(p.Path)}
	if p.Type != "" {
		words = append(words, printed(p.Type))
	}
	if p.Holds != "" {
		words = append(words, "holds "+printed(p.Holds))
	}
	if p.SHA256 != "" {
		words = append(words, fmt.Sprintf("%d octets", p.Size))
	}
	if p.Path != "" {
		words = append(words, "by "+p.Found)
	}
	if p.Name != "" {
		words = append(words, "named "+named(p.Name))
	}
	for _, name := range p.Names {
		words = append(words, "or "+named(name))
	}
	if p.Same != nil {
		words = append(words, "judged as "+describePath(*p.Same))
	}
	fmt.Fprintf(w, "%s%s\n", margin, strings.Join(words, "  "))
	if p.SHA256 != "" && p.Path != "" && p.Same == nil {
		fmt.Fprintf(w, "%s  sha256 %s\n", margin, p.SHA256)
	}
	for i := range p.Said {
		writeAnswer(w, margin+"  ", &p.Said[i])
	}
}

// writeAnswer writes what one engine said.
func writeAnswer(w io.Writer, margin string, a *scanner.ExplainedAnswer) {
	said := "nothing"
	switch {
	case !a.Asked:
		said = "not asked: it failed too often in this mail"
	case len(a.Rules) > 0:
		rules := make([]string, len(a.Rules))
		for i, rule := range a.Rules {
			rules[i] = named(rule)
		}
		said = strings.Join(rules, " ")
	case a.Error != "":
		said = "no answer"
	}
	if a.Error != "" {
		said += ": " + printed(a.Error)
	}
	fmt.Fprintf(w, "%s%s (%s): %s\n", margin, printed(a.Engine), shortTime(a.Took), said)
	for _, m := range a.Matches {
		more := ""
		if m.More > 0 {
			more = fmt.Sprintf("  and %d times more", m.More)
		}
		fmt.Fprintf(w, "%s  %s  %s at %d, %d octets: %s%s\n", margin, named(m.Rule), named(m.String), m.Offset, m.Length, printed(m.Text), more)
	}
}

// printed returns a text from outside, fit for a terminal and bounded.
func printed(s string) string { return scanner.Printable(s, maxShown) }

// named returns a name from outside as one word.
func named(s string) string { return quote(scanner.Printable(s, maxShownName)) }

// describePath names a part for a person.
func describePath(path string) string {
	if path == "" {
		return "whole mail"
	}
	return path
}

// shortTime returns a duration with three digits or so.
func shortTime(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(10 * time.Microsecond).String()
	default:
		return d.Round(10 * time.Millisecond).String()
	}
}
