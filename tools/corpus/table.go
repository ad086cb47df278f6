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
	gateway   map[string]judged // by the name of the file
}

// miss is a mail from which somebody extracts the payload and in which the gateway does not find it.
type miss struct {
	mail    mail
	parsers []string
	verdict judged
}

// misses returns those that the gateway takes for clean, or says nothing of, in the order of the corpus.
func (r *result) misses() []miss {
	return r.notFound(func(j judged) bool { return j.Verdict != "unscannable" })
}

// held returns those that the gateway does not find either, but knows that it could not look into.
func (r *result) held() []miss {
	return r.notFound(func(j judged) bool { return j.Verdict == "unscannable" })
}

func (r *result) notFound(how func(judged) bool) []miss {
	var all []miss
	for _, m := range r.mails {
		by := r.extracted.by(m.id)
		if j := r.gateway[m.id+".eml"]; len(by) > 0 && j.Verdict != "infected" && how(j) {
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
	missed, held := r.misses(), r.held()
	fmt.Fprintf(t, "mirrorgw with YARA\t%d (%.1f %%), and %d held as unscannable\n", len(missed), percent(len(missed), len(some)), len(held))
	if err := t.Flush(); err != nil {
		return err
	}
	for _, m := range r.missing {
		fmt.Fprintf(w, "not asked: %s\n", m)
	}
	for _, list := range []struct {
		title string
		mails []miss
	}{{"missed by mirrorgw", missed}, {"held by mirrorgw as unscannable", held}} {
		if len(list.mails) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s:\n", list.title)
		for _, m := range list.mails {
			fmt.Fprintf(t, "%s\t%s\t%s %s\n", m.mail.id, m.verdict.Cause, m.verdict.Detail, fmt.Sprint(m.parsers))
		}
		if err := t.Flush(); err != nil {
			return err
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
