//go:build !noyara

package yara

import (
	"context"
	"log/slog"
	"strconv"

	libyara "github.com/hillu/go-yara/v4"

	"mirrorgw/scanner"
)

// Bounds on what a Matcher tells of one part.
const (
	maxPerString = 8 // matches of one string of a rule
	maxMatches   = 256
	maxText      = 64 // octets of one match
)

// Matcher says where the strings of rules match. It is for whoever writes rules, and runs in this process; a gateway asks an Engine.
// It is a scanner.Matcher.
type Matcher struct {
	rules *libyara.Rules
}

// NewMatcher compiles rules as New does. Errors: those of New.
func NewMatcher(c Config) (*Matcher, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	rules, _, err := load(c.Rules, c.Log)
	if err != nil {
		return nil, err
	}
	return &Matcher{rules: rules}, nil
}

// Name implements scanner.Matcher.
func (m *Matcher) Name() string { return Name }

// Matches implements scanner.Matcher. libyara keeps 512 octets of a match: that length means that or more. A rule without strings has
// no matches.
//
// Errors: those of Engine.Scan.
func (m *Matcher) Matches(ctx context.Context, part *scanner.Part) ([]scanner.Match, error) {
	s, err := libyara.NewScanner(m.rules)
	if err != nil {
		return nil, err
	}
	defer s.Destroy()
	var p places
	err = run(ctx, s, part, &p)
	return p.found, err
}

// Close gives the rules back.
func (m *Matcher) Close() error {
	m.rules.Destroy()
	return nil
}

// places collects where the strings of rules match.
type places struct {
	found []scanner.Match
}

// RuleMatching implements the binding's ScanCallback. It is called on the goroutine that scans.
func (p *places) RuleMatching(sc *libyara.ScanContext, r *libyara.Rule) (abort bool, err error) {
	for _, s := range r.Strings() {
		if len(p.found) == maxMatches {
			break
		}
		all := s.Matches(sc)
		for i := range all[:min(len(all), maxPerString, maxMatches-len(p.found))] {
			data := all[i].Data()
			text := strconv.QuoteToASCII(string(data[:min(len(data), maxText)]))
			p.found = append(p.found, scanner.Match{
				Rule: r.Identifier(), String: s.Identifier(), Offset: all[i].Base() + all[i].Offset(), Length: int64(len(data)), Text: text[1 : len(text)-1],
			})
		}
		if len(all) > 0 {
			p.found[len(p.found)-1].More = max(len(all)-maxPerString, 0)
		}
	}
	return false, nil
}
