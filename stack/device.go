package stack

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Offload says how a Device is opened.
type Offload uint8

const (
	OffloadAuto Offload = iota // with offload where the kernel allows it, else plain
	OffloadOn                  // with a virtio-net header, TSO and checksum offload, or not at all
	OffloadOff                 // plain: one Ethernet frame of at most the MTU per read and write
)

// maxQueues bounds Config.Queues; the kernel's own bound is 256.
const maxQueues = 8

// DeviceConfig describes a TAP device. Name is required.
type DeviceConfig struct {
	Name    string           // interface name
	Bridge  string           // bridge to join; empty: the interface's membership is left alone
	MAC     net.HardwareAddr // the gateway's own; nil: StableMAC(Name)
	MTU     int              // octets; 0: 1500. An interface that has more keeps it
	Queues  int              // 0: one per CPU, at most 8
	Offload Offload
	Log     *slog.Logger // of what happens to it; nil: slog.Default()
}

// Device is an open TAP interface. Its queues are read and written concurrently; Close ends every read with os.ErrClosed.
// Run keeps it at work.
type Device struct {
	cfg     DeviceConfig // with its defaults
	offload bool
	queues  []*Queue
	lock    *net.UnixListener
	opening opening // how it was opened, and is again

	lost      chan struct{} // a queue found its interface gone
	closed    chan struct{} // closed by Close
	closeOnce sync.Once

	// What Run knows.
	index  int  // of the interface; 0: gone
	bridge int  // index of the bridge it is a port of, or was; 0: none
	fresh  bool // the interface was opened again, and is still to be made what it was

	stateMu  sync.Mutex
	state    DeviceState // guarded by stateMu
	stateErr error       // guarded by stateMu

	lostCount, reopened, reopenFailed, rejoined atomic.Uint64
}

// StableMAC returns a locally administered unicast address that is always the same for this machine and interface name,
// so that clients' neighbour caches outlive a restart.
func StableMAC(name string) net.HardwareAddr {
	id, err := os.ReadFile("/etc/machine-id")
	if err != nil {
		host, _ := os.Hostname() // an empty name still gives a usable address
		id = []byte(host)
	}
	sum := sha256.Sum256(append([]byte("mirrorgw "+name+" "), id...))
	mac := net.HardwareAddr(sum[:6:6])
	mac[0] = mac[0]&^1 | 2
	return mac
}

// OpenDevice opens the TAP interface cfg describes: an existing one is reused and stays what it was, persistent or not; a
// missing one is created and vanishes with Close. On error nothing is left behind.
//
// Errors: ErrBusy when another process has it open; unix.EPERM without the right to; otherwise what was wrong and how to
// mend it.
func OpenDevice(cfg DeviceConfig) (_ *Device, err error) {
	cfg = cfg.withDefaults()
	defer func() {
		if err != nil {
			err = fmt.Errorf("opening device %s: %w", cfg.Name, err)
		}
	}()
	if err := checkName(cfg.Name); err != nil {
		return nil, err
	}
	bridge, err := cfg.findBridge()
	if err != nil {
		return nil, err
	}
	lock, err := lockDevice(cfg.Name)
	if err != nil {
		return nil, err
	}
	d := &Device{cfg: cfg, lock: lock, lost: make(chan struct{}, 1), closed: make(chan struct{}), state: DeviceUp}
	defer func() {
		if err != nil {
			d.Close()
		}
	}()

	found, err := findTAP(cfg.Name)
	switch {
	case err != nil:
		return nil, err
	case found.inUse:
		return nil, ErrBusy
	case found.exists && !found.multiQueue:
		cfg.Queues = 1 // the kernel refuses a second queue, and the multi-queue flag with it
	}
	if err := d.openQueues(cfg, found); err != nil {
		return nil, err
	}
	if err := d.linkConfig().apply(bridge); err != nil {
		return nil, err
	}
	link, err := netlink.LinkByName(cfg.Name)
	if err != nil {
		return nil, fmt.Errorf("finding the interface just opened: %w", err)
	}
	d.index = link.Attrs().Index
	if bridge != nil {
		d.bridge = bridge.Attrs().Index
	}
	return d, nil
}

func (d *Device) linkConfig() linkConfig {
	return linkConfig{name: d.cfg.Name, mac: d.cfg.MAC, mtu: d.cfg.MTU}
}

// withDefaults returns cfg with its zero fields filled in.
func (cfg DeviceConfig) withDefaults() DeviceConfig {
	if cfg.MTU == 0 {
		cfg.MTU = 1500
	}
	if cfg.MAC == nil {
		cfg.MAC = StableMAC(cfg.Name)
	}
	if cfg.Queues <= 0 {
		cfg.Queues = runtime.NumCPU()
	}
	cfg.Queues = min(cfg.Queues, maxQueues)
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return cfg
}

// findBridge looks for the bridge to join; without one it returns nil.
func (cfg DeviceConfig) findBridge() (netlink.Link, error) {
	if cfg.Bridge == "" {
		return nil, nil
	}
	return findBridge(cfg.Bridge)
}

func checkName(name string) error {
	if name == "" || len(name) >= unix.IFNAMSIZ || strings.ContainsAny(name, "%/: \t\n") { // the kernel takes tap%d for a pattern
		return fmt.Errorf("the name must have 1 to %d characters, none of them %%, /, : or blank", unix.IFNAMSIZ-1)
	}
	return nil
}

// openQueues opens cfg.Queues queues in the way cfg.Offload asks for.
func (d *Device) openQueues(cfg DeviceConfig, found tap) error {
	o := opening{name: cfg.Name, multiQueue: !found.exists || found.multiQueue, persistent: found.persistent, offload: cfg.Offload != OffloadOff}
	if !found.exists {
		user := self()
		o.owner = &user
	}
	files, err := o.openAll(cfg.Queues)
	if cfg.Offload == OffloadAuto && errors.Is(err, errOffloadRefused) {
		o.offload = false
		files, err = o.openAll(cfg.Queues)
	}
	if err != nil {
		return err
	}
	d.offload, d.opening = o.offload, o
	if found.exists {
		d.opening.owner = &found.owner
	}
	for _, f := range files {
		d.queues = append(d.queues, newQueue(f, d.offload, d.lost))
	}
	return nil
}

// Name returns the interface's name.
func (d *Device) Name() string { return d.cfg.Name }

// MAC returns the gateway's own address, which is not the interface's: see linkConfig.changes.
func (d *Device) MAC() net.HardwareAddr { return d.cfg.MAC }

// MTU returns the largest packet in octets, Ethernet header not counted.
func (d *Device) MTU() int { return d.cfg.MTU }

// Offload says whether frames carry a virtio-net header with checksum and segmentation offload.
func (d *Device) Offload() bool { return d.offload }

// Queues returns the device's queues. They belong to the device.
func (d *Device) Queues() []*Queue { return d.queues }

// Close ends Run, and every read with os.ErrClosed, and gives the interface back. A second call does nothing.
func (d *Device) Close() error {
	var errs []error
	d.closeOnce.Do(func() {
		close(d.closed)
		for _, q := range d.queues {
			errs = append(errs, q.close())
		}
		errs = append(errs, d.lock.Close())
	})
	return errors.Join(errs...)
}
