package gateway

import (
	"context"
	"io"

	"mirrorgw/forwarder/capture"
)

// Capture writes what filter selects of the frames that pass to w as pcapng until ctx ends; it is a control.CaptureFunc.
func (m *Mirror) Capture(ctx context.Context, filter string, w io.Writer) error {
	f, err := capture.ParseFilter(filter)
	if err != nil {
		return err
	}
	m.log.Info("capture begins", "filter", f.String())
	err = m.tap.Run(ctx, f, w)
	m.log.Info("capture ended", "filter", f.String())
	return err
}
