//go:build !race

package stack

import (
	"net"
	"testing"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// counter takes frames and counts them.
type counter struct{ frames int }

func (c *counter) WriteFrames(frames [][]byte) (int, error) {
	c.frames += len(frames)
	return len(frames), nil
}

// TestPacketsLeaveWithoutAList: the netstack hands each packet to the NIC as it is. Under the race detector pools lose some of what they are
// given.
func TestPacketsLeaveWithoutAList(t *testing.T) {
	out := &counter{}
	s, err := New(Config{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, MTU: 1500, Writers: []FrameWriter{out}, Neighbours: nowhere{}, Handler: nowhere{}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.ns.Wait()
	defer s.ns.Close()
	packet, before := make([]byte, 60), out.frames
	allocations := testing.AllocsPerRun(100, func() {
		if err := s.ns.WriteRawPacket(ownNIC, header.IPv4ProtocolNumber, buffer.MakeWithData(packet)); err != nil {
			t.Fatal(err)
		}
	})
	if n := out.frames - before; n != 101 {
		t.Errorf("%d frames of 101", n)
	}
	if allocations > 0 {
		t.Errorf("%v allocations for a packet", allocations)
	}
}
