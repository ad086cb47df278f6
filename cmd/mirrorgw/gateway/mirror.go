package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/doctor"
	"mirrorgw/cmd/mirrorgw/engines"
	"mirrorgw/cmd/mirrorgw/metrics"
	"mirrorgw/cmd/mirrorgw/unscanned"
	"mirrorgw/forwarder"
	"mirrorgw/forwarder/capture"
	"mirrorgw/scanner"
	"mirrorgw/scanner/quarantine"
	"mirrorgw/scanner/worker"
	"mirrorgw/stack"
)

// Mirror is the gateway: the rooms, plugged together.
//
//	device ── frames ── forwarder ── punted ── stack ── flows ── ServeFlow ── pop3.Relay ── mails ── scanner.Judge
type Mirror struct {
	cfg       *config.Config // of the start; what a reload may change is read from mail.cfg
	version   string
	log       *slog.Logger
	started   time.Time
	device    *stack.Device
	forwarder *forwarder.Forwarder
	stack     *stack.Stack
	store     *quarantine.Store
	history   *quarantine.History
	hunter    *hunter
	retries   *scanner.Retries
	book      *unscanned.Book
	tap       *capture.Tap
	doctor    *doctor.Doctor

	intake     *intake
	judgements judgements
	quota      scanner.Quota // of every mail that is held

	scanTimes metrics.Histogram // by engine
	workers   worker.Tally      // of every rule set there was

	confineWorkers func() error
	reloading      sync.Mutex // held by Reload: one at a time

	ready chan struct{} // closed when frames flow and mail is judged
	moved chan struct{} // tells watchEngines that m.mail is another one

	mu     sync.RWMutex
	mail   *mailRooms // nil until the engines have passed their self-test; guarded by mu
	older  int        // rooms from before a reload in which sessions still run; guarded by mu
	ending bool       // guarded by mu
}

// New builds the gateway of cfg, which it keeps, and opens its device; version is what it tells others of itself. What can fail without a trace
// comes first, the device last. It must be called before this process is confined, and Run must follow: it closes what is open.
//
// Errors: what is in the way, in words for whoever runs the gateway.
func New(cfg *config.Config, version string, log *slog.Logger) (_ *Mirror, err error) {
	m := &Mirror{cfg: cfg, version: version, log: log, started: time.Now(), ready: make(chan struct{}), moved: make(chan struct{}, 1), tap: capture.New(nil), confineWorkers: engines.ConfineWorkers()}
	device := Device(cfg)
	mac := device.MAC
	addresses := withLinkLocal(cfg.Addresses, stack.LinkLocal(mac))
	if m.forwarder, err = forwarder.New(forwarder.Config{
		MAC:       [6]byte(mac),
		MTU:       cfg.Device.MTU,
		Addresses: addresses,
		Routers:   cfg.Routers,
		Routes:    forwarderRoutes(cfg.Routes),
		Intercept: rulesOf(cfg.Intercept),
		Tap:       m.tap,
		Advertise: advertise(cfg.RA),
		Log:       log,

		Holds:          func(client, server netip.AddrPort) bool { return m.stack.Holds(client, server) }, // asked from Run on
		RoutersChanged: func(inUse []netip.Addr) { m.stack.SetRouters(inUse) },                            // called from Run on
	}); err != nil {
		return nil, err
	}
	if m.store, err = quarantine.Open(cfg.Quarantine.Dir, quarantine.Config{Limits: limitsOf(cfg.Quarantine), Log: log}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.close())
		}
	}()
	if m.history, err = quarantine.OpenHistory(m.store, cfg.Quarantine.History); err != nil {
		return nil, err
	}
	m.hunter = newHunter(m.store, log)
	if m.retries, err = scanner.OpenRetries(filepath.Join(cfg.Quarantine.Dir, retriesName), log); err != nil {
		return nil, err
	}
	if m.book, err = unscanned.Open(unscanned.In(cfg.Quarantine.Dir), log); err != nil {
		return nil, err
	}
	device.Log = log
	if m.device, err = stack.OpenDevice(device); err != nil {
		return nil, err
	}
	if m.doctor, err = m.newDoctor(); err != nil {
		return nil, err
	}
	writers := make([]stack.FrameWriter, len(m.device.Queues()))
	for i, q := range m.device.Queues() {
		writers[i] = m.tap.Writer(q)
	}
	m.stack, err = stack.New(stack.Config{
		MAC:        mac,
		MTU:        cfg.Device.MTU,
		Offload:    m.device.Offload(),
		Writers:    writers,
		Addresses:  addresses,
		Routers:    cfg.Routers,
		Routes:     stackRoutes(cfg.Routes),
		Ports:      portsOf(cfg.Intercept),
		Neighbours: m.forwarder,
		Handler:    m,
		Trace:      cfg.Quarantine.Flow,
		Log:        log,

		Dials:          cfg.Limits.Dials,
		DialsPerServer: cfg.Limits.DialsPerServer,
		Received:       cfg.Limits.Received,
	})
	if err != nil {
		return nil, err
	}
	m.intake = m.newIntake()
	m.takeOnLimits(cfg)
	return m, nil
}

// retriesName is the file in the quarantine's folder that remembers which mails were refused. No item has such a name.
const retriesName = ".retried"

// close gives back what New took.
func (m *Mirror) close() error {
	var errs []error
	if m.device != nil {
		errs = append(errs, m.device.Close())
	}
	if m.history != nil {
		errs = append(errs, m.history.Close())
	}
	if m.retries != nil {
		errs = append(errs, m.retries.Close())
	}
	return errors.Join(append(errs, m.store.Close())...)
}

