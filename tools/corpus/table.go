package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// result is what a run has found out.
type result struct {
	mails     []mail
	extracted extracted
	missing   []string          // parsers and scanners that are not there, with the reason
	clamd     map[string]bool   // nil when it is not there
	alone     map[string]judged // what the gateway says with YARA alone, by the name of the file
	both      map[string]judged // with clamd beside YARA; nil when that is not there
}

// miss is a mail from which somebody extracts the payload and in which an engine of the gateway does not find it.
type miss struct {
	mail    mail
	parsers []string
	verdict judged
}

// engines returns the names of the gateway's engines that were asked.
func (r *result) engines() []string {
	if r.clamd == nil {
		return []string{"yara"}
	}
	return []string{"yara", "clamd"}
}

// misses returns those in which an engine of the gateway finds nothing and which it does not hold otherwise, in the order of the corpus.
// All engines are asked about everything, whatever the others say, so that what clamd finds beside YARA it would find alone.
func (r *result) misses(engine string) []miss {
	return r.notFound(engine, func(j judged) bool { return j.Verdict != "unscannable" })
}

// held returns those in which an engine finds nothing either, but of which the gateway knows that it could not look into them.
func (r *result) held(engine string) []miss {
	return r.notFound(engine, func(j judged) bool { return j.Verdict == "unscannable" })
}

func (r *result) notFound(engine string, how func(judged) bool) []miss {
	said := r.alone
	if engine != "yara" {
		said = r.both
	}
	var all []miss
	for _, m := range r.mails {
		by := r.extracted.by(m.id)
		if j := said[m.id+".eml"]; len(by) > 0 && !j.by(engine) && how(j) {
			all = append(all, miss{m, by, j})
		}
	}
	return all
}

// print writes the tables.
func (r *result) print(w io.Writer) error {
	var some []mail
	for _, m := range r.mails {
		if len(r.extracted.by(m.id)) > 0 {
			some = append(some, m)
		}
	}
	fmt.Fprintf(w, "mails in the corpus: %d; a payload is extracted by at least one parser from %d of them\n\n", len(r.mails), len(some))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "READER\tMISSED")
	row := func(name string, sees func(id string) bool) {
		missed := 0
		for _, m := range some {
			if !sees(m.id) {
				missed++
			}
		}
		fmt.Fprintf(t, "%s\t%d (%.1f %%)\n", name, missed, percent(missed, len(some)))
	}
	for _, parser := range slices.Sorted(maps.Keys(r.extracted)) {
		row(parser+" alone", func(id string) bool { return r.extracted[parser][id] })
	}
	if r.clamd != nil {
		row("clamd alone", func(id string) bool { return r.clamd[id] })
	}
	for _, engine := range r.engines() {
		missed, held := r.misses(engine), r.held(engine)
		fmt.Fprintf(t, "mirrorgw with %s\t%d (%.1f %%), and %d held as unscannable\n", engine, len(missed), percent(len(missed), len(some)), len(held))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, m := range r.missing {
		fmt.Fprintf(w, "not asked: %s\n", m)
	}
	for _, engine := range r.engines() {
		for _, list := range []struct {
			title string
			mails []miss
		}{{"missed by mirrorgw with ", r.misses(engine)}, {"held as unscannable by mirrorgw with ", r.held(engine)}} {
			if len(list.mails) == 0 {
				continue
			}
			fmt.Fprintf(w, "\n%s:\n", list.title+engine)
			for _, m := range list.mails {
				fmt.Fprintf(t, "%s\t%s %s\t%s\n", m.mail.id, m.verdict.Verdict, m.verdict.Cause, fmt.Sprint(m.parsers))
			}
			if err := t.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func percent(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return 100 * float64(n) / float64(of)
}
