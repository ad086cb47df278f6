//go:build !noyara

package yara

/*
#cgo !yara_no_pkg_config pkg-config: yara
#include <yara.h>
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"mirrorgw/scanner"
	"mirrorgw/scanner/worker"
)

// Version returns the version of libyara the program was compiled against.
func Version() string { return C.YR_VERSION }

// defaultTime bounds a scan whose context has no deadline.
const defaultTime = 2 * time.Minute

// Engine is a compiled rule set, in this process or in workers. It is a scanner.Engine.
type Engine struct {
	about report
	runs  runner
}

// runner runs the rules: local or remote.
type runner interface {
	scan(ctx context.Context, part *scanner.Part) (scanner.Findings, error)
	scanAll(ctx context.Context, parts []*scanner.Part) []scanner.Said
	health() Health
	close()
}

// New compiles the configured rules and the built-in ones, and tries them: rules that do not come to an end on a few thousand octets
// are refused, slow ones are told of.
//
// Errors: *CompileError when a rule does not compile; otherwise one line with the path and what is wrong with it.
func New(c Config) (*Engine, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Tally == nil {
		c.Tally = new(worker.Tally)
	}
	var e *Engine
	var err error
	if c.Workers > 0 {
		e, err = newRemote(c)
	} else {
		e, err = newLocal(c)
	}
	if err != nil {
		return nil, err
	}
	for _, w := range e.about.Warnings {
		c.Log.Warn("yara rule", "where", w.String())
	}
	for _, s := range e.about.Slow {
		c.Log.Warn("slow rule", "what", s.String())
	}
	if n := e.about.Untimed; n > 0 {
		c.Log.Warn("there was no time to find out which rules are slow", "rules", n)
	}
	return e, nil
}

// Name implements scanner.Engine.
func (e *Engine) Name() string { return Name }

// Rules returns the number of rules, the built-in ones included.
func (e *Engine) Rules() int { return len(e.about.Rules) }

// Slow returns the slow rules, the slowest first, at most 20. The slice is borrowed.
func (e *Engine) Slow() []Slow { return e.about.Slow }

// NamesMatter implements scanner.NameEngine: some rule may ask what a content is called.
func (e *Engine) NamesMatter() bool { return e.about.Variables }

// Health says how the engine is.
func (e *Engine) Health() Health { return e.runs.health() }

// Scan implements scanner.Engine. It waits while as many scans as there may be at once are in progress.
//
// Errors: those of ctx, wrapped, when its time is up; ErrClosed; what libyara says; that workers fail on the part, or cannot be started.
func (e *Engine) Scan(ctx context.Context, part *scanner.Part) (scanner.Findings, error) {
	return e.runs.scan(ctx, part)
}

// ScanAll implements scanner.SeveralEngine. Errors: as those of Scan.
func (e *Engine) ScanAll(ctx context.Context, parts []*scanner.Part) []scanner.Said {
	return e.runs.scanAll(ctx, parts)
}

// Close waits for running scans, then gives everything back. Calling it again does nothing.
func (e *Engine) Close() error {
	e.runs.close()
	return nil
}

// oneByOne is scanAll where nothing is won by asking about parts together.
func oneByOne(ctx context.Context, r runner, parts []*scanner.Part) []scanner.Said {
	said := make([]scanner.Said, len(parts))
	for i, part := range parts {
		said[i].Findings, said[i].Err = r.scan(ctx, part)
	}
	return said
}

// timeOf returns how long a scan may take.
func timeOf(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return max(time.Until(deadline), time.Millisecond) // it may just have passed; zero would mean for ever
	}
	return defaultTime
}

// scanError says what became of a scan.
func scanError(err error, started time.Time) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errTime):
		return fmt.Errorf("yara: out of time after %v: %w", time.Since(started).Round(time.Millisecond), context.DeadlineExceeded)
	default:
		return fmt.Errorf("yara: %w", err)
	}
}

// findings names the rules at places.
func (r report) findings(places []uint32, part string) scanner.Findings {
	var found scanner.Findings
	for _, place := range places {
		found = append(found, scanner.Finding{Engine: Name, Rule: r.Rules[place].Name, Part: part})
	}
	return found
}