// withLinkLocal adds the link-local address where there is IPv6 to speak and the configuration names none.
func withLinkLocal(addresses []netip.Prefix, linkLocal netip.Prefix) []netip.Prefix {
	speaks, has := false, false
	for _, p := range addresses {
		speaks = speaks || p.Addr().Is6()
		has = has || p.Addr().Is6() && p.Addr().IsLinkLocalUnicast()
	}
	if speaks && !has {
		addresses = append(slices.Clone(addresses), linkLocal)
	}
	return addresses
}

// rulesOf says in the forwarder's words which flows are intercepted.
func rulesOf(rules []config.Rule) []forwarder.Rule {
	list := make([]forwarder.Rule, len(rules))
	for i, r := range rules {
		list[i] = forwarder.Rule{
			Name: r.Name, Ports: r.Ports, Clients: r.Clients, Servers: r.Servers,
			SkipClients: r.Skip.Clients, SkipServers: r.Skip.Servers,
		}
	}
	return list
}

// portsOf returns every intercepted port once.
func portsOf(rules []config.Rule) []uint16 {
	var ports []uint16
	for _, r := range rules {
		ports = append(ports, r.Ports...)
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// Ready returns a channel that is closed once frames flow and the engines have passed their self-test.
func (m *Mirror) Ready() <-chan struct{} { return m.ready }

// Run works until ctx ends, then takes no new session, lets the running ones end and returns, everything closed. Frames are
// forwarded from the first moment, while addresses are probed and rules compile, to the last, when the flows have drained.
func (m *Mirror) Run(ctx context.Context) (err error) {
	var forwarding sync.WaitGroup
	defer func() {
		m.forwarder.Withdraw()            // no earlier: what workstations send us ends when they know
		err = errors.Join(err, m.close()) // ends the loops
		forwarding.Wait()
		m.mu.RLock()
		rooms := m.mail // a reload may be ending only now
		m.mu.RUnlock()
		if rooms != nil {
			err = errors.Join(err, rooms.engine.Close())
		}
	}()
	ports := make([]forwarder.Port, len(m.device.Queues()))
	for i, q := range m.device.Queues() {
		ports[i] = q
	}
	toTheLast := context.WithoutCancel(ctx)
	forwarding.Go(func() { // ends with the device; its one error is to have no port
		_ = m.forwarder.Run(toTheLast, m.stack, ports)
	})
	forwarding.Go(func() { _ = m.device.Run(toTheLast) }) // ends with the device, and without an error

	examining, stopExamining := context.WithCancel(toTheLast)
	defer stopExamining()
	forwarding.Go(func() { m.doctor.Run(examining) })  // ends with examining, as Run returns
	forwarding.Go(func() { m.store.Run(examining) })   // the same
	forwarding.Go(func() { manageGarbage(examining) }) // the same
	forwarding.Go(func() { m.history.Run(examining) }) // the same
	forwarding.Go(func() { m.hunter.run(examining, m) })
	forwarding.Go(func() { m.keepBook(examining) })     // the same
	forwarding.Go(func() { m.watchIntake(examining) })  // the same
	forwarding.Go(func() { m.watchEngines(examining) }) // the same

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	mail := make(chan error, 1)
	go func() { mail <- m.openMail(ctx) }() // ends by itself; received below

	if err := m.stack.Claim(ctx); err != nil {
		cancel()
		<-mail
		if context.Cause(ctx) == err { //nolint:errorlint // an end asked for, as it came
			return nil
		}
		return err
	}
	if m.cfg.RA.Enabled {
		if err := m.stack.JoinAllRouters(); err != nil {
			m.log.Warn("solicitations of routers may stay unheard", "error", err)
		}
	}
	flows := make(chan error, 1)
	go func() { flows <- m.stack.Run(ctx) }() // ends with ctx; received below
	if err := <-mail; err != nil {
		cancel()
		<-flows
		return err
	}
	m.stack.Admit()
	m.log.Info("frames flow", "device", m.device.Name(), "mac", m.device.MAC().String(), "offload", m.device.Offload(), "queues", len(ports))
	close(m.ready)
	select {
	case <-ctx.Done():
		m.mu.Lock()
		m.ending = true
		m.mu.Unlock()
		return <-flows
	case err := <-flows: // it could not listen
		return err
	}
}

// ServeFlow implements stack.Handler.
func (m *Mirror) ServeFlow(ctx context.Context, f stack.Flow) {
	started := time.Now()
	client, server := addrPort(f.Client.RemoteAddr()), addrPort(f.Client.LocalAddr())
	rooms := m.enter()
	defer m.leave(rooms)
	index, ok := m.forwarder.Rule(client, server)
	if rooms == nil || !ok {
		// No flow is admitted before the rooms are there, and none comes that no rule intercepts.
		m.log.Error("a flow without a relay was closed", "client", client, "server", server)
		return
	}
	rule := rooms.cfg.Intercept[index]
	err := rooms.relays[index].Serve(ctx, f.Client, f.Server, traceOf(f))
	attrs := []slog.Attr{
		slog.String("client", client.String()), slog.String("server", server.String()),
		slog.String("protocol", string(rule.Protocol)), slog.String("rule", rule.Name), slog.Duration("took", time.Since(started)),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	m.log.LogAttrs(ctx, slog.LevelInfo, "flow ended", attrs...)
}
