//go:build !noyara

package yara

import (
	"errors"
	"fmt"
	"strings"
	"time"

	libyara "github.com/hillu/go-yara/v4"
)

// noTryCatch is SCAN_FLAGS_NO_TRYCATCH, which the binding does not name.
const noTryCatch = libyara.ScanFlags(4)

// errTime says that a scan took more than its time.
var errTime = errors.New("out of time")

// maxFound bounds the rules named of one content. More tell nobody anything.
const maxFound = 256

// judge is a libyara scanner, for one scan at a time.
type judge struct {
	set   *ruleSet
	s     *libyara.Scanner
	found []uint32 // of the last scan: the places of the rules that matched, at most maxFound
}

func newJudge(set *ruleSet) (*judge, error) {
	s, err := libyara.NewScanner(set.rules)
	if err != nil {
		return nil, fmt.Errorf("new scanner: %w", err)
	}
	j := &judge{set: set, s: s}
	s.SetFlags(noTryCatch).SetCallback(j)
	return j, nil
}

func (j *judge) close() { j.s.Destroy() }

// RuleMatching implements the binding's ScanCallback. It is called on the goroutine that scans.
func (j *judge) RuleMatching(_ *libyara.ScanContext, r *libyara.Rule) (abort bool, err error) {
	place, known := j.set.index[*r]
	if !known {
		return true, errors.New("a rule that is not in the set")
	}
	if len(j.found) < maxFound {
		j.found = append(j.found, place)
	}
	return false, nil
}

// scan runs the rules over content for at most time, which counts in whole seconds. name is what the content claims to be called.
//
// Errors: errTime; what libyara says. What was found by then is in found all the same.
func (j *judge) scan(content []byte, name string, limit time.Duration) error {
	j.found = j.found[:0]
	if j.set.about.Variables {
		if err := j.define(content, name); err != nil {
			return err
		}
	}
	// libyara counts whole seconds, and none means for ever.
	seconds := max(limit+time.Second-1, time.Second).Truncate(time.Second)
	j.s.SetTimeout(seconds)
	started := time.Now()
	err := j.s.ScanMem(content)
	switch {
	case err == nil:
		return nil
	case strings.Contains(err.Error(), "scan timeout"), time.Since(started) >= limit:
		return errTime
	default:
		return err
	}
}

// define sets the variables for one content.
func (j *judge) define(content []byte, name string) error {
	head := content[:min(len(content), headSize)]
	for i, value := range variables(strings.ReplaceAll(name, "\x00", ""), head) {
		if err := j.s.DefineVariable(variableNames()[i], value); err != nil {
			return fmt.Errorf("variable %s: %w", variableNames()[i], err)
		}
	}
	return nil
}
