package gateway

import (
	"io"

	"mirrorgw/forwarder/capture"
	"mirrorgw/scanner"
	"mirrorgw/stack"
)

// flowTrace writes what the stack has of a flow as a capture does. It is a scanner.Trace.
type flowTrace struct{ *stack.Trace }

// traceOf returns the trace of a flow, nil where there is none.
func traceOf(f stack.Flow) scanner.Trace {
	if f.Trace == nil {
		return nil
	}
	return flowTrace{f.Trace}
}

// WritePcapng implements scanner.Trace.
func (t flowTrace) WritePcapng(w io.Writer) error {
	traced, before := t.Frames()
	frames := make([]capture.FlowFrame, len(traced))
	for i, f := range traced {
		frames[i] = capture.FlowFrame{Time: f.Time, Server: f.Leg == stack.ServerLeg, Length: f.Length, Headers: f.Headers}
	}
	return capture.WriteFlow(w, frames, before)
}
