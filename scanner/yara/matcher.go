//go:build !noyara

package yara

import (
	"context"
	"fmt"
	"strconv"
	"time"

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
	set *ruleSet
}

// NewMatcher compiles rules as New does. Errors: those of New.
func NewMatcher(c Config) (*Matcher, error) {
	set, err := compileHere(c.Rules)
	if err != nil {
		return nil, err
	}
	return &Matcher{set}, nil
}

// Name implements scanner.Matcher.
func (m *Matcher) Name() string { return Name }

// Matches implements scanner.Matcher. libyara keeps 512 octets of a match: that length means that or more. A rule without strings has
// no matches.
//
// Errors: those of Engine.Scan.
func (m *Matcher) Matches(ctx context.Context, part *scanner.Part) ([]scanner.Match, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("yara: %w", err)
	}
	j, err := newJudge(m.set)
	if err != nil {
		return nil, fmt.Errorf("yara: %w", err)
	}
	defer j.close()
	var p places
	j.s.SetCallback(&p)
	started := time.Now()
	err = j.scanPart(ctx, part)
	return p.found, scanError(err, started)
}

// Close gives the rules back.
func (m *Matcher) Close() error {
	m.set.rules.Destroy()
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
