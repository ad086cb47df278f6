//go:build !noyara

package yara

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"mirrorgw/scanner"
)

// maxScanners bounds the scans in progress. A scan keeps an operating system thread busy, so more than there are processors only
// take turns; libyara itself allows 32.
const maxScanners = 16

// local runs the rules in this process.
type local struct {
	set *ruleSet

	// judges holds one token per scan that may run at once: an idle judge, or nil for one not made yet.
	judges chan *judge

	closing sync.Once
	closed  chan struct{}
}

func newLocal(c Config) (*Engine, error) {
	set, err := compileHere(c.Rules)
	if err != nil {
		return nil, err
	}
	l := &local{set: set, closed: make(chan struct{}), judges: make(chan *judge, min(runtime.GOMAXPROCS(0), maxScanners))}
	for range cap(l.judges) {
		l.judges <- nil
	}
	return &Engine{about: set.about, runs: l}, nil
}

// scan implements runner.
func (l *local) scan(ctx context.Context, part *scanner.Part) (scanner.Findings, error) {
	select {
	case <-l.closed: // a closed engine may still have tokens
		return nil, ErrClosed
	default:
	}
	var j *judge
	select {
	case j = <-l.judges:
	case <-l.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("yara: waiting for a turn: %w", ctx.Err())
	}
	// An idle judge goes back; one that met an error is not trusted with another mail.
	var idle *judge
	defer func() { l.judges <- idle }()

	if err := ctx.Err(); err != nil {
		idle = j
		return nil, fmt.Errorf("yara: %w", err)
	}
	if j == nil {
		var err error
		if j, err = newJudge(l.set); err != nil {
			return nil, fmt.Errorf("yara: %w", err)
		}
	}
	started := time.Now()
	err := j.scanPart(ctx, part)
	if err == nil {
		idle = j
	} else {
		j.close()
	}
	return l.set.about.findings(j.found, part.Path), scanError(err, started)
}

// scanAll implements runner.
func (l *local) scanAll(ctx context.Context, parts []*scanner.Part) []scanner.Said {
	return oneByOne(ctx, l, parts)
}

// health implements runner.
func (l *local) health() Health { return Health{} }

// close implements runner.
func (l *local) close() {
	l.closing.Do(func() {
		close(l.closed)
		for range cap(l.judges) { // each running scan brings its token back
			if j := <-l.judges; j != nil {
				j.close()
			}
		}
		l.set.rules.Destroy()
	})
}
