//go:build noyara

package yara

import (
	"context"

	"mirrorgw/scanner"
)

// Matcher stands in for libyara. NewMatcher never returns one.
type Matcher struct{}

// NewMatcher answers ErrNotCompiledIn.
func NewMatcher(Config) (*Matcher, error) { return nil, ErrNotCompiledIn }

// Name implements scanner.Matcher.
func (m *Matcher) Name() string { return Name }

// Matches answers ErrNotCompiledIn.
func (m *Matcher) Matches(context.Context, *scanner.Part) ([]scanner.Match, error) {
	return nil, ErrNotCompiledIn
}

// Close does nothing.
func (m *Matcher) Close() error { return nil }
