//go:build !noyara

package yara

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	libyara "github.com/hillu/go-yara/v4"
)

// builtinRules are compiled into every rule set, in the namespace builtinNamespace.
//
//go:embed builtin.yar
var builtinRules string

const (
	builtinNamespace = "mirrorgw"
	builtinFile      = "(built-in rules)"
	filePrefix       = "file:" // of the namespaces of rule files
)

// ruleSet is what a compiler made, or what was loaded of what it made.
type ruleSet struct {
	rules *libyara.Rules
	index map[libyara.Rule]uint32 // their places in the set
	about report
}

// report is what there is to know of a rule set beside the rules.
type report struct {
	Rules     []named
	Variables bool // some rule may ask for one of the variables
	Warnings  []Message
	Slow      []Slow
	Untimed   int // rules for whose timing there was no time
}

// named is a rule.
type named struct {
	Name, File string
}

// own says whether there is a rule beside the built-in ones.
func (r report) own() bool {
	for _, rule := range r.Rules {
		if rule.File != builtinFile {
			return true
		}
	}
	return false
}

func newRuleSet(rules *libyara.Rules, about report) *ruleSet {
	all := rules.GetRules()
	set := &ruleSet{rules: rules, about: about, index: make(map[libyara.Rule]uint32, len(all))}
	for i, r := range all {
		set.index[r] = uint32(i)
	}
	return set
}

// compiler compiles the built-in rules and those of files, each file in its own namespace, so that equal names in different files
// do not clash and a global rule in one file does not bear on the others.
type compiler struct {
	c     *libyara.Compiler
	about report
	texts []source
}

// source is a rule file.
type source struct{ path, text string }

func newCompiler() (*compiler, error) {
	c, err := emptyCompiler()
	if err != nil {
		return nil, err
	}
	if err := c.AddString(builtinRules, builtinNamespace); err != nil {
		err = compileError(c, builtinFile, err)
		c.Destroy()
		return nil, err
	}
	return &compiler{c: c}, nil
}

// emptyCompiler returns one that knows the variables and no rule.
func emptyCompiler() (*libyara.Compiler, error) {
	c, err := libyara.NewCompiler()
	if err != nil {
		return nil, fmt.Errorf("yara: new compiler: %w", err)
	}
	c.DisableIncludes()
	for _, name := range variableNames() {
		if err := c.DefineVariable(name, ""); err != nil {
			c.Destroy()
			return nil, fmt.Errorf("yara: variable %s: %w", name, err)
		}
	}
	return c, nil
}

func (c *compiler) close() { c.c.Destroy() }

// add compiles a file, which it borrows. After an error no more can be added.
//
// Errors: *CompileError; the file's own.
func (c *compiler) add(path string, f *os.File) error {
	text, err := io.ReadAll(io.LimitReader(f, maxRuleFile))
	if err != nil {
		return fmt.Errorf("yara rules: %w", err)
	}
	for _, name := range variableNames() { // a word in a comment does no harm
		c.about.Variables = c.about.Variables || bytes.Contains(text, []byte(name))
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("yara rules: %w", err)
	}
	c.texts = append(c.texts, source{path, string(text)})
	before := len(c.c.Warnings)
	if err := c.c.AddFile(f, filePrefix+path); err != nil {
		return compileError(c.c, path, err)
	}
	for _, w := range c.c.Warnings[before:] {
		c.about.Warnings = append(c.about.Warnings, Message{File: path, Line: w.Line, Text: w.Text})
	}
	return nil
}

// finish returns the rules, timed and tried.
func (c *compiler) finish() (*ruleSet, error) {
	rules, err := c.c.GetRules()
	if err != nil {
		return nil, fmt.Errorf("yara: compiling rules: %w", err)
	}
	all := rules.GetRules()
	for i := range all {
		file, own := strings.CutPrefix(all[i].Namespace(), filePrefix)
		if !own {
			file = builtinFile
		}
		c.about.Rules = append(c.about.Rules, named{all[i].Identifier(), file})
	}
	set := newRuleSet(rules, c.about)
	if err := set.try(c.texts); err != nil {
		rules.Destroy()
		return nil, err
	}
	return set, nil
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
		e.Messages = append(e.Messages, Message{File: file, Line: m.Line, Text: m.Text})
	}
	if len(e.Messages) == 0 { // an error that is not about a line, such as memory
		return fmt.Errorf("yara: compiling %s: %w", file, err)
	}
	return e
}

// eachFile calls add for each rule file that paths name. Errors: what ruleFiles and openRules say; add's own.
func eachFile(paths []string, add func(path string, f *os.File) error) error {
	files, err := ruleFiles(paths)
	if err != nil {
		return err
	}
	for _, path := range files {
		f, err := openRules(path)
		if err != nil {
			return err
		}
		if err := errors.Join(add(path, f), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// compileHere compiles the rules that paths name in this process.
func compileHere(paths []string) (*ruleSet, error) {
	c, err := newCompiler()
	if err != nil {
		return nil, err
	}
	defer c.close()
	if err := eachFile(paths, c.add); err != nil {
		return nil, err
	}
	set, err := c.finish()
	if err == nil && len(paths) > 0 && !set.about.own() {
		set.rules.Destroy()
		return nil, errEmpty
	}
	return set, err
}
