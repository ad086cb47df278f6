package stack_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"mirrorgw/stack"
)

// inNamespace gives the test a network namespace of its own, for as long as it runs.
func inNamespace(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, for a network namespace and a TAP device")
	}
	runtime.LockOSThread() // never unlocked: should the way back fail, the thread ends with the test's goroutine
	home, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	own, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := netns.Set(home); err != nil {
			t.Error(err)
		}
		own.Close()
		home.Close()
	})
}

// openDevice opens a device that the test closes.
func openDevice(t *testing.T, cfg stack.DeviceConfig) *stack.Device {
	t.Helper()
	d, err := stack.OpenDevice(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// persistentTAP makes one as ip-tuntap(8) does.
func persistentTAP(t *testing.T, name string, flags netlink.TuntapFlag) {
	t.Helper()
	link := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: name}, Mode: netlink.TUNTAP_MODE_TAP, Flags: flags}
	if err := netlink.LinkAdd(link); err != nil {
		t.Fatal(err)
	}
	for _, f := range link.Fds {
		f.Close()
	}
}

func exists(name string) bool {
	_, err := netlink.LinkByName(name)
	return err == nil
}

var bothWays = map[string]stack.Offload{"offload": stack.OffloadOn, "plain": stack.OffloadOff}

// exchange has the kernel send a datagram out of the device, and sends it back.
func exchange(t *testing.T, d *stack.Device) {
	t.Helper()
	link, err := netlink.LinkByName(d.Name())
	if err != nil {
		t.Fatal(err)
	}
	addr := &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(10, 0, 0, 1), Mask: net.CIDRMask(24, 32)}}
	if err := netlink.AddrReplace(link, addr); err != nil {
		t.Fatal(err)
	}
	peer := &netlink.Neigh{LinkIndex: link.Attrs().Index, State: netlink.NUD_PERMANENT, IP: net.IPv4(10, 0, 0, 2), HardwareAddr: d.MAC()}
	if err := netlink.NeighSet(peer); err != nil {
		t.Fatal(err)
	}
	socket, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 7}, &net.UDPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 7})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	payload := bytes.Repeat([]byte("to the gateway "), 80)
	if _, err := socket.Write(payload); err != nil {
		t.Fatal(err)
	}

	frame := readFrame(t, d, payload)
	vnet, eth := frame[:stack.VNetHeaderLen], frame[stack.VNetHeaderLen:]
	if needsCsum := vnet[0]&1 != 0; needsCsum != d.Offload() {
		t.Errorf("virtio header % x with offload %v", vnet, d.Offload())
	}
	for i := range 6 {
		eth[i], eth[6+i] = eth[6+i], eth[i]
	}
	for i := range 4 { // the sums stay what they are
		eth[26+i], eth[30+i] = eth[30+i], eth[26+i]
	}
	if n, err := d.Queues()[0].WriteFrames([][]byte{frame}); n != 1 || err != nil {
		t.Fatalf("wrote %d frames, %v", n, err)
	}
	got := make([]byte, 2000)
	n, err := socket.Read(got)
	if err != nil || !bytes.Equal(got[:n], payload) {
		t.Errorf("%d octets came back, %v", n, err)
	}
}

// readFrame returns the frame with payload at its end, whichever queue it takes.
func readFrame(t *testing.T, d *stack.Device, payload []byte) []byte {
	t.Helper()
	found := make(chan []byte, len(d.Queues()))
	for _, q := range d.Queues() {
		go func() { // ends with the frame, or with the device
			bufs, sizes := [][]byte{make([]byte, 1<<16), make([]byte, 1<<16)}, make([]int, 2)
			for {
				n, err := q.ReadFrames(bufs, sizes)
				if err != nil {
					return
				}
				for i := range n {
					if frame := bufs[i][:sizes[i]]; bytes.HasSuffix(frame, payload) {
						found <- frame
						return
					}
				}
			}
		}()
	}
	return <-found
}

