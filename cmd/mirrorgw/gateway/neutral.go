package gateway

import (
	"log/slog"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/scanner"
	"mirrorgw/scanner/neutral"
)

// newRewriter returns what makes HTML harmless, nil where cfg does not want that. It counts on where that of the rooms before, which
// may be nil, has come to.
func newRewriter(cfg *config.Config, spool scanner.Spool, before *mailRooms, log *slog.Logger) *neutral.Rewriter {
	if !cfg.Neutralise.HTML {
		return nil
	}
	c := neutral.Config{Spool: spool, Log: log}
	if before != nil && before.neutral != nil {
		return before.neutral.Successor(c)
	}
	return neutral.New(c)
}

// addNeutral adds what was made harmless to a status.
func addNeutral(s *control.Status, r *neutral.Rewriter) {
	if r != nil {
		s.Events["html"] = figures(r.Counters())
	}
}
