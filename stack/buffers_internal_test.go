package stack

import "testing"

// Few flows have large buffers, and what servers send ahead stays within the budget until each has the least there is.
func TestBufferSizes(t *testing.T) {
	for _, c := range []struct{ flows, receive, send int }{
		{0, 4 << 20, 256 << 10},
		{8, 4 << 20, 256 << 10},
		{9, 2 << 20, 256 << 10},
		{128, 256 << 10, 256 << 10},
		{129, 128 << 10, 128 << 10},
		{512, 64 << 10, 128 << 10},
		{maxFlows, 64 << 10, 128 << 10},
	} {
		receive, send := bufferSizes(defaultReceived, c.flows)
		if receive != c.receive || send != c.send {
			t.Errorf("%d flows: %d and %d octets each, want %d and %d", c.flows, receive, send, c.receive, c.send)
		}
		if receive > minReceiveBuffer && int64(receive)*int64(c.flows) > defaultReceived {
			t.Errorf("%d flows have %d octets together", c.flows, receive*c.flows)
		}
	}
}
