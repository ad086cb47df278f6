package yara

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"mirrorgw/scanner/worker"
)

// Name is the engine's name in findings, logs and the status.
const Name = "yara"

// ErrNotCompiledIn is returned by New in a program built with the tag noyara.
var ErrNotCompiledIn = errors.New("yara is not compiled in (built with -tags noyara)")

// ErrClosed is returned by Engine.Scan after Close.
var ErrClosed = errors.New("yara: engine is closed")

// Config says which rules an Engine runs.
type Config struct {
	Rules []string // rule files, or folders whose *.yar and *.yara files are loaded, subfolders included; the built-in rules are always there
	Log   *slog.Logger

	// Workers is the number of processes that scan; rules are compiled in one as well. With 0 all is done in this process. Who
	// sets it has the program call Serve when its arguments are those of WorkerArgs.
	Workers int
	Confine func() error  // see worker.Program
	Tally   *worker.Tally // counts what becomes of workers; nil: nobody does
}

// WorkerArgs returns the arguments with which the program is started to be a worker.
func WorkerArgs() []string { return []string{"worker", Name} }

// Slow is a rule whose condition takes long, or a file whose rules have strings that do.
type Slow struct {
	Rule string  // empty: the strings of the file
	File string  // where it stands, or builtinFile
	Cost float64 // of the samples it was tried on, in seconds of processor time for each megabyte
}

func (s Slow) String() string {
	if s.Rule == "" {
		return fmt.Sprintf("strings of the rules in %s take some %.0f ms for each megabyte", s.File, s.Cost*1000)
	}
	return fmt.Sprintf("rule %s in %s takes some %.0f ms for each megabyte", s.Rule, s.File, s.Cost*1000)
}

// Health says how an engine is.
type Health struct {
	Workers int    // that are there; 0 also where there shall be none
	Hello   string // how they are confined, as one of them says
	Err     error  // why nothing can be scanned; nil when it can
}

// A CompileError says where rules do not compile.
type CompileError struct {
	Messages []Message // at least one
}

// Message is one remark of the rule compiler.
type Message struct {
	File string
	Line int
	Text string
}

// Error returns one line per message, FILE:LINE: message.
func (e *CompileError) Error() string {
	lines := make([]string, len(e.Messages))
	for i, m := range e.Messages {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}

func (m Message) String() string { return fmt.Sprintf("%s:%d: %s", m.File, m.Line, m.Text) }
