package metrics

import (
	"math"
	"strconv"
	"strings"
)

// ContentType is the media type of a page.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Kind is what Prometheus takes a family for.
type Kind string

// The kinds of families.
const (
	Counter Kind = "counter" // only grows, until the program starts anew
	Gauge   Kind = "gauge"
	Untyped Kind = "untyped"
)

// Page is a text under construction. Its zero value is empty and ready to use.
type Page struct{ text strings.Builder }

// Family begins a family, whose samples follow. A family is begun once. help is one sentence.
func (p *Page) Family(name string, kind Kind, help string) Family {
	p.head(name, string(kind), help)
	return Family{page: p, name: name}
}

func (p *Page) head(name, kind, help string) {
	p.text.WriteString("# HELP " + name + " " + strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(help) + "\n")
	p.text.WriteString("# TYPE " + name + " " + kind + "\n")
}

// String returns the page.
func (p *Page) String() string { return p.text.String() }

// Family is a family of a Page.
type Family struct {
	page *Page
	name string
}

// Add adds a sample. labels are names and values in turn; each combination is added once. A label with an empty value is
// left out: to Prometheus they are the same.
func (f Family) Add(v float64, labels ...string) { f.page.sample(f.name, v, labels) }

func (p *Page) sample(name string, v float64, labels []string) {
	p.text.WriteString(name)
	sep := byte('{')
	for i := 0; i+1 < len(labels); i += 2 {
		if labels[i+1] == "" {
			continue
		}
		p.text.WriteByte(sep)
		p.text.WriteString(labels[i] + `="` + escape(labels[i+1]) + `"`)
		sep = ','
	}
	if sep == ',' {
		p.text.WriteByte('}')
	}
	p.text.WriteString(" " + number(v) + "\n")
}

// escape returns a label's value as it stands between quotes.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(s, "\uFFFD"))
}

// number returns v as Prometheus reads it; counts in full, as people do.
func number(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "+Inf"
	case v == math.Trunc(v) && math.Abs(v) < 1<<53:
		return strconv.FormatInt(int64(v), 10)
	default:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
}
