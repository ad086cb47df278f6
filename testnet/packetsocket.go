package testnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// packetBuffer is what a packet socket holds before the kernel drops, in octets of its own reckoning: some ten thousand
	// frames.
	packetBuffer = 64 << 20

	// packetRoom is the longest frame that is received whole, segmentation offload included.
	packetRoom = 1<<16 + ethernetHeaderSize
)

// ErrFramesLost reports frames that a PacketSocket's buffer had no room for.
var ErrFramesLost = errors.New("the socket's buffer lost frames")

// PacketSocket sends and receives raw Ethernet frames on an interface of a host, below its network stack (packet(7)). What
// the host itself sends is not received. It is for one goroutine that sends and one that receives.
type PacketSocket struct {
	// MAC is the interface's.
	MAC net.HardwareAddr

	fd  int
	buf []byte
}

// OpenPacketSocket opens a packet socket on an interface of the host.
func (h *Host) OpenPacketSocket(interfaceName string) (*PacketSocket, error) {
	s := &PacketSocket{fd: -1, buf: make([]byte, packetRoom)}
	err := h.Do(func() error {
		i, err := net.InterfaceByName(interfaceName)
		if err != nil {
			return err
		}
		s.MAC = i.HardwareAddr
		// With protocol 0 nothing arrives before all is set.
		s.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, packetBuffer); err != nil {
			return os.NewSyscallError("SO_RCVBUFFORCE", err)
		}
		if err := unix.SetsockoptInt(s.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
			return os.NewSyscallError("PACKET_IGNORE_OUTGOING", err)
		}
		const all = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8 // in network order
		return os.NewSyscallError("bind", unix.Bind(s.fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: i.Index}))
	})
	if err != nil {
		if s.fd >= 0 {
			err = errors.Join(err, s.Close())
		}
		return nil, fmt.Errorf("%s: packet socket on %s: %w", h.Name, interfaceName, err)
	}
	return s, nil
}

// Send sends a frame. It borrows it.
func (s *PacketSocket) Send(frame []byte) error {
	for {
		_, err := unix.Write(s.fd, frame)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return os.NewSyscallError("send frame", err)
	}
}

// Receive returns the next frame, which is valid until the next call, and waits for it no longer than limit.
//
// Errors: os.ErrDeadlineExceeded when none came; ErrFramesLost.
func (s *PacketSocket) Receive(limit time.Duration) ([]byte, error) {
	for deadline := time.Now().Add(limit); ; {
		// Asked without waiting first, so that with no limit what is there is still returned.
		n, _, err := unix.Recvfrom(s.fd, s.buf, unix.MSG_DONTWAIT)
		switch {
		case err == nil:
			return s.buf[:n], nil
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EAGAIN):
			return nil, os.NewSyscallError("receive frame", err)
		}
		left := time.Until(deadline)
		if left <= 0 {
			return nil, s.lost()
		}
		wait := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(wait, int(left.Milliseconds())+1); err != nil && !errors.Is(err, unix.EINTR) {
			return nil, os.NewSyscallError("poll", err)
		}
	}
}

// ReceiveUntil hands frames to f until it returns true. f borrows them.
//
// Errors: os.ErrDeadlineExceeded after limit; the context's; ErrFramesLost.
func (s *PacketSocket) ReceiveUntil(ctx context.Context, limit time.Duration, f func(frame []byte) bool) error {
	for deadline := time.Now().Add(limit); ctx.Err() == nil; {
		frame, err := s.Receive(min(time.Until(deadline), 100*time.Millisecond))
		if errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(deadline) {
			continue
		}
		if err != nil {
			return err
		}
		if f(frame) {
			return nil
		}
	}
	return context.Cause(ctx)
}

// Drain forgets the frames that have arrived.
func (s *PacketSocket) Drain() error {
	for {
		_, err := s.Receive(0)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// lost is the error of a receive that waited in vain: a frame that was dropped must not look like one that never was.
func (s *PacketSocket) lost() error {
	statistics, err := unix.GetsockoptTpacketStats(s.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return os.NewSyscallError("PACKET_STATISTICS", err)
	}
	if statistics.Drops > 0 {
		return fmt.Errorf("%w: %d", ErrFramesLost, statistics.Drops)
	}
	return os.ErrDeadlineExceeded
}

// Close closes the socket.
func (s *PacketSocket) Close() error { return os.NewSyscallError("close", unix.Close(s.fd)) }
