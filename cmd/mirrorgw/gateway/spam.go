package gateway

import (
	"context"
	"fmt"
	"time"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/cmd/mirrorgw/metrics"
	"mirrorgw/scanner"
	"mirrorgw/scanner/clamd"
	"mirrorgw/scanner/spam"
)

// markerAfter returns what marks spam under cfg, nil for nothing: what the rooms before had where nothing has changed, since its figures
// go on and the filter has one limit. A filter that the rooms before, nil at the start, did not ask must be
// within reach of this process, which has been confined since.
//
// Errors: what is wrong with an address; that it is out of reach.
func (m *Mirror) markerAfter(ctx context.Context, cfg *config.Config, before *mailRooms) (*spam.Marker, error) {
	c := spam.Config{Rspamd: cfg.Spam.Rspamd, Spamd: cfg.Spam.Spamd, Tag: cfg.Spam.Tag, Subject: cfg.Spam.Subject, Field: cfg.Spam.IspHeader, Log: m.log}
	if c.Empty() {
		return nil, nil
	}
	if before != nil && before.spam != nil && before.cfg.Spam == cfg.Spam {
		return before.spam, nil
	}
	marker, err := spam.New(c)
	if err != nil {
		return nil, err
	}
	if before != nil && (before.cfg.Spam.Rspamd != c.Rspamd || before.cfg.Spam.Spamd != c.Spamd) {
		if err := marker.Allowed(ctx); err != nil {
			return nil, fmt.Errorf("spam: %w", err)
		}
	}
	return marker, nil
}

// timedMarker is a marker whose answers are timed.
type timedMarker struct {
	*spam.Marker
	times *metrics.Histogram
}

// Mark implements scanner.Marker.
func (m timedMarker) Mark(ctx context.Context, mail *scanner.Buffer) scanner.Mark {
	started := time.Now()
	defer func() { m.times.Observe(spam.Name, time.Since(started)) }()
	return m.Marker.Mark(ctx, mail)
}

// addSpam adds the spam filter to a status. Mail does without it, so that it is weak at worst.
func addSpam(s *control.Status, m *spam.Marker) {
	if m == nil {
		return
	}
	e := control.Engine{Name: spam.Name, State: string(clamd.OK)}
	where, err := m.Health()
	e.Detail = where
	if where == "" {
		e.Detail = "the mail's own header"
	}
	if err != nil {
		e.State, e.Detail = string(clamd.Weak), err.Error()
	}
	s.Engines = append(s.Engines, e)
	s.Events[spam.Name] = figures(m.Counters())
}
