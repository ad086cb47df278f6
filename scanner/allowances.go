package scanner

import (
	"crypto/sha256"
	"log/slog"
)

// Allowances knows the contents that are delivered whatever is found in them, since somebody has looked and released them.
// scanner/quarantine is one.
type Allowances interface {
	Allowed(content [sha256.Size]byte) bool
}

// allowed says whether a mail that calls for something else is to be delivered all the same. Nobody is asked about clean mail, and
// nothing is known of a mail that has not wholly arrived.
func (j *Judge) allowed(v Verdict, action Action, complete bool) bool {
	return j.allowances != nil && action != Deliver && complete && j.allowances.Allowed(v.SHA256)
}

// allow rules on a mail that was released: it is delivered as it came.
func (j *Judge) allow(o Origin, v Verdict, cause Cause) Ruling {
	r := Ruling{Verdict: v, Action: Deliver}
	j.count(o, r)
	j.counted.allowed.Add(1)
	j.record(o, r, cause, slog.Bool("released", true))
	return r
}
