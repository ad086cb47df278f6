package main

import (
	"context"
	"log/slog"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/control"
)

// serve runs a gateway and answers questions about it until ctx ends and the gateway has drained.
//
// The control socket comes first: it is what keeps a second gateway with the same configuration away, before that touches
// the device. It goes last, so that `status` shows the draining.
func (p *program) serve(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	socket, err := control.Listen(cfg.Control.Socket, log)
	if err != nil {
		return err
	}
	defer socket.Close()
	gw, err := p.rooms.newGateway(cfg, log)
	if err != nil {
		return err
	}

	if c, ok := gw.(capturer); ok {
		socket.OfferCapture(c.Capture)
	}
	answering, stopAnswering := context.WithCancel(context.WithoutCancel(ctx))
	defer stopAnswering()
	answered := make(chan struct{})
	go func() { // ends with stopAnswering; waited for below
		defer close(answered)
		if err := socket.Run(answering, gw.Status); err != nil { // mail goes on without it
			log.Error("status cannot be asked any more", "error", err)
		}
	}()
	ended := make(chan error, 1)
	go func() { ended <- gw.Run(ctx) }() // ends with ctx; waited for below

	tell := func(state string) {
		if err := notify(state); err != nil {
			log.Warn("no service manager", "error", err)
		}
	}
	ready, ending := gw.Ready(), ctx.Done()
	for {
		select {
		case <-ready:
			ready = nil
			log.Info("ready", "version", buildOf(nil).version)
			tell(notifyReady)
		case <-ending:
			ready, ending = nil, nil
			log.Info("draining; a second signal ends at once")
			tell(notifyStopping)
		case err := <-ended:
			stopAnswering()
			<-answered
			return err
		}
	}
}
