package yara

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxRuleFile bounds a rule file. Large public rule sets have a few megabytes.
const maxRuleFile = 64 << 20

// ruleFiles returns the rule files that paths name, in the order of paths and by name within a folder, each once.
//
// Errors name the path and what is wrong with it: not there, not readable, neither file nor folder, a folder without rules.
func ruleFiles(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("yara rules: %w", err)
		}
		if !info.IsDir() {
			files = append(files, filepath.Clean(path))
			continue
		}
		inside, err := ruleFolder(path)
		if err != nil {
			return nil, err
		}
		files = append(files, inside...)
	}
	seen := make(map[string]bool)
	return slices.DeleteFunc(files, func(f string) bool {
		dup := seen[f]
		seen[f] = true
		return dup
	}), nil
}

// ruleFolder returns the rule files below a folder. Hidden files and folders are passed over; links to files count.
func ruleFolder(root string) ([]string, error) {
	folder, err := filepath.EvalSymlinks(root) // WalkDir does not follow its root
	if err != nil {
		return nil, fmt.Errorf("yara rules: %w", err)
	}
	var files []string
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path != folder && strings.HasPrefix(entry.Name(), ".") {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		switch filepath.Ext(path) {
		case ".yar", ".yara":
			if info, err := os.Stat(path); err != nil {
				return err
			} else if !info.IsDir() {
				files = append(files, path)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("yara rules: %w", err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("yara rules: %s holds no .yar or .yara file: add one, or leave the folder out to use the built-in rules", root)
	}
	return files, nil
}

// openRules opens a rule file for reading.
func openRules(path string) (*os.File, error) {
	info, err := os.Stat(path) // before the open, which would wait at a pipe
	if err != nil {
		return nil, fmt.Errorf("yara rules: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("yara rules: %s is neither a file nor a folder", path)
	}
	if info.Size() > maxRuleFile {
		return nil, fmt.Errorf("yara rules: %s has %d octets, the limit is %d", path, info.Size(), maxRuleFile)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("yara rules: %w", err)
	}
	return f, nil
}

// errEmpty is the answer to a configuration that names rules and yields none.
var errEmpty = errors.New("yara rules: no rule in any of the configured files")
