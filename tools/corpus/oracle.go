package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// extracted says from which mails a payload can be had: parser to ids.
type extracted map[string]map[string]bool

// by returns the parsers, sorted, that extract from a mail.
func (e extracted) by(id string) []string {
	var names []string
	for name, ids := range e {
		if ids[id] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// unpacker is a program that takes one mail apart into a folder.
type unpacker struct {
	name, program string
	args          func(mail, folder string) []string
}

func unpackers() []unpacker {
	return []unpacker{
		{"munpack", "munpack", func(mail, folder string) []string { return []string{"-q", "-t", "-f", "-C", folder, mail} }},
		{"ripmime", "ripmime", func(mail, folder string) []string { return []string{"-q", "-i", mail, "-d", folder} }},
		{"mhstore", "/usr/bin/mh/mhstore", func(mail, _ string) []string { return []string{"-noauto", "-file", mail} }},
		{"mu", "mu", func(mail, folder string) []string {
			return []string{"extract", "--save-all", "--target-dir=" + folder, mail}
		}},
	}
}

// driver is a program that takes all mails of a folder apart by itself, for one parser or several.
type driver struct {
	name    string
	parsers []string
	command func(ctx context.Context, scratch string) (*exec.Cmd, error) // FOLDER SHA256… are appended
}

// drivers returns those that are run from source, the folder that this program lies in.
func drivers(source string) []driver {
	return []driver{
		{"Python", []string{"python"}, func(ctx context.Context, _ string) (*exec.Cmd, error) {
			return exec.CommandContext(ctx, "python3", filepath.Join(source, "drivers/extract.py")), nil
		}},
		{"Debian's Python", []string{"icalendar", "vobject", "xml", "plistlib"}, func(ctx context.Context, _ string) (*exec.Cmd, error) {
			return exec.CommandContext(ctx, "/usr/bin/python3", filepath.Join(source, "drivers/documents.py")), nil
		}},
		{"node", []string{"scripts"}, func(ctx context.Context, _ string) (*exec.Cmd, error) {
			return exec.CommandContext(ctx, "node", filepath.Join(source, "drivers/scripts.mjs")), nil
		}},
		{"Perl", []string{"mime-tools"}, func(ctx context.Context, _ string) (*exec.Cmd, error) {
			return exec.CommandContext(ctx, "perl", filepath.Join(source, "drivers/extract.pl")), nil
		}},
		{"Go", []string{"enmime", "go-message", "go-standard"}, func(ctx context.Context, scratch string) (*exec.Cmd, error) {
			program := filepath.Join(scratch, "goparsers")
			build := exec.CommandContext(ctx, "go", "build", "-tags", "corpus", "-o", program, ".")
			build.Dir, build.Env = filepath.Join(source, "_goparsers"), append(os.Environ(), "GOWORK=off")
			if out, err := build.CombinedOutput(); err != nil {
				return nil, fmt.Errorf("building the Go parsers: %w: %s", err, out)
			}
			return exec.CommandContext(ctx, program), nil
		}},
		{"npm", []string{"emailjs-mime-parser", "mailparser", "postal-mime"}, func(ctx context.Context, _ string) (*exec.Cmd, error) {
			folder := filepath.Join(source, "npm")
			if err := npmInstall(ctx, folder); err != nil {
				return nil, err
			}
			return exec.CommandContext(ctx, "node", filepath.Join(folder, "extract.mjs")), nil
		}},
	}
}

// documentReaders are the parsers of what is attached, which find nothing in any other mail.
func documentReaders() []string {
	return []string{"icalendar", "vobject", "xml", "plistlib", "scripts"}
}

// npmInstall installs what package-lock.json names, unless it is there already.
func npmInstall(ctx context.Context, folder string) error {
	lock, err := os.ReadFile(filepath.Join(folder, "package-lock.json"))
	if err != nil {
		return err
	}
	stamp := filepath.Join(folder, "node_modules", ".installed")
	if installed, err := os.ReadFile(stamp); err == nil && bytes.Equal(installed, lock) {
		return nil
	}
	install := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = folder
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("installing the npm parsers: %w: %s", err, lastLine(out))
	}
	return os.WriteFile(stamp, lock, 0o600)
}

// askOracle has every parser that is there read the mails in folder. missing says which are not, and why.
func askOracle(ctx context.Context, source, folder, scratch string, mails []mail, digests []string) (found extracted, missing []string, err error) {
	found = make(extracted)
	for _, d := range drivers(source) {
		ids, err := d.run(ctx, scratch, folder, digests)
		if err != nil {
			if ctx.Err() != nil {
				return nil, nil, ctx.Err()
			}
			missing = append(missing, fmt.Sprintf("%s: %v", strings.Join(d.parsers, ", "), err))
			continue
		}
		for _, parser := range d.parsers {
			found[parser] = ids[parser]
		}
	}
	for _, u := range unpackers() {
		if _, err := exec.LookPath(u.program); err != nil {
			missing = append(missing, fmt.Sprintf("%s: %v", u.name, err))
			continue
		}
		if found[u.name], err = u.run(ctx, scratch, folder, mails, digests); err != nil {
			return nil, nil, err
		}
	}
	return found, missing, nil
}

// run returns, per parser, the ids of the mails it extracts from.
func (d driver) run(ctx context.Context, scratch, folder string, digests []string) (map[string]map[string]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd, err := d.command(ctx, scratch)
	if err != nil {
		return nil, err
	}
	cmd.Args = append(append(cmd.Args, folder), digests...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, lastLine(stderr.Bytes()))
	}
	found := make(map[string]map[string]bool)
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		parser, file, ok := strings.Cut(lines.Text(), "\t")
		if !ok || !slices.Contains(d.parsers, parser) {
			return nil, fmt.Errorf("the driver of %s said %q", d.name, lines.Text())
		}
		if found[parser] == nil {
			found[parser] = make(map[string]bool)
		}
		found[parser][strings.TrimSuffix(file, ".eml")] = true
	}
	return found, lines.Err()
}

