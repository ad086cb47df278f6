package metrics

import (
	"maps"
	"math"
	"slices"
	"sync"
	"time"
)

const nBounds = 16

// bounds returns the upper ends of a histogram's buckets in seconds: a small part takes a fraction of a millisecond, and a mail
// may take two minutes.
func bounds() [nBounds]float64 {
	return [...]float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120}
}

// Histogram counts durations, by the value of one label. It is safe for concurrent use; its zero value is ready.
type Histogram struct {
	mu     sync.Mutex
	series map[string]*series // guarded by mu
}

type series struct {
	buckets [nBounds + 1]uint64 // each only its own; the last is beyond all bounds
	sum     time.Duration
}

// Observe counts one duration. The caller sees to it that there are few values of the label.
func (h *Histogram) Observe(value string, took time.Duration) {
	at := nBounds
	for i, b := range bounds() {
		if took.Seconds() <= b {
			at = i
			break
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.series[value]
	if s == nil {
		if h.series == nil {
			h.series = make(map[string]*series)
		}
		s = &series{}
		h.series[value] = s
	}
	s.buckets[at]++
	s.sum += took
}

// Histogram adds h to the page as a family of its own.
func (p *Page) Histogram(name, help, label string, h *Histogram) {
	p.head(name, "histogram", help)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, value := range slices.Sorted(maps.Keys(h.series)) {
		s := h.series[value]
		count := uint64(0)
		for i, n := range s.buckets {
			count += n
			bound := math.Inf(1)
			if i < nBounds {
				bound = bounds()[i]
			}
			p.sample(name+"_bucket", float64(count), []string{label, value, "le", number(bound)})
		}
		p.sample(name+"_sum", s.sum.Seconds(), []string{label, value})
		p.sample(name+"_count", float64(count), []string{label, value})
	}
}
