package testnet

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// udpBurst is how many datagrams of one flow leave at once, at most.
	udpBurst = 32

	// maxUDPFlows bounds the sockets of one load, maxUDPSize the memory of a datagram.
	maxUDPFlows = 1024
	maxUDPSize  = 65507

	// udpStep is how long a paced sender sleeps when it is ahead. A burst that was missed by more than udpCatchUp is not made up for: it would
	// be a flood of its own.
	udpStep    = 100 * time.Microsecond
	udpCatchUp = time.Millisecond
)

// UDPLoad is a stream of datagrams of one size from one thread, with nobody who answers.
type UDPLoad struct {
	// To is where they go.
	To netip.AddrPort

	// Size is the payload in octets. 18 make the shortest Ethernet frame there is over IPv4, 64 octets with its check sequence.
	Size int

	// Flows is how many sources take turns. 0 is 8.
	Flows int

	// Rate is in datagrams per second, evenly spread; 0 is as many as the machine can make.
	Rate float64

	// Time is how long it lasts.
	Time time.Duration
}

// UDPLoadResult is what came of a UDPLoad.
type UDPLoadResult struct {
	Sent int // datagrams the kernel took
	Took time.Duration
}

// Run sends from a host.
//
// Errors: what the sockets said; the context's.
func (l UDPLoad) Run(ctx context.Context, from *Host) (UDPLoadResult, error) {
	result, err := l.run(ctx, from)
	if err != nil {
		return result, fmt.Errorf("UDP load to %s: %w", l.To, err)
	}
	return result, nil
}

func (l UDPLoad) run(ctx context.Context, from *Host) (result UDPLoadResult, err error) {
	if l.Flows == 0 {
		l.Flows = 8
	}
	if l.Flows < 0 || l.Flows > maxUDPFlows || l.Size < 0 || l.Size > maxUDPSize || l.Rate < 0 || math.IsNaN(l.Rate) || math.IsInf(l.Rate, 0) {
		return result, fmt.Errorf("%d flows of %d octets at %v a second", l.Flows, l.Size, l.Rate)
	}
	sockets, err := l.open(from)
	defer func() {
		for _, s := range sockets {
			err = errors.Join(err, os.NewSyscallError("close", unix.Close(s)))
		}
	}()
	if err != nil {
		return result, err
	}
	// One thread, so that what is measured is not how the sender is scheduled.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	burst := newBurst(l.Size)
	begun := time.Now()
	pace := pace{rate: l.Rate, from: begun}
	for turn := 0; ; turn++ {
		now := time.Now()
		result.Took = now.Sub(begun)
		switch {
		case ctx.Err() != nil:
			return result, context.Cause(ctx)
		case result.Took >= l.Time:
			return result, nil
		}
		due := pace.due(now)
		if due == 0 {
			nap := unix.NsecToTimespec(udpStep.Nanoseconds())
			if err := unix.Nanosleep(&nap, nil); err != nil && !errors.Is(err, unix.EINTR) {
				return result, os.NewSyscallError("nanosleep", err)
			}
			continue
		}
		n, err := burst.send(sockets[turn%len(sockets)], due)
		if err != nil {
			return result, err
		}
		result.Sent += n
		pace.sent += float64(n)
	}
}

// open makes a connected socket for each flow.
func (l UDPLoad) open(from *Host) (sockets []int, err error) {
	family := unix.AF_INET6
	if l.To.Addr().Is4() {
		family = unix.AF_INET
	}
	err = from.Do(func() error {
		for range l.Flows {
			s, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return os.NewSyscallError("socket", err)
			}
			sockets = append(sockets, s)
			if err := syscall.Connect(s, socketAddress(l.To)); err != nil {
				return os.NewSyscallError("connect", err)
			}
		}
		return nil
	})
	return sockets, err
}

// pace spreads datagrams evenly.
type pace struct {
	rate float64 // a second; 0 is without end
	from time.Time
	sent float64 // since from
}

// due is how many datagrams are to be sent now, at most udpBurst.
func (p *pace) due(now time.Time) int {
	if p.rate == 0 {
		return udpBurst
	}
	due := p.rate*now.Sub(p.from).Seconds() - p.sent
	if most := max(1, p.rate*udpCatchUp.Seconds()); due > most {
		p.from, p.sent, due = now, -most, most
	}
	return min(int(due), udpBurst)
}

// burst is the memory of one sendmmsg(2) of equal datagrams.
type burst struct {
	payload  []byte
	vector   unix.Iovec
	messages [udpBurst]message
}

// message is struct mmsghdr.
type message struct {
	header unix.Msghdr
	_      uint32 // what was sent of it
}

func newBurst(size int) *burst {
	b := &burst{payload: make([]byte, max(size, 1))}
	b.vector.Base = &b.payload[0]
	b.vector.SetLen(size)
	for i := range b.messages {
		b.messages[i].header.Iov = &b.vector
		b.messages[i].header.SetIovlen(1)
	}
	return b
}

// send sends up to n datagrams and returns how many the kernel took; none when it had no room, or had an ICMP error to tell of.
func (b *burst) send(socket, n int) (int, error) {
	sent, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(socket), uintptr(unsafe.Pointer(&b.messages)), uintptr(n), 0, 0, 0)
	switch errno {
	case 0:
		return int(sent), nil
	case unix.EINTR, unix.EAGAIN, unix.ENOBUFS, unix.ECONNREFUSED:
		return 0, nil
	default:
		return 0, os.NewSyscallError("sendmmsg", errno)
	}
}
