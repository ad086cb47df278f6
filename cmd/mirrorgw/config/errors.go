package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one thing wrong with a configuration.
type Error struct {
	Source    string // the file, or the flag the value came from
	Line, Col int    // 1-based; both 0 where the source has no lines
	Msg       string // what is wrong and what to write instead
}

// Error returns FILE:LINE:COL: message, the form editors and compilers share.
func (e Error) Error() string {
	if e.Line == 0 {
		return e.Source + ": " + e.Msg
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.Source, e.Line, e.Col, e.Msg)
}

// Errors are all the errors found, in the order of the file. It is never empty when returned as an error.
type Errors []Error

// Error returns one line per error.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

// Sort puts errors without a line first, the others in the order of the file.
func (e Errors) Sort() {
	slices.SortStableFunc(e, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
}

// show returns hostile or long text so that it fits in one line of an error.
func show(s string) string {
	const limit = 64
	if len(s) > limit {
		return fmt.Sprintf("%.*q…", limit, s)
	}
	for _, c := range s {
		if c <= ' ' || c > '~' {
			return fmt.Sprintf("%q", s)
		}
	}
	if s == "" {
		return `""`
	}
	return s
}
