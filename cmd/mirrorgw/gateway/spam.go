package gateway

import (
	"context"
	"log/slog"
	"time"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/cmd/mirrorgw/metrics"
	"mirrorgw/scanner"
	"mirrorgw/scanner/clamd"
	"mirrorgw/scanner/spam"
)

// newMarker returns what marks spam under cfg, nil for nothing. Errors: what is wrong with an address.
func newMarker(cfg *config.Config, log *slog.Logger) (*spam.Marker, error) {
	c := spam.Config{Rspamd: cfg.Spam.Rspamd, Spamd: cfg.Spam.Spamd, Tag: cfg.Spam.Tag, Subject: cfg.Spam.Subject, Field: cfg.Spam.IspHeader, Log: log}
	if c.Empty() {
		return nil, nil
	}
	return spam.New(c)
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
