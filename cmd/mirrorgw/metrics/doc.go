// Package metrics offers figures to Prometheus.
//
// # What it holds
//
//   - Page: families of figures, written in Prometheus' text format, version 0.0.4.
//   - Histogram: how long something took, by label.
//   - Server: the page at /metrics of a TCP address of the host.
//
// It counts nothing but durations: the server asks a function for a page each time it is asked for one.
//
// # How it stops
//
// Listen takes the address and starts nothing. Run answers until its context ends.
//
// # Decisions
//
//   - 2026: the text is written here and not by prometheus/client_golang, whose seven modules (protobuf among them) would hold
//     figures a second time that the rooms count already. The format is small and stable. To be reversed when native
//     histograms, exemplars or OpenMetrics are asked for.
//   - 2026: an address in use keeps the gateway from starting: a figure that is missing without a word is noticed when it is
//     needed.
package metrics
