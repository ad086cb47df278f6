package engines

import (
	"log/slog"
	"time"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/scanner"
	"mirrorgw/scanner/archive"
	"mirrorgw/scanner/carve"
	"mirrorgw/scanner/envelope"
	"mirrorgw/scanner/literal"
	"mirrorgw/scanner/recode"
)

// Scanner returns the scanner of cfg, which asks engines and holds what it unpacks in spool. took, which may be nil, is told how long each
// answer of an engine took.
func Scanner(cfg *config.Config, spool scanner.Spool, engines []scanner.Engine, took func(engine string, d time.Duration), log *slog.Logger) (*scanner.Scanner, error) {
	l := cfg.Scan.Limits
	return scanner.New(scanner.Config{
		Engines: engines,
		Openers: []scanner.Opener{carve.Carver{}, envelope.Opener{}, literal.Opener{}, recode.Opener{}, archive.Opener{}},
		Limits:  scanner.Limits{Message: l.Message, Expanded: l.Expanded, Depth: l.Depth, Parts: l.Parts, Time: l.Time},
		Spool:   spool,
		Cache:   cfg.Scan.Cache,
		Log:     log,
		Took:    took,
	})
}
