//go:build !noyara

package yara

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"mirrorgw/scanner"
	"mirrorgw/scanner/worker"
)

const (
	// compileTime bounds the compiling and trying of all rules.
	compileTime = 2 * time.Minute

	// maxReport bounds what a worker tells of the rules, in octets; a hundred thousand rules take some ten million.
	maxReport = 64 << 20
)

// compileAside has a worker compile the rules that paths name, so that rules which are huge or hostile hurt nobody else. It returns
// the rules as libyara writes them.
//
// Errors: as those of New.
func compileAside(paths []string, program worker.Program) (image *os.File, about report, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), compileTime)
	defer cancel()
	if image, err = memoryFile("rules"); err != nil {
		return nil, about, fmt.Errorf("yara: %w", err)
	}
	defer func() {
		if err != nil {
			image.Close()
		}
	}()
	told, err := memoryFile("report")
	if err != nil {
		return nil, about, fmt.Errorf("yara: %w", err)
	}
	defer told.Close()
	err = program.Open(func(p *worker.Process) error {
		ask := func(request []byte, file *os.File) error {
			answer, err := p.Ask(ctx, request, file)
			if err != nil {
				return fmt.Errorf("yara: compiling rules: %w", err)
			}
			return failure(answer)
		}
		if err := eachFile(paths, func(path string, f *os.File) error {
			return ask(append([]byte{byte(kindRules)}, path...), f)
		}); err != nil {
			return err
		}
		if err := ask([]byte{byte(kindFinish)}, image); err != nil {
			return err
		}
		return ask([]byte{byte(kindReport)}, told)
	})
	if err != nil {
		return nil, about, err
	}
	if about, err = readReport(told); err != nil {
		return nil, about, err
	}
	if len(paths) > 0 && !about.own() {
		return nil, about, errEmpty
	}
	return image, about, seal(image) // the worker has ended, and with it what it could have changed
}

// readReport reads what a worker has told of rules, and makes it fit to be shown.
func readReport(f *os.File) (about report, err error) {
	if err := json.NewDecoder(io.NewSectionReader(f, 0, maxReport)).Decode(&about); err != nil {
		return about, fmt.Errorf("yara: what a worker says of the rules: %w", err)
	}
	if len(about.Rules) == 0 {
		return about, errors.New("yara: a worker says that there are no rules")
	}
	for _, r := range about.Rules {
		if !identifier(r.Name) {
			return about, errors.New("yara: a worker names a rule that cannot be one")
		}
	}
	for i := range about.Warnings {
		about.Warnings[i].Text = scanner.Printable(about.Warnings[i].Text, maxWords)
	}
	return about, nil
}

// identifier says whether name can be a rule's: libyara takes 128 letters, digits and underscores.
func identifier(name string) bool {
	return name != "" && len(name) <= 128 && !strings.ContainsFunc(name, func(c rune) bool {
		return c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
}

// failure returns the error in an answer, nil when there is none.
func failure(answer []byte) error {
	words := answer[1:]
	switch status(answer[0]) {
	case statusDone:
		return nil
	case statusFailed:
		return errors.New(scanner.Printable(string(words), maxWords))
	case statusCompile:
		e := &CompileError{}
		if err := json.Unmarshal(words, &e.Messages); err != nil || len(e.Messages) == 0 {
			return errors.New("yara: a worker says that rules do not compile, and not which")
		}
		for i := range e.Messages {
			e.Messages[i].Text = scanner.Printable(e.Messages[i].Text, maxWords)
		}
		return e
	default:
		return fmt.Errorf("yara: a worker answers with kind %d", answer[0])
	}
}
