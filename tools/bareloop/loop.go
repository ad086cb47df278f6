package main

import (
	"bytes"
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"mirrorgw/stack"
)

const (
	macLen = 6

	// frameRoom holds a virtio header, an Ethernet header and the longest packet of IPv6.
	frameRoom = stack.VNetHeaderLen + 14 + 40 + 65535
)

// queue is one queue of a device; stack.Queue fits.
type queue interface {
	ReadFrames(bufs [][]byte, sizes []int) (int, error)
	WriteFrames(frames [][]byte) (int, error)
}

// loop is the loop of one queue and the memory it works in, all of it made once.
type loop struct {
	from, to net.HardwareAddr
	bufs     [][]byte
	sizes    []int
	out      [][]byte
}

func newLoop(from, to net.HardwareAddr, batch int) *loop {
	l := &loop{from: from, to: to, bufs: make([][]byte, batch), sizes: make([]int, batch), out: make([][]byte, 0, batch)}
	for i := range l.bufs {
		l.bufs[i] = make([]byte, frameRoom) // memory is used only as far as frames fill it
	}
	return l
}

// run forwards until the queue is closed. What the device has no room for is lost, as on a wire.
func (l *loop) run(q queue) error {
	for {
		n, err := q.ReadFrames(l.bufs, l.sizes)
		switch {
		case errors.Is(err, os.ErrClosed):
			return nil
		case err != nil:
			return err
		}
		l.turn(n)
		if len(l.out) == 0 {
			continue
		}
		if _, err := q.WriteFrames(l.out); err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, os.ErrClosed) {
			return err
		}
	}
}

// turn makes out of the first n frames those that go back.
func (l *loop) turn(n int) {
	l.out = l.out[:0]
	for i := range n {
		frame := l.bufs[i][:l.sizes[i]]
		if len(frame) < stack.VNetHeaderLen+2*macLen {
			continue
		}
		macs := frame[stack.VNetHeaderLen:]
		if !bytes.Equal(macs[:macLen], l.from) {
			continue
		}
		copy(macs, l.to)
		copy(macs[macLen:], l.from)
		l.out = append(l.out, frame)
	}
}
