package testnet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// VirtioHeaderSize is the length of struct virtio_net_hdr, which precedes each frame a Tap reads or writes (virtio 1.2,
// section 5.1.6, without num_buffers, as TUNSETVNETHDRSZ 10 has it).
const VirtioHeaderSize = 10

const (
	virtioNeedsChecksum = 1 // VIRTIO_NET_HDR_F_NEEDS_CSUM
	virtioNoGSO         = 0 // VIRTIO_NET_HDR_GSO_NONE
)

// ErrVirtioHeader reports a frame whose virtio-net header is short, inconsistent, or asks for segmentation.
var ErrVirtioHeader = errors.New("bad virtio-net header")

// Tap is the bare end of a wire: what a TAP device's file descriptor is to a gateway. Tests also use it as a host that
// sends and sees raw frames. Its methods may be called from any goroutine.
type Tap struct {
	wire *Wire
	port *port
}

// NewTap adds a bare end to the wire. The name is for WireConfig.Filter.
//
// Errors: os.ErrClosed when the wire is closed.
func (w *Wire) NewTap(name string) (*Tap, error) {
	p, err := w.plug(name)
	if err != nil {
		return nil, fmt.Errorf("tap %s: %w", name, err)
	}
	return &Tap{wire: w, port: p}, nil
}

// Close unplugs the tap; a ReadFrames that waits returns. It may be called more than once and returns nil.
func (t *Tap) Close() error {
	t.wire.unplug(t.port)
	return nil
}

// ReadFrames waits for a frame, then takes those that are ready, at most one for each buffer. It fills bufs[i] with a
// virtio-net header of zeroes and a frame, puts their length into sizes[i], and returns how many it filled. It borrows both.
//
// Errors: os.ErrClosed after Close, frames that were queued are then lost; io.ErrShortBuffer when bufs and sizes hold none,
// or a frame does not fit, which is then lost (the frames before it are returned).
func (t *Tap) ReadFrames(bufs [][]byte, sizes []int) (int, error) {
	limit := min(len(bufs), len(sizes))
	if limit == 0 {
		return 0, io.ErrShortBuffer
	}
	select {
	case <-t.port.closed:
		return 0, os.ErrClosed
	default:
	}
	var frame []byte
	select {
	case frame = <-t.port.queue:
	case <-t.port.closed:
		return 0, os.ErrClosed
	}
	for n := 0; ; {
		if VirtioHeaderSize+len(frame) > len(bufs[n]) {
			return n, io.ErrShortBuffer
		}
		clear(bufs[n][:VirtioHeaderSize])
		sizes[n] = VirtioHeaderSize + copy(bufs[n][VirtioHeaderSize:], frame)
		n++
		if n == limit {
			return n, nil
		}
		select {
		case frame = <-t.port.queue:
		default:
			return n, nil
		}
	}
}

// WriteFrames sends frames, each a virtio-net header and an Ethernet frame, and returns how many the wire took. It copies
// them. A checksum the header asks for is filled in, as the kernel does.
//
// Errors: os.ErrClosed after Close; ErrVirtioHeader.
func (t *Tap) WriteFrames(frames [][]byte) (int, error) {
	for n, b := range frames {
		if len(b) < VirtioHeaderSize {
			return n, fmt.Errorf("%w: %d octets", ErrVirtioHeader, len(b))
		}
		frame := append([]byte(nil), b[VirtioHeaderSize:]...)
		if err := completeFrame(b[:VirtioHeaderSize], frame); err != nil {
			return n, err
		}
		if err := t.wire.send(t.port, frame); err != nil {
			return n, err
		}
	}
	return len(frames), nil
}

// completeFrame does to frame what its virtio-net header asks for.
func completeFrame(header, frame []byte) error {
	if gso := header[1]; gso != virtioNoGSO {
		return fmt.Errorf("%w: segmentation type %d on a wire without offload", ErrVirtioHeader, gso)
	}
	if header[0]&virtioNeedsChecksum == 0 {
		return nil
	}
	start := int(binary.LittleEndian.Uint16(header[6:8]))
	at := start + int(binary.LittleEndian.Uint16(header[8:10]))
	if start >= len(frame) || at+2 > len(frame) {
		return fmt.Errorf("%w: checksum at %d from %d in a frame of %d octets", ErrVirtioHeader, at, start, len(frame))
	}
	// The field holds the pseudo-header's sum already, so it is summed along with the rest (RFC 1071).
	sum := uint32(0)
	for i := start; i < len(frame); i += 2 {
		if i+1 < len(frame) {
			sum += uint32(binary.BigEndian.Uint16(frame[i:]))
		} else {
			sum += uint32(frame[i]) << 8
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	value := ^uint16(sum)
	if value == 0 {
		value = 0xffff // an UDP checksum of zero means none (RFC 768); for TCP the two zeroes are equal
	}
	binary.BigEndian.PutUint16(frame[at:], value)
	return nil
}
