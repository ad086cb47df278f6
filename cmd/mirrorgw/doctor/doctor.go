package doctor

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

const (
	every    = 30 * time.Second       // the host is read again
	oldest   = 250 * time.Millisecond // and sooner where a report was asked for and the last reading is older
	patience = 250 * time.Millisecond // a report waits no longer for that
)

// Config says what to look at. LAN is required.
type Config struct {
	Device string           // the TAP's name
	Bridge string           // the bridge it is configured to join; empty: none
	MAC    net.HardwareAddr // the gateway's

	// LAN returns what the gateway has seen by now. It is called from several goroutines at once, and must not block.
	LAN func() LAN

	Read func() Host      // default: ReadHost
	Log  *slog.Logger     // default: discard
	Now  func() time.Time // default: time.Now
}

// Doctor examines a running gateway. Its methods may be called from any goroutine.
type Doctor struct {
	cfg  Config
	wake chan struct{}

	mu struct {
		sync.Mutex
		host     Host
		read     time.Time     // when; zero: never
		next     chan struct{} // closed when it is read again
		received uint64        // frames, at the last regular reading
		counted  time.Time     // when that was
		heard    bool          // some came between the last two
	}

	told map[string]State // what was last logged of each check; Run's own
}

// New returns a Doctor; it starts nothing.
//
// Errors: no LAN.
func New(cfg Config) (*Doctor, error) {
	if cfg.LAN == nil {
		return nil, errors.New("nothing is known of the LAN")
	}
	if cfg.Read == nil {
		cfg.Read = func() Host { return ReadHost(cfg.Device, cfg.Bridge, cfg.MAC) }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	d := &Doctor{cfg: cfg, wake: make(chan struct{}, 1), told: make(map[string]State)}
	d.mu.next = make(chan struct{})
	return d, nil
}

// Run reads the host at once, then every 30 seconds and when a report was asked for, logs what has become wrong or well
// since, and returns when ctx ends.
func (d *Doctor) Run(ctx context.Context) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		d.examine()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-d.wake:
		}
	}
}

// Report returns one finding for each check. Where the host was not read just now it has that done, and waits a quarter of a
// second for it at most: a kernel that takes longer has the report be about the reading before.
func (d *Doctor) Report() []Finding {
	d.mu.Lock()
	old, next := d.cfg.Now().Sub(d.mu.read) >= oldest, d.mu.next
	d.mu.Unlock()
	if old {
		d.await(next)
	}
	f := Facts{LAN: d.cfg.LAN()}
	d.mu.Lock()
	f.Host, f.LAN.Heard = d.mu.host, d.mu.heard
	d.mu.Unlock()
	return Examine(&f)
}

// await has Run read the host, and waits for it as long as patience lasts.
func (d *Doctor) await(next <-chan struct{}) {
	select {
	case d.wake <- struct{}{}:
	default: // it is asked already
	}
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-next:
	case <-limit.C:
	}
}

// examine reads the host and logs.
func (d *Doctor) examine() {
	f := Facts{Host: d.cfg.Read(), LAN: d.cfg.LAN()}
	now := d.cfg.Now()
	d.mu.Lock()
	d.mu.host, d.mu.read = f.Host, now
	close(d.mu.next)
	d.mu.next = make(chan struct{})
	if d.mu.counted.IsZero() || now.Sub(d.mu.counted) >= every/2 {
		d.mu.heard = f.LAN.Received != d.mu.received
		d.mu.received, d.mu.counted = f.LAN.Received, now
	}
	d.mu.heard = d.mu.heard || f.LAN.Received != d.mu.received
	f.LAN.Heard = d.mu.heard
	d.mu.Unlock()
	for _, finding := range Examine(&f) {
		d.tell(finding)
	}
}

// tell logs a finding where the check came out otherwise than the last time it was logged.
func (d *Doctor) tell(f Finding) {
	before, known := d.told[f.Check]
	switch f.State {
	case before, Unsure: // Unsure is in the report; at the start much is not known yet
		return
	case OK:
		if known {
			d.cfg.Log.Info("doctor: mended", "check", f.Check)
		}
		delete(d.told, f.Check)
	case Warning, Failing:
		d.cfg.Log.Warn("doctor: fault", "check", f.Check, "state", string(f.State), "detail", f.Detail, "fix", f.Fix)
		d.told[f.Check] = f.State
	}
}
