package scanner

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
)

// payload is what the tests' engines look for.
const payload = "MALWARE-FOR-TESTS/0123456789"

// seeker is an engine that finds one string, and remembers what it was asked about.
type seeker struct {
	needle string
	fail   func(*Part) error // nil: never
	hang   func(*Part) bool  // nil: never; true: wait for the context to end

	mu    sync.Mutex
	asked []string // "PATH TYPE NAME CONTENT" of each part
}

func (s *seeker) Name() string { return "seeker" }

func (s *seeker) Scan(ctx context.Context, part *Part) (Findings, error) {
	content, err := regionBytes(part)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.asked = append(s.asked, fmt.Sprintf("%s %s %s %q", part.Path, part.Type, part.Name, content))
	s.mu.Unlock()
	if s.hang != nil && s.hang(part) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if s.fail != nil {
		if err := s.fail(part); err != nil {
			return nil, err
		}
	}
	if s.needle != "" && bytes.Contains(content, []byte(s.needle)) {
		return Findings{{Engine: s.Name(), Rule: "Needle", Part: part.Path}}, nil
	}
	return nil, nil
}

// regionBytes returns a part's content as an engine gets it.
func regionBytes(part *Part) ([]byte, error) {
	mem, file := part.Region()
	if file == nil {
		return mem, nil
	}
	return io.ReadAll(io.NewSectionReader(file.File, file.At, part.Size()))
}

// parts returns what the engine was asked about, but for the whole mail.
func (s *seeker) parts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.asked), func(asked string) bool { return strings.HasPrefix(asked, " ") })
}

func newScanner(t testing.TB, limits Limits, engines ...Engine) *Scanner {
	t.Helper()
	s, err := New(Config{Engines: engines, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newMail returns a mail in a buffer.
func newMail(t testing.TB, text string) *Buffer {
	t.Helper()
	b := Spool{}.NewBuffer()
	t.Cleanup(func() { b.Close() })
	if _, err := io.Copy(b, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	return b
}

// crlf turns the line ends of a test's text into those of a mail.
func crlf(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }
