package stack_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"mirrorgw/testnet"
)

// late is a wire on which, from some moment on, no acknowledgement of the client arrives but those that come with data. IPv4 only.
type late struct {
	mu      sync.Mutex
	begun   bool
	highest uint32        // sequence number behind the data sent to the client since
	at      time.Time     // when the last of it left
	again   time.Duration // after which some of it left once more; 0: not yet
}

func (l *late) filter(from string, frame []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.begun || len(frame) < 60 || !isTCP(frame) {
		return true
	}
	tcp := frame[14+20:]
	size := int(binary.BigEndian.Uint16(frame[16:])) - 20 - int(tcp[12]>>4)*4
	switch end := binary.BigEndian.Uint32(tcp[4:]) + uint32(size); {
	case from == "client":
		return size > 0
	case size == 0 || !bytes.Equal(frame[:6], clientMAC):
	case l.at.IsZero() || int32(end-l.highest) > 0:
		l.highest, l.at = end, time.Now()
	case l.again == 0:
		l.again = time.Since(l.at)
	}
	return true
}

// TestLateClientIsNotProbed: a client that acknowledges late, as one does that is busy with what it got, is sent nothing twice within the
// time that RFC 6298 gives it: the netstack would take what comes of that for a loss, and go on with half of its window.
func TestLateClientIsNotProbed(t *testing.T) {
	wire := new(late)
	n := newNetwork(t, testnet.WireConfig{Filter: wire.filter}, splice, nil)
	reply := strings.Repeat("0123456\n", 800)
	n.listen(server4, func(c net.Conn) {
		for commands := bufio.NewReader(c); ; {
			if _, err := commands.ReadString('\n'); err != nil {
				return
			}
			if _, err := io.WriteString(c, reply); err != nil {
				return
			}
		}
	})
	c, err := n.client.DialTCP(t.Context(), server4)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range 20 { // so that the round trip is known
		wire.mu.Lock()
		wire.begun = i == 19
		wire.mu.Unlock()
		if _, err := io.WriteString(c, "RETR 1\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, len(reply))); err != nil {
			t.Fatal(err)
		}
	}
	testnet.WaitFor(t, "some of it to be sent again", func() bool {
		wire.mu.Lock()
		defer wire.mu.Unlock()
		return wire.again != 0
	})
	if wire.again < 150*time.Millisecond {
		t.Errorf("some of it is sent again after %v", wire.again)
	}
}
