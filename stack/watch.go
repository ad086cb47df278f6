package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// DeviceState is how a Device is, for whoever looks after it. Frames flow when it is DeviceUp, and may when it is
// DeviceUnfit.
type DeviceState uint8

const (
	DeviceGone  DeviceState = iota // the interface was deleted, and is being opened again
	DeviceDown                     // somebody set it down; once it is up again frames flow
	DeviceUnfit                    // it is up but not as configured, such as no port of its bridge
	DeviceUp
)

func (s DeviceState) String() string {
	switch s {
	case DeviceGone:
		return "gone"
	case DeviceDown:
		return "down"
	case DeviceUnfit:
		return "unfit"
	case DeviceUp:
		return "up"
	}
	return fmt.Sprintf("DeviceState(%d)", uint8(s))
}

// State returns how the device was when Run last could look, and what is wrong, for a person: with it, unless it is DeviceUp, or with
// looking.
func (d *Device) State() (DeviceState, error) {
	d.stateMu.Lock()
	defer d.stateMu.Unlock()
	return d.state, d.stateErr
}

// DeviceCounters say what a Device has been through since it was opened.
type DeviceCounters struct {
	Lost         uint64 // times the interface was found gone
	Reopened     uint64 // times it was opened again
	ReopenFailed uint64 // attempts at it that failed
	Rejoined     uint64 // times a bridge that had been deleted was joined again
}

// Counters returns the counters as they are now.
func (d *Device) Counters() DeviceCounters {
	return DeviceCounters{
		Lost: d.lostCount.Load(), Reopened: d.reopened.Load(), ReopenFailed: d.reopenFailed.Load(), Rejoined: d.rejoined.Load(),
	}
}

// How often Run looks at the interface.
const (
	shortestLook = 100 * time.Millisecond // however much happens, and first after a failure
	longestLook  = 5 * time.Second        // when nothing is heard: the kernel drops news that nobody takes in time
)

// Run keeps the device at work until ctx ends or it is closed, whatever is done to the interface; then it returns nil. It works
// in the network namespace of the thread it is called on.
//
// An interface that was deleted is opened again as it was, made if it has to be, and joins its bridge; meanwhile ReadFrames
// waits and WriteFrames errs. A bridge that was deleted is joined again when there is one of its name. What an administrator
// did to the interface itself is followed, not undone: one set down or taken out of its bridge stays so until somebody
// sets it up or puts it back.
func (d *Device) Run(ctx context.Context) error {
	news := &linkNews{names: [2]string{d.cfg.Name, d.cfg.Bridge}}
	defer news.end()
	backOff := shortestLook
	for {
		news.begin()
		state, err := d.look()
		d.setState(state, err)
		wait := longestLook
		if err != nil {
			wait, backOff = backOff, min(2*backOff, longestLook)
		} else {
			backOff = shortestLook
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-d.closed:
		case <-d.lost:
		case <-news.heard:
		case <-timer.C:
		}
		timer.Reset(shortestLook) // not sooner, lest what the look itself caused is news for ever
		select {
		case <-ctx.Done():
			return nil
		case <-d.closed:
			return nil
		case <-timer.C:
		}
	}
}

// setState publishes what look found, and logs what is new.
func (d *Device) setState(state DeviceState, err error) {
	d.stateMu.Lock()
	old := d.state
	d.state, d.stateErr = state, err
	d.stateMu.Unlock()
	switch state {
	case old:
	case DeviceUp:
		d.cfg.Log.Info("device works again", "device", d.cfg.Name)
	default:
		d.cfg.Log.Warn("device", "device", d.cfg.Name, "state", state.String(), "error", err)
	}
}

// look mends what is broken and says how the device is now. Without an error it is DeviceUp. A process that has no file descriptor left
// cannot look; its device is as it was.
func (d *Device) look() (DeviceState, error) {
	state, err := d.lookAt()
	if d.index != 0 && (errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE)) {
		state, _ = d.State()
		return state, fmt.Errorf("as it was when last looked at: %w", err)
	}
	return state, err
}

