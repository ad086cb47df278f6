package config

import "time"

// Bounds of the times of a session.
const (
	minDrip   = time.Second
	maxDrip   = time.Minute // the least time after which mail clients give up
	minBudget = time.Minute
	maxBudget = 24 * time.Hour
)

// span reads v as a duration within bounds.
func (v value) span(low, high time.Duration, to *time.Duration) {
	var d time.Duration
	v.duration(&d)
	switch {
	case d == 0: // said already
	case d < low || d > high:
		v.fail("%s: %s is not from %s to %s", v.name(), formatDuration(d), formatDuration(low), formatDuration(high))
	default:
		*to = d
	}
}
