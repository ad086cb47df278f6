package stack

import (
	"net"
	"testing"
	"time"

	"mirrorgw/testnet"
)

// TestGrowingRoundTripsStopNothing: a mail whose client acknowledges later and later, though nothing is lost, arrives when meanwhile there was
// nothing to send for a moment.
//
// The netstack's Cubic would keep the rest for good. It leaves slow start when round trips grow, and takes the window that was reached
// at the last loss for what it grows from: none, since there was no loss. So each segment that is acknowledged takes one off the
// window. A window that has just been set back to ten, since nothing was sent for long (RFC 5681 section 4.1), is less than nothing
// when more than ten are acknowledged at once: nothing may be sent, and since nothing is on its way, no timer runs either.
func TestGrowingRoundTripsStopNothing(t *testing.T) {
	const (
		first   = 10 // segments in the first window, RFC 6928
		samples = 8  // of a round trip before Cubic goes by them
		quick   = 50 * time.Millisecond
		slower  = 60 * time.Millisecond
	)
	begun, rest := make([]byte, (1+2+4)*first*handData), make([]byte, 20*first*handData)
	more := make(chan struct{})
	h := newByHand(t, func(client net.Conn) {
		_, _ = client.Write(begun)
		<-more
		_, _ = client.Write(rest)
	})
	h.connect()
	acknowledge := func(octets int) { // and the gateway has taken note
		t.Helper()
		before := h.info()
		h.acknowledge(octets)
		testnet.WaitFor(t, "an acknowledgement to be dealt with", func() bool { return h.info() != before })
	}
	receive := func(segments int) {
		t.Helper()
		for h.received < segments*handData {
			h.next("the gateway")
		}
	}

	receive(first)
	for round := range 2 { // quick ones: the first to be seen, the other for slower ones to be held against
		h.clock.Advance(quick)
		for range first << round {
			acknowledge(handData)
		}
		receive(first << (round + 1))
	}
	h.clock.Advance(quick)
	for range samples - 1 {
		h.clock.Advance(slower)
		acknowledge(handData)
	}
	h.clock.Advance(slower)
	acknowledge(h.received)

	close(more)
	for left := len(rest); left > 0; {
		h.next("with nothing on its way and much to send, the gateway")
		left -= h.received
		h.acknowledge(h.received)
	}
}
