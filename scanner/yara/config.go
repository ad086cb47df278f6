package yara

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
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
