package stack_test

import (
	"io"
	"net"
	"testing"
	"time"

	"mirrorgw/testnet"
)

// TestBuffersWhenFlowsCome: a client that takes a large mail goes on with it when there come to be so many flows that new ones have
// smaller buffers.
func TestBuffersWhenFlowsCome(t *testing.T) {
	const warm, large = 2 << 20, 8 << 20
	n := newNetwork(t, testnet.WireConfig{}, splice, nil)
	n.listen(server4, func(c net.Conn) {
		_, _ = io.WriteString(c, "hello")
		for _, size := range []int{warm, large} { // the first one opens the windows
			if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
				return
			}
			_, _ = c.Write(make([]byte, size))
		}
	})
	conns, said := n.dialAll(1, server4)
	if count(said, "hello") != 1 {
		t.Fatalf("%q", said)
	}
	c := conns[0]
	take := func(size int64) {
		t.Helper()
		const piece = 1 << 20
		for got := int64(0); got < size; got += piece {
			_ = c.SetReadDeadline(time.Now().Add(10 * time.Second)) // never fails
			if _, err := io.CopyN(io.Discard, c, piece); err != nil {
				t.Fatalf("after %d of %d octets: %v", got, size, err)
			}
		}
	}
	ask := func() {
		t.Helper()
		if _, err := io.WriteString(c, "x"); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	take(warm)
	ask()
	if _, more := n.dialAll(130, server4); count(more, "hello") != 130 { // meanwhile all that lies between server and client fills
		t.Fatalf("%q", more)
	}
	take(large)
}
