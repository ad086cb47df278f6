package service

import (
	"context"
	"io"
	"time"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/cmd/mirrorgw/metrics"
)

// Gateway is what is run: a gateway.Mirror.
type Gateway interface {
	// Run works until ctx ends, then takes no new session, lets the running ones end and returns.
	Run(ctx context.Context) error
	// Ready returns a channel that is closed once frames flow and the engines have passed their self-test.
	Ready() <-chan struct{}
	// Status is called from several goroutines at once, before and after Ready.
	Status() control.Status
	// Metrics returns the figures for Prometheus, those of a status among them. It is called as Status is.
	Metrics(control.Status) *metrics.Page
	// Reload has new sessions begin with what a configuration and its rules say, which differs from the one before only in
	// what may change. On an error nothing has changed.
	Reload(context.Context, *config.Config) error
	// Turns returns a number for each loop that forwards frames: odd while it is at work, and another one at each turn.
	Turns() []uint64
	// Bypass is a control.BypassFunc.
	Bypass(on bool, d time.Duration) (control.Intake, error)
	// Capture is a control.CaptureFunc.
	Capture(ctx context.Context, filter string, w io.Writer) error
}