func TestDeviceCarriesFrames(t *testing.T) {
	for name, offload := range bothWays {
		t.Run(name, func(t *testing.T) {
			inNamespace(t)
			d := openDevice(t, stack.DeviceConfig{Name: "mirror0", Offload: offload})
			if d.Offload() != (offload == stack.OffloadOn) || len(d.Queues()) != min(runtime.NumCPU(), 8) {
				t.Errorf("offload %v, %d queues", d.Offload(), len(d.Queues()))
			}
			exchange(t, d)
			if err := d.Close(); err != nil {
				t.Error(err)
			}
			if exists("mirror0") {
				t.Error("the device it made is still there")
			}
		})
	}
}

// TestPersistentDeviceIsReused opens one persistent TAP in every order: what the user before left set must not matter.
func TestPersistentDeviceIsReused(t *testing.T) {
	for name, flags := range map[string]netlink.TuntapFlag{
		"multi-queue":  netlink.TUNTAP_MULTI_QUEUE_DEFAULTS,
		"single queue": netlink.TUNTAP_NO_PI,
	} {
		t.Run(name, func(t *testing.T) {
			inNamespace(t)
			persistentTAP(t, "mirror0", flags)
			for _, offload := range []stack.Offload{stack.OffloadOff, stack.OffloadOn, stack.OffloadOff, stack.OffloadAuto} {
				d := openDevice(t, stack.DeviceConfig{Name: "mirror0", Offload: offload})
				if d.Offload() == (offload == stack.OffloadOff) {
					t.Errorf("asked for %d, got offload %v", offload, d.Offload())
				}
				exchange(t, d)
				if err := d.Close(); err != nil {
					t.Fatal(err)
				}
				if !exists("mirror0") {
					t.Fatal("the persistent device is gone")
				}
			}
		})
	}
}

func TestDeviceJoinsBridge(t *testing.T) {
	inNamespace(t)
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}
	if err := netlink.LinkAdd(bridge); err != nil {
		t.Fatal(err)
	}
	d := openDevice(t, stack.DeviceConfig{Name: "mirror0", Bridge: "br0", MTU: 1600})
	link, err := netlink.LinkByName("mirror0")
	if err != nil {
		t.Fatal(err)
	}
	a := link.Attrs()
	if a.MasterIndex != bridge.Index || a.MTU != 1600 || a.TxQLen != 5000 || a.Flags&net.FlagUp == 0 {
		t.Errorf("master %d, MTU %d, queue of %d, flags %s", a.MasterIndex, a.MTU, a.TxQLen, a.Flags)
	}
	if a.HardwareAddr.String() == d.MAC().String() || a.HardwareAddr[0] != 0xfe {
		t.Errorf("the port's address is %s, the gateway's %s", a.HardwareAddr, d.MAC())
	}
}

func TestStableMAC(t *testing.T) {
	a, b := stack.StableMAC("mirror0"), stack.StableMAC("mirror1")
	if a.String() != stack.StableMAC("mirror0").String() || a.String() == b.String() || a[0]&3 != 2 {
		t.Errorf("%s, %s", a, b)
	}
}