// perMail bounds one program's work on one mail.
const perMail = 20 * time.Second

// run returns the ids of the mails it extracts from.
func (u unpacker) run(ctx context.Context, scratch, folder string, mails []mail, digests []string) (map[string]bool, error) {
	home, err := os.MkdirTemp(scratch, u.name)
	if err != nil {
		return nil, err
	}
	profile := filepath.Join(home, "mh_profile")
	if err := os.WriteFile(profile, []byte("Path: "+home+"/mh\n"), 0o600); err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(home, "mh"), 0o700); err != nil {
		return nil, err
	}
	var (
		mu    sync.Mutex
		found = make(map[string]bool)
		fault error
		wg    sync.WaitGroup
		ids   = make(chan string)
	)
	// Each worker ends when ids is closed.
	for range runtime.NumCPU() {
		wg.Go(func() {
			for id := range ids {
				ok, err := u.unpack(ctx, home, profile, filepath.Join(folder, id+".eml"), digests)
				mu.Lock()
				if ok {
					found[id] = true
				}
				fault = errors.Join(fault, err)
				mu.Unlock()
			}
		})
	}
	for _, m := range mails {
		ids <- m.id
	}
	close(ids)
	wg.Wait()
	return found, fault
}

// unpack takes one mail apart, and reports whether a part is one of the payloads.
func (u unpacker) unpack(ctx context.Context, home, profile, mail string, digests []string) (bool, error) {
	out, err := os.MkdirTemp(home, "out")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(out)
	ctx, cancel := context.WithTimeout(ctx, perMail)
	defer cancel()
	cmd := exec.CommandContext(ctx, u.program, u.args(mail, out)...)
	cmd.Dir, cmd.Env = out, append(os.Environ(), "HOME="+home, "MH="+profile, "LC_ALL=C.UTF-8")
	_ = cmd.Run() // a mail that a program refuses or crashes on is one from which it extracts what lies there by then
	found := false
	err = filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		if err != nil || found || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		found = err == nil && isPayload(content, digests)
		return err
	})
	return found, err
}

// isPayload reports whether content is a payload, line ends behind it aside.
func isPayload(content []byte, digests []string) bool {
	for {
		if slices.Contains(digests, payload{content: string(content)}.digest()) {
			return true
		}
		n := len(content)
		if n == 0 || content[n-1] != '\n' && content[n-1] != '\r' {
			return false
		}
		content = content[:n-1]
	}
}

// lastLine returns the last line of what a program said.
func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
