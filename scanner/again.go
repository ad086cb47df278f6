package scanner

import (
	"slices"
	"strings"
)

// find takes note of a finding, unless there are too many.
func (x *examination) find(f Finding) {
	if len(x.findings) < maxFindings {
		x.findings = append(x.findings, f)
	}
}

// again is for a leaf of the mail whose content the part at first had before: it says of this one, too, what was found in that one
// and in what openers took out of it, since who has one replaced must know of the other. Errors: ErrStopped when time is up.
func (x *examination) again(part *Part, first string) error {
	if err := x.settled(first); err != nil {
		return err
	}
	for _, f := range slices.Clone(x.findings) {
		inside, ok := strings.CutPrefix(f.Part, first)
		same := ok && inside == ""
		if same && !x.goesByName(f.Engine) || ok && first != "" && strings.HasPrefix(inside, "/") {
			f.Part = part.Path + inside
			x.find(f)
		}
	}
	return x.askNames(part)
}

// goesByName says whether the engine of a name is asked about a content again that has other names.
func (x *examination) goesByName(engine string) bool {
	return slices.ContainsFunc(x.scanner.engines, func(e Engine) bool { return e.Name() == engine && namesMatter(e) })
}

func namesMatter(e Engine) bool {
	n, ok := e.(NameEngine)
	return ok && n.NamesMatter()
}

// askNames asks those engines that go by names about a part whose content all of them have seen. What they have found in the part of
// its path already is not found twice. Errors: ErrStopped when time is up.
func (x *examination) askNames(part *Part) error {
	q := &x.asked
	x.pose(q, part)
	for i, engine := range x.scanner.engines {
		if !namesMatter(engine) {
			continue
		}
		if q.answers[i].asked {
			x.askOne(i, q)
		}
		if x.trace != nil {
			x.trace.answer(x, q, i)
		}
		for _, f := range q.answers[i].Findings {
			if !slices.Contains(x.findings, f) {
				x.find(f)
			}
		}
		if err := x.engineSaid(i, q); err != nil {
			return err
		}
	}
	return x.inTime()
}
