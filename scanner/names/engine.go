package names

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"path"
	"strings"

	"github.com/gabriel-vasile/mimetype"

	"mirrorgw/scanner"
)

// Name is the engine's name in findings, logs and the status.
const Name = "names"

// Config says what is not wanted.
type Config struct {
	Block            []string // patterns of file names as those of path.Match, without regard to case: "*.exe"
	DoubleExtensions bool     // names made to look like something else than what runs when they are opened
	Types            []string // media types by content: "application/x-dosexec"
}

// Empty says whether c finds nothing.
func (c Config) Empty() bool { return len(c.Block) == 0 && !c.DoubleExtensions && len(c.Types) == 0 }

// CheckPattern says what is wrong with an entry of Block.
func CheckPattern(pattern string) error {
	if pattern == "" || len(pattern) > 255 || strings.ContainsAny(pattern, `/\`) {
		return errors.New("is not a pattern for the names of files: write one such as *.exe or invoice*.zip")
	}
	if _, err := path.Match(pattern, ""); err != nil {
		return errors.New("has a [ without its ]")
	}
	return nil
}

// CheckType says what is wrong with an entry of Types.
func CheckType(mediaType string) error {
	if _, err := typeOf(mediaType); err != nil {
		return err
	}
	return nil
}

// usual returns the name by which the library knows a type that has other names in use.
func usual(name string) string {
	switch name {
	case "application/x-dosexec", "application/x-msdownload", "application/x-ms-dos-program":
		return "application/vnd.microsoft.portable-executable"
	default:
		return name
	}
}

// typeOf returns the library's type of a name.
func typeOf(mediaType string) (*mimetype.MIME, error) {
	name, _, err := mime.ParseMediaType(mediaType)
	if err != nil || name != strings.ToLower(mediaType) {
		return nil, errors.New("is not a media type: write one such as application/x-dosexec")
	}
	m := mimetype.Lookup(usual(name))
	if m == nil {
		return nil, errors.New("is a media type that cannot be told by content")
	}
	return m, nil
}

// Engine finds parts by their names and types. It is a scanner.Engine.
type Engine struct {
	block  []string // lower case
	double bool
	types  []wanted
}

// wanted is a type to be found.
type wanted struct {
	name string // as configured
	kind *mimetype.MIME
}

// New returns an engine. Errors: what is wrong with a pattern or a type.
func New(c Config) (*Engine, error) {
	e := &Engine{double: c.DoubleExtensions}
	for _, p := range c.Block {
		if err := CheckPattern(p); err != nil {
			return nil, fmt.Errorf("names: %q %w", p, err)
		}
		e.block = append(e.block, strings.ToLower(p))
	}
	for _, t := range c.Types {
		kind, err := typeOf(t)
		if err != nil {
			return nil, fmt.Errorf("names: %q %w", t, err)
		}
		e.types = append(e.types, wanted{strings.ToLower(t), kind})
	}
	return e, nil
}

// Name implements scanner.Engine.
func (e *Engine) Name() string { return Name }

// NamesMatter implements scanner.NameEngine.
func (e *Engine) NamesMatter() bool { return len(e.block) > 0 || e.double }

// Rules returns the number of rules.
func (e *Engine) Rules() int {
	n := len(e.block) + len(e.types)
	if e.double {
		n++
	}
	return n
}

// Scan implements scanner.Engine. Each rule is found once.
//
// Errors: those of reading the part.
func (e *Engine) Scan(_ context.Context, part *scanner.Part) (scanner.Findings, error) {
	var found scanner.Findings
	add := func(rule string) {
		for _, f := range found {
			if f.Rule == rule {
				return
			}
		}
		found = append(found, scanner.Finding{Engine: Name, Rule: rule, Part: part.Path})
	}
	e.matchName(part.Name, add)
	for _, name := range part.Names {
		if name != part.Name {
			e.matchName(name, add)
		}
	}
	if len(e.types) == 0 || part.Path == "" { // a mail is a mail
		return found, nil
	}
	kind, err := detect(part)
	if err != nil {
		return found, fmt.Errorf("names: reading the part: %w", err)
	}
	for _, w := range e.types {
		if isA(kind, w.kind.String()) {
			add("type:" + w.name)
		}
	}
	return found, nil
}

// isA says whether a type is the one named, or a kind of it. Text and the wrappings of many kinds of documents count for themselves
// only.
func isA(kind *mimetype.MIME, name string) bool {
	if kind.Is(name) {
		return true
	}
	switch name {
	case "application/octet-stream", "text/plain", "text/plain; charset=utf-8", "text/xml", "text/xml; charset=utf-8", "application/json", "application/zip", "application/x-ole-storage":
		return false
	}
	for kind = kind.Parent(); kind != nil; kind = kind.Parent() {
		if kind.Is(name) {
			return true
		}
	}
	return false
}

// matchName adds the rules that hold for a name.
func (e *Engine) matchName(name string, add func(rule string)) {
	if name == "" {
		return
	}
	for _, reading := range readings(name) {
		for _, pattern := range e.block {
			if ok, err := path.Match(pattern, reading); ok && err == nil {
				add(ruleOf(pattern))
			}
		}
		if !e.double {
			continue
		}
		if extension, ok := hidden(name, reading); ok {
			add("double-extension:" + scanner.Printable(extension, 32))
		}
	}
}

// ruleOf returns the name of the rule that a pattern makes.
func ruleOf(pattern string) string {
	if extension, ok := strings.CutPrefix(pattern, "*."); ok && !strings.ContainsAny(extension, "*?[") {
		return "extension:" + extension
	}
	return "name:" + pattern
}

// sniffed is as much as the library looks at.
const sniffed = 3072

// detect returns the type of a part by its content.
func detect(part *scanner.Part) (*mimetype.MIME, error) {
	mem, file := part.Region()
	if file != nil {
		mem = make([]byte, min(sniffed, part.Size()))
		if _, err := io.ReadFull(part.Reader(), mem); err != nil {
			return nil, err
		}
	}
	return mimetype.Detect(mem[:min(sniffed, len(mem))]), nil
}
