package main

import (
	"fmt"
	"math"
)

// aim is what the project wants of a figure of the mirror's. The fallback without offload has no aims of its own.
type aim struct {
	of    way     // offload, which the zero value means too, or manyRules
	peer  way     // the figure is divided by this way's
	alone bool    // the figure stands for itself; peer means nothing
	limit float64 // the least that is wanted, or the most
	most  bool
}

// verdict says what is wanted, and whether it holds; "-" where that cannot be told.
func (a aim) verdict(f *figure, mirror way) string {
	value, want, of := f.ratio(mirror, a.peer), fmt.Sprintf("%.2f", a.limit), " of "+a.peer.String()
	if a.alone {
		value, want, of = f.got[mirror].median(), f.unit.format(a.limit), ""
	}
	words, holds := "at least", value >= a.limit
	if a.most {
		words, holds = "at most", value <= a.limit
	}
	switch {
	case math.IsNaN(value):
		return "-"
	case holds:
		return fmt.Sprintf("%s %s%s: holds", words, want, of)
	default:
		return fmt.Sprintf("%s %s%s: does not hold", words, want, of)
	}
}

// ratio is how a way's median stands to a peer's; not a number where one of the two is missing or the peer's is not above zero.
func (f *figure) ratio(w, peer way) float64 {
	of := f.got[peer].median()
	if !(of > 0) {
		return math.NaN()
	}
	return f.got[w].median() / of
}
