//go:build !noyara

package yara

/*
#cgo !yara_no_pkg_config pkg-config: yara
#include <yara.h>
*/
import "C"

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"time"

	libyara "github.com/hillu/go-yara/v4"

	"mirrorgw/scanner"
)

// Version returns the version of libyara the program was compiled against.
func Version() string { return C.YR_VERSION }

const (
	// noTryCatch is SCAN_FLAGS_NO_TRYCATCH, which the binding does not name.
	noTryCatch = libyara.ScanFlags(4)

	// defaultTime bounds a scan whose context has no deadline.
	defaultTime = 2 * time.Minute

	// maxScanners bounds the scans in progress. A scan keeps an operating system thread busy, so more than there are
	// processors only take turns; libyara itself allows 32.
	maxScanners = 16
)

// Engine is a compiled rule set. It is a scanner.Engine.
type Engine struct {
	rules *libyara.Rules
	count int
	log   *slog.Logger

	// scanners holds one token per scan that may run at once: an idle libyara scanner, or nil for one not made yet.
	scanners chan *libyara.Scanner

	closing sync.Once
	closed  chan struct{}
}

// New compiles the configured rules and the built-in ones.
//
// Errors: *CompileError when a rule does not compile; otherwise one line with the path and what is wrong with it.
func New(c Config) (*Engine, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	rules, count, err := load(c.Rules, c.Log)
	if err != nil {
		return nil, err
	}
	e := &Engine{rules: rules, count: count, log: c.Log, closed: make(chan struct{})}
	e.scanners = make(chan *libyara.Scanner, min(runtime.GOMAXPROCS(0), maxScanners))
	for range cap(e.scanners) {
		e.scanners <- nil
	}
	return e, nil
}

// Name implements scanner.Engine.
func (e *Engine) Name() string { return Name }

// Rules returns the number of rules, the built-in ones included.
func (e *Engine) Rules() int { return e.count }

// Scan implements scanner.Engine. It waits while as many scans as there are processors are in progress.
//
// Errors: those of ctx, wrapped, when its time is up; ErrClosed; what libyara says.
func (e *Engine) Scan(ctx context.Context, part *scanner.Part) (scanner.Findings, error) {
	select {
	case <-e.closed: // a closed engine may still have tokens
		return nil, ErrClosed
	default:
	}
	var s *libyara.Scanner
	select {
	case s = <-e.scanners:
	case <-e.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("yara: waiting for a turn: %w", ctx.Err())
	}
	// An idle scanner goes back; one that met an error is not trusted with another mail.
	var idle *libyara.Scanner
	defer func() { e.scanners <- idle }()

	if s == nil {
		var err error
		if s, err = libyara.NewScanner(e.rules); err != nil {
			return nil, fmt.Errorf("yara: new scanner: %w", err)
		}
	}
	findings, err := scan(ctx, s, part)
	if err != nil {
		s.Destroy()
		return findings, err
	}
	idle = s
	return findings, nil
}

// scan runs one scanner over one part.
func scan(ctx context.Context, s *libyara.Scanner, part *scanner.Part) (scanner.Findings, error) {
	m := matches{part: part.Path}
	err := run(ctx, s, part, &m)
	return m.found, err
}

// run has a scanner tell callback what it finds in part.
func run(ctx context.Context, s *libyara.Scanner, part *scanner.Part, callback libyara.ScanCallback) error {
	timeout := defaultTime
	if deadline, ok := ctx.Deadline(); ok {
		timeout = time.Until(deadline)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("yara: %w", err)
	}
	timeout = max(timeout, time.Millisecond) // the deadline may just have passed; zero would mean for ever
	// libyara counts whole seconds, and none means for ever.
	s.SetTimeout((timeout + time.Second - 1).Truncate(time.Second)).SetFlags(noTryCatch).SetCallback(callback)
	started := time.Now()
	var err error
	if mem, file := part.Region(); file != nil {
		err = s.ScanFileDescriptor(file.Fd())
		runtime.KeepAlive(file)
	} else {
		err = s.ScanMem(mem)
	}
	s.SetCallback(nil)
	switch {
	case err == nil:
		return nil
	case strings.Contains(err.Error(), "scan timeout"), time.Since(started) >= timeout:
		return fmt.Errorf("yara: out of time after %v: %w", time.Since(started).Round(time.Millisecond), context.DeadlineExceeded)
	default:
		return fmt.Errorf("yara: %w", err)
	}
}

// matches collects the names of the rules that match.
type matches struct {
	part  string
	found scanner.Findings
}

// RuleMatching implements the binding's ScanCallback. It is called on the goroutine that scans.
func (m *matches) RuleMatching(_ *libyara.ScanContext, r *libyara.Rule) (abort bool, err error) {
	m.found = append(m.found, scanner.Finding{Engine: Name, Rule: r.Identifier(), Part: m.part})
	return false, nil
}

// Close waits for running scans and gives the rules and scanners back. Calling it again does nothing.
func (e *Engine) Close() error {
	e.closing.Do(func() {
		close(e.closed)
		for range cap(e.scanners) { // each running scan brings its token back
			if s := <-e.scanners; s != nil {
				s.Destroy()
			}
		}
		e.rules.Destroy()
	})
	return nil
}
