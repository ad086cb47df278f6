package gateway

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/cmd/mirrorgw/engines"
	"mirrorgw/scanner/clamd"
	"mirrorgw/scanner/names"
)

// othersAfter returns the engines of cfg beside YARA. What has not changed since the rooms before, which may be nil, goes on: a
// daemon has one limit, whichever configuration a mail is judged by. At the start a daemon that does not answer is only told of,
// since it may be starting too; in a reload it is not taken on.
func (m *Mirror) othersAfter(ctx context.Context, cfg *config.Config, before *mailRooms) (engines.Others, error) {
	o, err := engines.NewOthers(cfg, m.log)
	if err != nil || o.Clamd == nil {
		return o, err
	}
	if before != nil && before.others.Clamd != nil && reflect.DeepEqual(before.cfg.Scan.Clamd, cfg.Scan.Clamd) && before.cfg.Scan.Limits.Message == cfg.Scan.Limits.Message {
		o.Clamd = before.others.Clamd
		return o, nil
	}
	if h := o.Clamd.Check(ctx); before != nil && h.State == clamd.Down {
		return o, fmt.Errorf("scan.clamd.address: %s", h.Detail)
	}
	return o, nil
}

// addOthers adds the engines beside YARA to a status.
func addOthers(s *control.Status, o engines.Others) {
	if o.Clamd != nil {
		h := o.Clamd.Health()
		s.Engines = append(s.Engines, control.Engine{Name: clamd.Name, State: string(h.State), Detail: h.Detail})
		s.Events[clamd.Name] = figures(o.Clamd.Counters())
	}
	if o.Names != nil {
		s.Engines = append(s.Engines, control.Engine{Name: names.Name, State: string(clamd.OK), Detail: fmt.Sprintf("%d rules", o.Names.Rules())})
	}
}

// watchEngines has the engines of the rooms in use checked from time to time until ctx ends.
func (m *Mirror) watchEngines(ctx context.Context) {
	for ctx.Err() == nil {
		inUse, cancel := context.WithCancel(ctx)
		var checks sync.WaitGroup
		m.mu.RLock()
		rooms := m.mail
		m.mu.RUnlock()
		if rooms != nil && rooms.others.Clamd != nil {
			checks.Go(func() { rooms.others.Clamd.Run(inUse) }) // ends with inUse
		}
		select {
		case <-m.moved:
		case <-ctx.Done():
		}
		cancel()
		checks.Wait()
	}
}
