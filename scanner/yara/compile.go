//go:build !noyara

package yara

import (
	_ "embed"
	"fmt"
	"log/slog"

	libyara "github.com/hillu/go-yara/v4"
)

// builtinRules are compiled into every rule set, in the namespace builtinNamespace.
//
//go:embed builtin.yar
var builtinRules string

const (
	builtinNamespace = "mirrorgw"
	builtinFile      = "(built-in rules)"
)

// compile compiles the built-in rules and the files, each in its own namespace, so that equal names in different files do
// not clash and a global rule in one file does not bear on the others.
//
// Errors: *CompileError; what ruleFiles and openRules say.
func compile(files []string, log *slog.Logger) (*libyara.Rules, error) {
	c, err := libyara.NewCompiler()
	if err != nil {
		return nil, fmt.Errorf("yara: new compiler: %w", err)
	}
	defer c.Destroy()
	c.DisableIncludes()
	if err := c.AddString(builtinRules, builtinNamespace); err != nil {
		return nil, compileError(c, builtinFile, err)
	}
	for _, file := range files {
		if err := addFile(c, file); err != nil {
			return nil, err
		}
	}
	for _, w := range c.Warnings {
		log.Warn("yara rule", "where", Message{File: w.Filename, Line: w.Line, Text: w.Text}.String())
	}
	rules, err := c.GetRules()
	if err != nil {
		return nil, fmt.Errorf("yara: compiling rules: %w", err)
	}
	return rules, nil
}

func addFile(c *libyara.Compiler, path string) error {
	f, err := openRules(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := c.AddFile(f, "file:"+path); err != nil {
		return compileError(c, path, err)
	}
	return nil
}

// maxMessages bounds the messages of one error. After the first the compiler is often only confused.
const maxMessages = 10

// compileError collects what the compiler said about the file at hand.
func compileError(c *libyara.Compiler, file string, err error) error {
	e := &CompileError{}
	for _, m := range c.Errors {
		if len(e.Messages) == maxMessages {
			break
		}
		if m.Filename == "" {
			m.Filename = file
		}
		e.Messages = append(e.Messages, Message{File: m.Filename, Line: m.Line, Text: m.Text})
	}
	if len(e.Messages) == 0 { // an error that is not about a line, such as memory
		return fmt.Errorf("yara: compiling %s: %w", file, err)
	}
	return e
}

// load compiles the rules that paths name.
func load(paths []string, log *slog.Logger) (*libyara.Rules, int, error) {
	files, err := ruleFiles(paths)
	if err != nil {
		return nil, 0, err
	}
	rules, err := compile(files, log)
	if err != nil {
		return nil, 0, err
	}
	own, all := 0, rules.GetRules()
	for i := range all {
		if all[i].Namespace() != builtinNamespace {
			own++
		}
	}
	if len(paths) > 0 && own == 0 {
		rules.Destroy()
		return nil, 0, errEmpty
	}
	return rules, len(all), nil
}
