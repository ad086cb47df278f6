package stack_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mirrorgw/stack"
)

// echo is a bridge whose host sends numbered datagrams through a device, and a loop behind the device that returns them.
//
//	host 10.0.0.1 ── br0 ── mirror0 ── Queue ── echo
type echo struct {
	t      *testing.T
	device *stack.Device
	socket *net.UDPConn
	sent   atomic.Uint64 // numbers given out
	back   atomic.Uint64 // highest one that came back
	writes atomic.Uint64 // of the loop, that failed
}

// startEcho opens the device, and keeps it at work, on a thread. The bridge is there already.
func startEcho(t *testing.T, on thread, cfg stack.DeviceConfig) *echo {
	t.Helper()
	e := &echo{t: t}
	opened := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { // ends with ctx
		err := on(func() (err error) {
			e.device, err = stack.OpenDevice(cfg)
			opened <- err
			if err != nil {
				return nil
			}
			return e.device.Run(ctx)
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		if e.device != nil {
			e.device.Close()
		}
		if e.socket != nil {
			e.socket.Close()
		}
		wg.Wait()
	})
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
	for _, q := range e.device.Queues() {
		wg.Go(func() { e.loop(q) }) // ends with the device
	}
	e.dial()
	wg.Go(func() { // ends with ctx
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_, _ = e.socket.Write(binary.BigEndian.AppendUint64(nil, e.sent.Add(1))) // what is lost is what is measured
			}
		}
	})
	wg.Go(func() { // ends with the socket
		b := make([]byte, 100)
		for {
			n, err := e.socket.Read(b)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if n == 8 {
				e.back.Store(binary.BigEndian.Uint64(b))
			}
		}
	})
	return e
}

// makeHost makes the bridge with the host's address.
func makeHost(t *testing.T) {
	t.Helper()
	bridge := makeBridge(t, "br0")
	// Fixed, since permanent neighbours are forgotten with each change of it.
	if err := netlink.LinkSetHardwareAddr(bridge, net.HardwareAddr{2, 0xbb, 0, 0, 0, 1}); err != nil {
		t.Fatal(err)
	}
	addr := &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(10, 0, 0, 1), Mask: net.CIDRMask(24, 32)}}
	if err := netlink.AddrAdd(bridge, addr); err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetUp(bridge); err != nil {
		t.Fatal(err)
	}
	peer := &netlink.Neigh{
		LinkIndex: bridge.Index, State: netlink.NUD_PERMANENT, IP: net.IPv4(10, 0, 0, 2), HardwareAddr: stack.StableMAC("mirror0"),
	}
	if err := netlink.NeighSet(peer); err != nil {
		t.Fatal(err)
	}
}

func (e *echo) dial() {
	e.t.Helper()
	var err error
	if e.socket, err = net.DialUDP("udp4", &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 7}, &net.UDPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 7}); err != nil {
		e.t.Fatal(err)
	}
}

// loop returns datagrams to their sender.
func (e *echo) loop(q *stack.Queue) {
	bufs, sizes := make([][]byte, 16), make([]int, 16)
	for i := range bufs {
		bufs[i] = make([]byte, 1<<16)
	}
	for {
		n, err := q.ReadFrames(bufs, sizes)
		if err != nil {
			return
		}
		for i := range n {
			eth := bufs[i][stack.VNetHeaderLen:sizes[i]]
			if len(eth) < 50 || eth[12] != 8 || eth[13] != 0 || eth[23] != 17 || eth[33] != 2 {
				continue
			}
			for i := range 6 {
				eth[i], eth[6+i] = eth[6+i], eth[i]
			}
			for i := range 4 {
				eth[26+i], eth[30+i] = eth[30+i], eth[26+i]
			}
			if _, err := q.WriteFrames([][]byte{bufs[i][:sizes[i]]}); err != nil {
				e.writes.Add(1)
			}
		}
	}
}

// recovers waits until a datagram sent from now on comes back, and fails the test after limit.
func (e *echo) recovers(limit time.Duration, after string) time.Duration {
	e.t.Helper()
	begun, first := time.Now(), e.sent.Load()+1
	e.poll(limit, "traffic after "+after, func() bool { return e.back.Load() >= first })
	return time.Since(begun)
}

// poll waits for condition.
func (e *echo) poll(limit time.Duration, what string, condition func() bool) {
	e.t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			state, err := e.device.State()
			e.t.Fatalf("no %s within %s; the device is %s (%v), %+v", what, limit, state, err, e.device.Counters())
		}
	}
}