// lookAt is look for a process that has what it needs for it.
func (d *Device) lookAt() (DeviceState, error) {
	if d.index != 0 && d.isGone() {
		d.index = 0
		d.lostCount.Add(1)
		for _, q := range d.queues {
			q.swap(nil)
		}
	}
	if d.index == 0 {
		if err := d.reopen(); err != nil {
			d.reopenFailed.Add(1)
			return DeviceGone, err
		}
		d.reopened.Add(1)
	}
	link, err := netlink.LinkByIndex(d.index)
	if err != nil {
		return DeviceGone, fmt.Errorf("looking at the interface: %w", err)
	}
	if d.fresh {
		if err := d.linkConfig().apply(nil); err != nil {
			return DeviceUnfit, err
		}
		d.fresh = false
	}
	if err := d.rejoin(link); err != nil {
		return DeviceUnfit, err
	}
	if link, err = netlink.LinkByIndex(d.index); err == nil && link.Attrs().Flags&net.FlagUp == 0 {
		return DeviceDown, fmt.Errorf("interface %s is down: ip link set %s up", link.Attrs().Name, link.Attrs().Name)
	}
	return DeviceUp, nil
}

// isGone says whether the interface the queues are of is no more.
func (d *Device) isGone() bool {
	for _, q := range d.queues {
		if f := q.file.Load(); f == nil || f.gone.Load() {
			return true
		}
	}
	_, err := netlink.LinkByIndex(d.index)
	return errors.As(err, &netlink.LinkNotFoundError{})
}

// reopen opens the interface as it was opened first. It is fresh then: what it is like is still to be set.
func (d *Device) reopen() error {
	found, err := findTAP(d.cfg.Name)
	switch {
	case err != nil:
		return err
	case found.inUse:
		return ErrBusy
	case found.exists && !found.multiQueue && len(d.queues) > 1:
		return fmt.Errorf("interface %s has a single queue now, not %d: delete it, or restart", d.cfg.Name, len(d.queues))
	}
	o := d.opening
	if found.exists {
		o.multiQueue, o.persistent, o.owner = found.multiQueue, found.persistent, nil
	}
	files, err := o.openAll(len(d.queues))
	if err != nil {
		return fmt.Errorf("opening interface %s again: %w", d.cfg.Name, err)
	}
	link, err := netlink.LinkByName(d.cfg.Name)
	if err != nil {
		for _, f := range files {
			f.close()
		}
		return fmt.Errorf("finding the interface just opened: %w", err)
	}
	d.index, d.bridge, d.fresh = link.Attrs().Index, 0, true
	for i, q := range d.queues {
		q.swap(files[i])
	}
	if d.cfg.Bridge != "" {
		_ = noHostAddress(link) // before it comes up; joining the bridge does it again, and says why not
	}
	return nil
}

// rejoin makes link a port of the bridge again when the one it was a port of is gone.
func (d *Device) rejoin(link netlink.Link) error {
	if d.cfg.Bridge == "" {
		return nil
	}
	bridge, err := findBridge(d.cfg.Bridge)
	if err != nil {
		return err
	}
	name, index := bridge.Attrs().Name, bridge.Attrs().Index
	switch {
	case link.Attrs().MasterIndex == index:
		d.bridge = index
		return nil
	case d.bridge == index:
		return fmt.Errorf("interface %s was taken out of bridge %s: ip link set %s master %s", link.Attrs().Name, name, link.Attrs().Name, name)
	}
	if err := join(link, bridge); err != nil {
		if errors.Is(err, unix.EPERM) {
			err = fmt.Errorf("%w: have root run \"mirrorgw device up\"", err)
		}
		return fmt.Errorf("joining bridge %s: %w", name, err)
	}
	d.bridge = index
	d.rejoined.Add(1)
	return nil
}

// linkNews tells that something happened to one of the named interfaces. What it misses longestLook makes good.
type linkNews struct {
	names [2]string
	heard chan struct{} // holds one; nil when there is no subscription

	done  chan struct{} // closed to end the subscription
	ended chan struct{} // closed when it has ended
}

// begin subscribes, unless there is a subscription.
func (n *linkNews) begin() {
	if n.ended != nil {
		select {
		case <-n.ended: // the kernel had more news than its socket holds
			n.end()
		default:
			return
		}
	}
	updates, done := make(chan netlink.LinkUpdate, 16), make(chan struct{})
	if err := netlink.LinkSubscribe(updates, done); err != nil {
		close(done)
		return
	}
	heard, ended := make(chan struct{}, 1), make(chan struct{})
	n.heard, n.done, n.ended = heard, done, ended
	go func() { // ends with the subscription, which closes updates
		defer close(ended)
		for u := range updates {
			if name := u.Attrs().Name; name == "" || name != n.names[0] && name != n.names[1] {
				continue
			}
			select {
			case heard <- struct{}{}:
			default:
			}
		}
		select {
		case heard <- struct{}{}: // for another subscription
		default:
		}
	}()
}

// end ends the subscription.
func (n *linkNews) end() {
	if n.ended != nil {
		close(n.done)
		<-n.ended
		n.heard, n.done, n.ended = nil, nil, nil
	}
}
