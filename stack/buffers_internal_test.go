package stack

import (
	"net"
	"testing"
)

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

// TestBuffersWhenFlowsCome: a client that takes a large mail goes on with it when there come to be so many flows that new ones have
// smaller buffers.
func TestBuffersWhenFlowsCome(t *testing.T) {
	const (
		warm  = 300 * handData // until the congestion window would fill the larger buffer
		large = 1 << 20
	)
	h := newByHand(t, func(client net.Conn) { _, _ = client.Write(make([]byte, warm+large)) })
	h.connect()
	t.Cleanup(func() { h.become(0) })
	many := false
	for got := 0; got < warm+large; {
		h.next("to a client that takes all, the gateway")
		got += h.received
		h.acknowledge(h.received)
		if !many && got >= warm {
			many = true
			h.become(200)
		}
	}
}

// become has the stack take it that there are so many flows.
func (h *byHand) become(flows int) {
	h.stack.flows.mu.Lock()
	defer h.stack.flows.mu.Unlock()
	h.stack.flows.live = flows
	h.stack.shareBuffersLocked()
}
