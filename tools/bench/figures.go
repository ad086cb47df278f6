package main

import (
	"fmt"
	"math"
	"slices"
)

// unit is how a figure is written.
type unit int

const (
	gigabits     unit = iota // of bit/s
	microseconds             // of seconds
	perSecond
	percent      // of fractions
	cpuSeconds   // of seconds
	milliseconds // of seconds
	megabytes    // of octets, per second
	kibibytes    // of octets
)

// scale divides a value, digits are those after the point.
func (u unit) scale() (name string, scale float64, digits int) {
	switch u {
	case gigabits:
		return "Gbit/s", 1e9, 2
	case microseconds:
		return "µs", 1e-6, 0
	case percent:
		return "%", 1e-2, 2
	case cpuSeconds:
		return "s", 1, 2
	case milliseconds:
		return "ms", 1e-3, 2
	case megabytes:
		return "MB/s", 1e6, 0
	case kibibytes:
		return "KiB", 1 << 10, 1
	default:
		return "/s", 1, 0
	}
}

func (u unit) format(value float64) string {
	name, scale, digits := u.scale()
	return fmt.Sprintf("%.*f %s", digits, value/scale, name)
}

// series is one figure's values, one from each round.
type series []float64

// median is the middle one, or the mean of the two in the middle; not a number for none.
func (s series) median() float64 {
	sorted := slices.Sorted(slices.Values(s))
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// percentile is the least value that p percent of all do not exceed; not a number for none.
func (s series) percentile(p int) float64 {
	sorted := slices.Sorted(slices.Values(s))
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	return sorted[max((n*p+99)/100, 1)-1]
}