// becomes waits until the device is in a state, for a reason that says something; "" is any. One that is up has none.
func (e *echo) becomes(want stack.DeviceState, says string) {
	e.t.Helper()
	e.poll(5*time.Second, fmt.Sprintf("device that is %s: %s", want, says), func() bool {
		state, err := e.device.State()
		if state == stack.DeviceUp {
			return state == want && err == nil
		}
		return state == want && err != nil && strings.Contains(err.Error(), says)
	})
}

func setLink(t *testing.T, name string, set func(netlink.Link) error) {
	t.Helper()
	link, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := set(link); err != nil {
		t.Fatal(err)
	}
}

var mirrorOnBridge = stack.DeviceConfig{Name: "mirror0", Bridge: "br0", Log: slog.New(slog.DiscardHandler)}

// TestLinkFlaps sets the interface down and up under traffic, 60 times with a period of 100 ms (REQUIREMENTS C10).
func TestLinkFlaps(t *testing.T) {
	for name, offload := range bothWays {
		t.Run(name, func(t *testing.T) {
			inNamespace(t)
			makeHost(t)
			cfg := mirrorOnBridge
			cfg.Offload = offload
			e := startEcho(t, here(t), cfg)
			e.recovers(5*time.Second, "the start")
			half := time.NewTicker(50 * time.Millisecond)
			defer half.Stop()
			var slowest time.Duration
			for range 60 {
				setLink(t, "mirror0", netlink.LinkSetDown)
				<-half.C
				setLink(t, "mirror0", netlink.LinkSetUp)
				slowest = max(slowest, e.recovers(time.Second, "a flap"))
				<-half.C
			}
			t.Logf("slowest recovery %s; %+v", slowest, e.device.Counters())
			if c := e.device.Counters(); c.Lost != 0 {
				t.Errorf("a flap was taken for a loss: %+v", c)
			}
			e.becomes(stack.DeviceUp, "")
		})
	}
}

// TestLinkSetDownStaysDown: what an administrator did is followed, and told.
func TestLinkSetDownStaysDown(t *testing.T) {
	inNamespace(t)
	makeHost(t)
	e := startEcho(t, here(t), mirrorOnBridge)
	e.recovers(5*time.Second, "the start")
	setLink(t, "mirror0", netlink.LinkSetDown)
	e.becomes(stack.DeviceDown, "ip link set mirror0 up")
	setLink(t, "mirror0", netlink.LinkSetUp)
	e.recovers(time.Second, "it was set up")
	setLink(t, "mirror0", netlink.LinkSetNoMaster)
	e.becomes(stack.DeviceUnfit, "was taken out of bridge br0")
	setLink(t, "mirror0", func(link netlink.Link) error { return netlink.LinkSetMaster(link, tapBridge(t)) })
	e.recovers(time.Second, "it was put back")
	e.becomes(stack.DeviceUp, "")
	if c := e.device.Counters(); c != (stack.DeviceCounters{}) {
		t.Errorf("%+v", c)
	}
}

func tapBridge(t *testing.T) netlink.Link {
	t.Helper()
	bridge, err := netlink.LinkByName("br0")
	if err != nil {
		t.Fatal(err)
	}
	return bridge
}

// TestDeviceIsOpenedAgain deletes the interface, its bridge, and both (REQUIREMENTS C11).
func TestDeviceIsOpenedAgain(t *testing.T) {
	for name, offload := range bothWays {
		t.Run(name, func(t *testing.T) {
			inNamespace(t)
			makeHost(t)
			cfg := mirrorOnBridge
			cfg.Offload, cfg.MTU = offload, 1600
			e := startEcho(t, here(t), cfg)
			e.recovers(5*time.Second, "the start")
			for range 5 {
				setLink(t, "mirror0", netlink.LinkDel)
				t.Logf("recovery after a deletion %s", e.recovers(time.Second, "a deletion"))
			}
			tap := tapOf(t, "mirror0")
			if tap.MTU != 1600 || tap.HardwareAddr[0] != 0xfe || !tap.NonPersist || tap.Queues != len(e.device.Queues()) {
				t.Errorf("it is another now: %+v", tap)
			}
			setLink(t, "br0", netlink.LinkDel)
			e.becomes(stack.DeviceUnfit, "bridge br0 does not exist")
			makeHost(t)
			e.recovers(time.Second, "another bridge")
			setLink(t, "br0", netlink.LinkDel)
			setLink(t, "mirror0", netlink.LinkDel)
			e.becomes(stack.DeviceUnfit, "")
			makeHost(t)
			e.recovers(time.Second, "another bridge and interface")
			e.becomes(stack.DeviceUp, "") // only then all is counted: frames come back before the join has returned
			if c := e.device.Counters(); c.Lost != 6 || c.Reopened != 6 || c.Rejoined < 7 {
				t.Errorf("%+v", c)
			}
		})
	}
}

