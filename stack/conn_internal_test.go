package stack

import (
	"io"
	"slices"
	"testing"
	"testing/synctest"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/waiter"
)

// sink is an endpoint that takes so many octets of each write in turn.
type sink struct {
	tcpip.Endpoint // nothing else is asked of it
	room           []int
	took           []int
}

func (s *sink) Write(p tcpip.Payloader, _ tcpip.WriteOptions) (int64, tcpip.Error) {
	n := min(s.room[len(s.took)], p.Len())
	s.took = append(s.took, n)
	if n == 0 {
		return 0, &tcpip.ErrWouldBlock{}
	}
	if _, err := io.ReadFull(p, make([]byte, n)); err != nil {
		return 0, &tcpip.ErrBadBuffer{}
	}
	return int64(n), nil
}

// TestWriteWaitsForRoom: when only a part could be written, nothing more is before the netstack tells of room: each octet that an
// acknowledgement makes room for would else leave in a frame of its own.
func TestWriteWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{room: []int{600, 0, 300, 1000}}
		var wq waiter.Queue
		c := &conn{ep: s}
		c.out.init(&wq, waiter.WritableEvents)
		result := make(chan int, 1)
		go func() { // ends when all is written
			n, err := c.Write(make([]byte, 1000))
			if err != nil {
				t.Error(err)
			}
			result <- n
		}()
		for _, want := range [][]int{{600}, {600, 0}, {600, 0, 300}} {
			synctest.Wait()
			if !slices.Equal(s.took, want) {
				t.Errorf("took %v, want %v", s.took, want)
			}
			wq.Notify(waiter.WritableEvents)
		}
		if n := <-result; n != 1000 || !slices.Equal(s.took, []int{600, 0, 300, 100}) {
			t.Errorf("%d octets, %v", n, s.took)
		}
	})
}
