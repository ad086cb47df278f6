package scanner

import "time"

// Defaults of Limits, used where a field is zero.
const (
	DefaultMaxMessage  = 256 << 20
	DefaultMaxExpanded = 400 << 20
	DefaultMaxDepth    = 16
	DefaultMaxParts    = 10_000
	DefaultMaxTime     = 120 * time.Second
)

// Limits bound the work one mail may cause.
type Limits struct {
	Message  int64         // octets of a mail that is looked into at all; beyond: oversize
	Expanded int64         // octets of all decoded parts together; beyond: budget
	Depth    int           // containers around a part; beyond: budget
	Parts    int           // parts of a mail, containers included; beyond: budget
	Time     time.Duration // from the first look to the verdict; beyond: budget
}

// withDefaults returns l with its zero fields filled in.
func (l Limits) withDefaults() Limits {
	if l.Message <= 0 {
		l.Message = DefaultMaxMessage
	}
	if l.Expanded <= 0 {
		l.Expanded = DefaultMaxExpanded
	}
	if l.Depth <= 0 {
		l.Depth = DefaultMaxDepth
	}
	if l.Parts <= 0 {
		l.Parts = DefaultMaxParts
	}
	if l.Time <= 0 {
		l.Time = DefaultMaxTime
	}
	return l
}