// TestDeviceOfAServiceUserIsAwaited: it may not make the interface, but opens it once root has.
func TestDeviceOfAServiceUserIsAwaited(t *testing.T) {
	inNamespace(t)
	makeHost(t)
	if err := stack.CreateDevice(mirrorOnBridge, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	e := startEcho(t, as(t, nobody), mirrorOnBridge)
	e.recovers(5*time.Second, "the start")
	for i := range 2 {
		tried := e.device.Counters().ReopenFailed
		setLink(t, "mirror0", netlink.LinkDel)
		e.poll(10*time.Second, "more attempts, far apart by then", func() bool { return e.device.Counters().ReopenFailed >= tried+uint64(7*i) })
		e.becomes(stack.DeviceGone, unix.EPERM.Error())
		if err := stack.CreateDevice(mirrorOnBridge, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		t.Logf("recovery %s", e.recovers(time.Second, "root made it again"))
	}
	e.becomes(stack.DeviceUp, "")
}

// TestNoBusyLoopWhileGone: something else has the interface's name, so that it cannot be opened again, and meanwhile nothing
// turns.
func TestNoBusyLoopWhileGone(t *testing.T) {
	inNamespace(t)
	makeHost(t)
	e := startEcho(t, here(t), mirrorOnBridge)
	e.recovers(5*time.Second, "the start")
	setLink(t, "mirror0", netlink.LinkDel)
	// The device may be quicker, which is a loss too.
	e.poll(5*time.Second, "other interface of its name", func() bool {
		if netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "mirror0"}}) == nil {
			return true
		}
		if link, err := netlink.LinkByName("mirror0"); err == nil {
			_ = netlink.LinkDel(link)
		}
		return false
	})
	e.becomes(stack.DeviceGone, "kind bridge")
	before, begun, tried := cpu(t), time.Now(), e.device.Counters().ReopenFailed
	e.poll(4*time.Second, "second", func() bool { return time.Since(begun) > 2*time.Second })
	used, took := cpu(t)-before, time.Since(begun)
	t.Logf("%s of CPU in %s, %d attempts", used, took, e.device.Counters().ReopenFailed-tried)
	if used > took/2 { // what the test itself needs for a thousand datagrams a second is in it
		t.Errorf("%s of CPU in %s", used, took)
	}
	setLink(t, "mirror0", netlink.LinkDel)
	e.recovers(time.Second, "the name was free again")
}

// cpu returns what this process has used.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// TestDeviceThatCannotBeLookedAt: a process without file descriptors knows no more of its device than it did, which is not that it is
// gone.
func TestDeviceThatCannotBeLookedAt(t *testing.T) {
	inNamespace(t)
	makeHost(t)
	e := startEcho(t, here(t), mirrorOnBridge)
	e.recovers(5*time.Second, "the start")
	news, err := netlink.NewHandle(unix.NETLINK_ROUTE) // with a socket of its own
	if err != nil {
		t.Fatal(err)
	}
	defer news.Close()
	link, err := news.LinkByName("mirror0")
	if err != nil {
		t.Fatal(err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	restore := sync.OnceFunc(func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Error(err)
		}
	})
	defer restore()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	if err := news.LinkSetTxQLen(link, 500); err != nil { // has it looked at
		t.Fatal(err)
	}
	e.poll(8*time.Second, "look that fails", func() bool {
		state, err := e.device.State()
		if state != stack.DeviceUp {
			t.Fatalf("the device is %s, %v", state, err)
		}
		return errors.Is(err, unix.EMFILE)
	})
	e.recovers(time.Second, "the descriptors were gone") // it works all the while
	restore()
	e.poll(8*time.Second, "device that is up", func() bool {
		state, err := e.device.State()
		return state == stack.DeviceUp && err == nil
	})
	if c := e.device.Counters(); c != (stack.DeviceCounters{}) {
		t.Errorf("%+v", c)
	}
}
