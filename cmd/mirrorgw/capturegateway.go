package main

import (
	"context"
	"io"

	"mirrorgw/forwarder/capture"
)

// capturer is a gateway whose frames can be captured.
type capturer interface {
	// Capture is a control.CaptureFunc.
	Capture(ctx context.Context, filter string, w io.Writer) error
}

// Capture implements capturer.
func (m *mirror) Capture(ctx context.Context, filter string, w io.Writer) error {
	f, err := capture.ParseFilter(filter)
	if err != nil {
		return err
	}
	m.log.Info("capture begins", "filter", f.String())
	err = m.tap.Run(ctx, f, w)
	m.log.Info("capture ended", "filter", f.String())
	return err
}