func TestDeviceErrors(t *testing.T) {
	tests := []struct {
		name  string
		setUp func(t *testing.T)
		cfg   stack.DeviceConfig
		want  string
	}{
		{"no name", nil, stack.DeviceConfig{}, "the name must have 1 to 15 characters"},
		{"long name", nil, stack.DeviceConfig{Name: "sixteencharacter"}, "the name must have 1 to 15 characters"},
		{"no bridge", nil, stack.DeviceConfig{Name: "mirror0", Bridge: "br9"}, "bridge br9 does not exist"},
		{"bridge is none", nil, stack.DeviceConfig{Name: "mirror0", Bridge: "lo"}, "lo is not a bridge"},
		{"name taken", func(t *testing.T) {
			if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "mirror0"}}); err != nil {
				t.Fatal(err)
			}
		}, stack.DeviceConfig{Name: "mirror0"}, "an interface of kind bridge has this name"},
		{
			"busy with us", func(t *testing.T) { openDevice(t, stack.DeviceConfig{Name: "mirror0"}) },
			stack.DeviceConfig{Name: "mirror0"},
			"in use by another process",
		},
		{"busy with a stranger", func(t *testing.T) {
			link := &netlink.Tuntap{
				LinkAttrs: netlink.LinkAttrs{Name: "mirror0"}, Mode: netlink.TUNTAP_MODE_TAP,
				Flags: netlink.TUNTAP_MULTI_QUEUE_DEFAULTS, NonPersist: true, Queues: 1,
			}
			if err := netlink.LinkAdd(link); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { link.Fds[0].Close() })
		}, stack.DeviceConfig{Name: "mirror0"}, "in use by another process"},
		{"MTU out of range", nil, stack.DeviceConfig{Name: "mirror0", MTU: 9_000_000}, "setting its MTU to 9000000"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inNamespace(t)
			if test.setUp != nil {
				test.setUp(t)
			}
			had := exists("mirror0")
			d, err := stack.OpenDevice(test.cfg)
			if err == nil {
				d.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q does not say %q", err, test.want)
			}
			if exists("mirror0") != had {
				t.Error("an interface was left behind, or taken away")
			}
		})
	}
}

func TestDeviceNeedsRights(t *testing.T) {
	inNamespace(t)
	err := as(t, 0)(func() error {
		d, err := stack.OpenDevice(stack.DeviceConfig{Name: "mirror0"})
		if err == nil {
			d.Close()
		}
		return err
	})
	if !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "run as root") {
		t.Errorf("%v", err)
	}
}

func TestCloseEndsReads(t *testing.T) {
	for name, offload := range bothWays {
		t.Run(name, func(t *testing.T) {
			inNamespace(t)
			d := openDevice(t, stack.DeviceConfig{Name: "mirror0", Offload: offload, Queues: 1})
			ended := make(chan error)
			go func() { // ends with the device
				bufs, sizes := [][]byte{make([]byte, 1<<16)}, make([]int, 1)
				for {
					if _, err := d.Queues()[0].ReadFrames(bufs, sizes); err != nil {
						ended <- err
						return
					}
				}
			}()
			d.Close()
			if err := <-ended; !errors.Is(err, os.ErrClosed) {
				t.Errorf("reading: %v", err)
			}
			if _, err := d.Queues()[0].WriteFrames([][]byte{make([]byte, 100)}); !errors.Is(err, os.ErrClosed) {
				t.Errorf("writing: %v", err)
			}
		})
	}
}

func TestQueuesDoNotAllocate(t *testing.T) {
	for name, offload := range bothWays {
		t.Run(name, func(t *testing.T) {
			inNamespace(t)
			d := openDevice(t, stack.DeviceConfig{Name: "mirror0", Offload: offload, Queues: 1})
			q := d.Queues()[0]
			frame := make([]byte, stack.VNetHeaderLen+60)
			copy(frame[stack.VNetHeaderLen:], "\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x88\xb5")
			frames := [][]byte{frame}
			if got := testing.AllocsPerRun(100, func() {
				if _, err := q.WriteFrames(frames); err != nil {
					t.Error(err)
				}
			}); got != 0 {
				t.Errorf("%v allocations to write a frame", got)
			}

			link, err := netlink.LinkByName("mirror0")
			if err != nil {
				t.Fatal(err)
			}
			fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			to := &unix.SockaddrLinklayer{Ifindex: link.Attrs().Index, Halen: 6}
			for range 300 {
				if err := unix.Sendto(fd, frame[stack.VNetHeaderLen:], 0, to); err != nil {
					t.Fatal(err)
				}
			}
			bufs, sizes := [][]byte{make([]byte, 1<<16), make([]byte, 1<<16)}, make([]int, 2)
			if got := testing.AllocsPerRun(100, func() {
				if _, err := q.ReadFrames(bufs, sizes); err != nil {
					t.Error(err)
				}
			}); got != 0 {
				t.Errorf("%v allocations to read frames", got)
			}
		})
	}
}
