//go:build noyara

package yara

import (
	"context"

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

// Scan answers ErrNotCompiledIn.
func (e *Engine) Scan(context.Context, *scanner.Part) (scanner.Findings, error) {
	return nil, ErrNotCompiledIn
}

// Close does nothing.
func (e *Engine) Close() error { return nil }
