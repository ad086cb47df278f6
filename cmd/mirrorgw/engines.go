package main

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"sync"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/scanner"
	"mirrorgw/scanner/clamd"
	"mirrorgw/scanner/names"
)

// others are the engines beside YARA. They hold nothing that must be given back.
type others struct {
	clamd *clamd.Engine // nil: not configured
	names *names.Engine // the same
}

// newOthers returns the engines that cfg names beside YARA, unchecked. Errors: what is wrong with an address or a rule.
func newOthers(cfg *config.Config, log *slog.Logger) (o others, err error) {
	if rules := names.Config(cfg.Scan.Names); !rules.Empty() {
		if o.names, err = names.New(rules); err != nil {
			return o, err
		}
	}
	if c := cfg.Scan.Clamd; len(c.Address) > 0 {
		if o.clamd, err = clamd.New(clamd.Config{Addresses: c.Address, Parallel: c.Parallel, Message: cfg.Scan.Limits.Message, Log: log}); err != nil {
			return o, err
		}
	}
	return o, nil
}

// list returns the engines in the order in which findings are named.
func (o others) list() []scanner.Engine {
	var list []scanner.Engine
	if o.clamd != nil {
		list = append(list, o.clamd)
	}
	if o.names != nil {
		list = append(list, o.names)
	}
	return list
}

// othersAfter returns the engines of cfg beside YARA. What has not changed since the rooms before, which may be nil, goes on: a
// daemon has one limit, whichever configuration a mail is judged by. At the start a daemon that does not answer is only told of,
// since it may be starting too; in a reload it is not taken on.
func (m *mirror) othersAfter(ctx context.Context, cfg *config.Config, before *mailRooms) (others, error) {
	o, err := newOthers(cfg, m.log)
	if err != nil || o.clamd == nil {
		return o, err
	}
	if before != nil && before.others.clamd != nil && reflect.DeepEqual(before.cfg.Scan.Clamd, cfg.Scan.Clamd) && before.cfg.Scan.Limits.Message == cfg.Scan.Limits.Message {
		o.clamd = before.others.clamd
		return o, nil
	}
	if h := o.clamd.Check(ctx); before != nil && h.State == clamd.Down {
		return o, fmt.Errorf("scan.clamd.address: %s", h.Detail)
	}
	return o, nil
}

// addEngines adds the engines beside YARA to a status.
func (o others) addEngines(s *control.Status) {
	if o.clamd != nil {
		h := o.clamd.Health()
		s.Engines = append(s.Engines, control.Engine{Name: clamd.Name, State: string(h.State), Detail: h.Detail})
		s.Events[clamd.Name] = figures(o.clamd.Counters())
	}
	if o.names != nil {
		s.Engines = append(s.Engines, control.Engine{Name: names.Name, State: string(clamd.OK), Detail: fmt.Sprintf("%d rules", o.names.Rules())})
	}
}

// watchEngines has the engines of the rooms in use checked from time to time until ctx ends.
func (m *mirror) watchEngines(ctx context.Context) {
	for ctx.Err() == nil {
		inUse, cancel := context.WithCancel(ctx)
		var checks sync.WaitGroup
		m.mu.RLock()
		rooms := m.mail
		m.mu.RUnlock()
		if rooms != nil && rooms.others.clamd != nil {
			checks.Go(func() { rooms.others.clamd.Run(inUse) }) // ends with inUse
		}
		select {
		case <-m.moved:
		case <-ctx.Done():
		}
		cancel()
		checks.Wait()
	}
}

// check says of each engine beside YARA what it lacks. Errors: one that does not answer.
func (o others) check(ctx context.Context) (weak []string, err error) {
	if o.clamd == nil {
		return nil, nil
	}
	switch h := o.clamd.Check(ctx); h.State {
	case clamd.OK:
		return nil, nil
	case clamd.Weak:
		return []string{h.Detail}, nil
	default:
		return nil, fmt.Errorf("clamd: %s", h.Detail)
	}
}
