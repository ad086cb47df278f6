package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// TestCorpusMissesNothing: where a parser extracts a payload, the gateway finds it. It takes each variant with both payloads, each
// with one of the line ends; `make corpus` takes all.
func TestCorpusMissesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("asks a dozen parsers about a thousand mails")
	}
	r, err := measure(t.Context(), ".", t.TempDir(), half)
	if err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	if err := r.print(&table); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", &table)
	if len(r.extracted) < 6 {
		t.Errorf("only %d parsers were asked: %q", len(r.extracted), r.missing)
	}
	for parser, ids := range r.extracted {
		least := len(r.mails) / 4
		if slices.Contains(documentReaders(), parser) {
			least = 2
		}
		if len(ids) < least {
			t.Errorf("%s extracts from %d of %d mails only: is it asked rightly?", parser, len(ids), len(r.mails))
		}
	}
	if len(r.engines()) < 2 {
		t.Errorf("clamd was not asked: %q", r.missing)
	}
	for _, engine := range r.engines() {
		for _, m := range r.misses(engine) {
			t.Errorf("%s: %s extract the payload, the gateway says %s with %s", m.mail.id, strings.Join(m.parsers, ", "), m.verdict.Verdict, engine)
		}
		for _, m := range r.held(engine) {
			// Depth is a limit that a site may set; what else cannot be scanned although others read it is ours to read.
			if m.verdict.Cause != "budget" || !strings.Contains(m.mail.id, "depth") {
				t.Errorf("%s: %s extract the payload, the gateway says %s with %s", m.mail.id, strings.Join(m.parsers, ", "), m.verdict.Cause, engine)
			}
		}
	}
}

// half takes, of the four mails of a variant, the two that share neither payload nor line end.
func half(mails []mail) (some []mail) {
	for i, m := range mails {
		if variant := i / 4; i%4 == variant%2 || i%4 == 3-variant%2 {
			some = append(some, m)
		}
	}
	return some
}

func TestCorpus(t *testing.T) {
	mails, err := corpus()
	if err != nil {
		t.Fatal(err)
	}
	again, err := corpus()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(mails, again) {
		t.Error("made twice, it differs")
	}
	ids, texts, classes := make(map[string]bool), make(map[string]string), make(map[string]int)
	for _, m := range mails {
		if ids[m.id] || strings.ContainsAny(m.id, "/ ") {
			t.Errorf("id %q is there twice, or no file name", m.id)
		}
		ids[m.id] = true
		classes[m.class]++
		if other, ok := texts[m.text]; ok {
			t.Logf("%s is %s", m.id, other)
		}
		texts[m.text] = m.id
		if strings.Contains(m.text, rawMark) {
			t.Errorf("%s: the payload was not put in", m.id)
		}
	}
	if len(texts) < 400 || len(classes) != 15 {
		t.Errorf("%d distinct mails in %d classes", len(texts), len(classes))
	}
	if n := len(half(mails)); n != len(mails)/2 {
		t.Errorf("half of %d mails are %d", len(mails), n)
	}
}
