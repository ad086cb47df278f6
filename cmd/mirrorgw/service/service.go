package service

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/confine"
	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/cmd/mirrorgw/metrics"
)

// Options say what is run, and how.
type Options struct {
	File *config.File                 // the configuration, as it was read
	Read func() (*config.File, error) // returns it as it is by now

	// New builds the gateway and opens its device.
	New func(*config.Config, *slog.Logger) (Gateway, error)

	// Confine takes what a gateway at work does not need from this process, for good; file is where the configuration was read.
	// nil: the process keeps all it has.
	Confine func(cfg *config.Config, file string) (confine.Report, error)

	Log     io.Writer
	Version string // of this program
}

// Run runs a gateway and answers questions about it until ctx ends and the gateway has drained.
//
// The control socket comes first: it is what keeps a second gateway with the same configuration away, before that touches
// the device. It goes last, so that `status` shows the draining.
//
// Errors: what keeps the gateway from running, in words for whoever runs it; what it ended of.
func Run(ctx context.Context, o Options) error {
	cfg := &o.File.Config
	log, level, stopLog := newLogger(o.Log, cfg.Log)
	defer stopLog()
	socket, err := control.Listen(cfg.Control.Socket, log)
	if err != nil {
		return err
	}
	defer socket.Close()
	var offered *metrics.Server
	if cfg.Metrics.Listen.IsValid() {
		if offered, err = metrics.Listen(cfg.Metrics.Listen, log); err != nil {
			return err
		}
		defer offered.Close()
	}
	gw, err := o.New(cfg, log)
	if err != nil {
		return err
	}
	confinement, err := o.confineProcess(log) // every file and socket is open, and no frame has been looked at
	if err != nil {
		return err // what the gateway has open ends with the process
	}

	tell := func(state string) {
		if err := notify(state); err != nil {
			log.Warn("no service manager", "error", err)
		}
	}
	reloads := &reloader{gateway: gw, reread: o.Read, tell: tell, level: level, log: log, current: cfg}
	socket.OfferReload(func(asked context.Context) ([]string, error) { return reloads.reload(asked, ctx) })
	socket.OfferBypass(gw.Bypass)
	socket.OfferCapture(gw.Capture)
	status := func() control.Status {
		s := gw.Status()
		s.Confinement = confinement
		if s.Events != nil {
			s.Events["reloads"] = reloads.figures()
		}
		return s
	}

	answering, stopAnswering := context.WithCancel(context.WithoutCancel(ctx))
	defer stopAnswering()
	var answered sync.WaitGroup
	answered.Go(func() { // ends with stopAnswering; waited for below
		if err := socket.Run(answering, status); err != nil { // mail goes on without it
			log.Error("status cannot be asked any more", "error", err)
		}
	})
	if offered != nil {
		answered.Go(func() { // the same
			if err := offered.Run(answering, func() *metrics.Page { return gw.Metrics(status()) }); err != nil {
				log.Error("metrics cannot be asked any more", "error", err)
			}
		})
	}
	if every := watchdogTime(); every > 0 {
		w := &watchdog{every: every, socket: cfg.Control.Socket, turns: gw.Turns, tell: tell, log: log}
		answered.Go(func() { w.run(answering) }) // the same
	}
	hangUps := make(chan os.Signal, 1)
	signal.Notify(hangUps, syscall.SIGHUP)
	defer signal.Stop(hangUps)
	answered.Go(func() { // the same
		for {
			select {
			case <-hangUps:
				_, _ = reloads.reload(answering, ctx) // it logs what came of it
			case <-answering.Done():
				return
			}
		}
	})
	ended := make(chan error, 1)
	go func() { ended <- gw.Run(ctx) }() // ends with ctx; waited for below

	ready, ending := gw.Ready(), ctx.Done()
	for {
		select {
		case <-ready:
			ready = nil
			log.Info("ready", "version", o.Version)
			tell(notifyReady)
		case <-ending:
			ready, ending = nil, nil
			log.Info("draining; a second signal ends at once")
			tell(notifyStopping)
		case err := <-ended:
			stopAnswering()
			answered.Wait()
			return err
		}
	}
}

// confineProcess confines the process, if that is wanted, and returns how it is confined, in a line.
func (o Options) confineProcess(log *slog.Logger) (confinement string, err error) {
	if o.Confine == nil {
		return "", nil
	}
	report, err := o.Confine(&o.File.Config, o.File.Path)
	if err != nil {
		return "", err
	}
	confinement = report.String()
	if report.Confined() {
		log.Info("process confined", "confinement", confinement)
	} else {
		log.Warn("process not confined", "confinement", confinement)
	}
	return confinement, nil
}
