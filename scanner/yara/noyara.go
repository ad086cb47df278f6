//go:build noyara

package yara

import (
	"context"
	"os"

	"mirrorgw/scanner"
)

// Version returns "": libyara is not compiled in.
func Version() string { return "" }

// Engine stands in for libyara. New never returns one.
type Engine struct{}

// New answers ErrNotCompiledIn.
func New(Config) (*Engine, error) { return nil, ErrNotCompiledIn }

// Name implements scanner.Engine.
func (e *Engine) Name() string { return Name }

// Rules returns 0.
func (e *Engine) Rules() int { return 0 }

// Slow returns nil.
func (e *Engine) Slow() []Slow { return nil }

// Health answers ErrNotCompiledIn.
func (e *Engine) Health() Health { return Health{Err: ErrNotCompiledIn} }

// Scan answers ErrNotCompiledIn.
func (e *Engine) Scan(context.Context, *scanner.Part) (scanner.Findings, error) {
	return nil, ErrNotCompiledIn
}

// Close does nothing.
func (e *Engine) Close() error { return nil }

// Serve answers ErrNotCompiledIn.
func Serve(*os.File, string) error { return ErrNotCompiledIn }
