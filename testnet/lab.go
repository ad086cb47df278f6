package testnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

// DefaultLab is the name of the lab the command line uses when told none.
const DefaultLab = "lab"

const (
	// recordFolder holds a record for each lab, for Load and for Down in another process.
	recordFolder = "/run/mirrorgw"

	// workFolder holds each lab's files. Not TMPDIR: a mail server's sockets are in there, and their paths have at most 107 octets.
	workFolder = "/tmp"
)

// hostNames are the machines of a lab, in the order of the picture in the package's comment.
var hostNames = [...]string{"client", "mirror", "router", "internet"}

var (
	// ErrLabExists reports a lab that is up, or was not taken down.
	ErrLabExists = errors.New("lab exists")

	// ErrNoLab reports a lab that is not up.
	ErrNoLab = errors.New("no such lab")
)

// Config describes a lab.
type Config struct {
	// Name tells labs on one machine apart: 1 to 24 lower-case letters, digits and dashes. Empty is "lab".
	Name string
}

// Lab is four hosts in network namespaces, as drawn in the package's comment. Its methods may be called from any goroutine.
type Lab struct {
	Client, Mirror, Router, Internet *Host

	name   string
	folder string
}

// record is what is kept of a lab on disk, written before anything of the lab exists.
type record struct {
	Name   string    `json:"name"`
	Folder string    `json:"folder"`
	Made   time.Time `json:"made"`
}

// Up makes a lab. Nothing runs in it yet. When it fails or ctx ends, what was made is gone again.
//
// Errors: ErrUnable; ErrLabExists.
func Up(ctx context.Context, cfg Config) (*Lab, error) {
	if cfg.Name == "" {
		cfg.Name = DefaultLab
	}
	if err := checkName(cfg.Name); err != nil {
		return nil, err
	}
	if err := needRoot(); err != nil {
		return nil, err
	}
	if err := needTools("ip", "nft"); err != nil {
		return nil, err
	}
	l := newLab(cfg.Name, filepath.Join(workFolder, "mirrorgw-lab-"+cfg.Name))
	if err := l.writeRecord(); err != nil {
		return nil, err
	}
	if err := l.build(ctx); err != nil {
		// A context that has ended must not keep the debris.
		return nil, errors.Join(fmt.Errorf("lab %s: %w", cfg.Name, err), l.Down(context.WithoutCancel(ctx)))
	}
	return l, nil
}

// Load returns a lab that is up, made by this process or another.
//
// Errors: ErrNoLab.
func Load(name string) (*Lab, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(recordPath(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNoLab, name)
	}
	if err != nil {
		return nil, fmt.Errorf("lab %s: %w", name, err)
	}
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("lab %s: record %s: %w", name, recordPath(name), err)
	}
	return newLab(name, r.Folder), nil
}

// Down removes what is left of the lab of a name, whoever made it and however far that came. A lab that does not exist is
// no error.
func Down(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return newLab(name, filepath.Join(workFolder, "mirrorgw-lab-"+name)).Down(ctx)
}

// Name is the lab's name.
func (l *Lab) Name() string { return l.name }

// Folder is where the lab's logs and mailboxes are, and where its users may keep files; Down removes it.
func (l *Lab) Folder() string { return l.folder }

// Host returns the host of a name: client, mirror, router or internet.
func (l *Lab) Host(name string) (*Host, error) {
	for _, h := range l.hosts() {
		if h.Name == name {
			return h, nil
		}
	}
	return nil, fmt.Errorf("no host %q: hosts are client, mirror, router and internet", name)
}

// Down ends every process in the lab and removes its namespaces, its folder and its record. It may be called more than
// once, and goes on past what fails.
func (l *Lab) Down(ctx context.Context) error {
	if err := needRoot(); err != nil {
		return err
	}
	var errs []error
	for _, h := range l.hosts() {
		errs = append(errs, endProcesses(ctx, h.Namespace))
		if _, err := os.Stat(filepath.Join(namespaceFolder, h.Namespace)); err == nil {
			_, err := output(exec.CommandContext(ctx, "ip", "netns", "delete", h.Namespace), "delete namespace "+h.Namespace)
			errs = append(errs, err)
		}
	}
	errs = append(errs, os.RemoveAll(l.folder))
	if err := errors.Join(errs...); err != nil {
		// The record stays, so that "lab down" can be tried again.
		return fmt.Errorf("take down lab %s: %w", l.name, err)
	}
	if err := os.Remove(recordPath(l.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("take down lab %s: %w", l.name, err)
	}
	return nil
}

func newLab(name, folder string) *Lab {
	host := func(host string) *Host {
		return &Host{Name: host, Namespace: "mirrorgw-" + name + "-" + host, folder: folder}
	}
	return &Lab{
		Client: host(hostNames[0]), Mirror: host(hostNames[1]), Router: host(hostNames[2]), Internet: host(hostNames[3]),
		name: name, folder: folder,
	}
}

func (l *Lab) hosts() []*Host { return []*Host{l.Client, l.Mirror, l.Router, l.Internet} }

var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,23}$`)

func checkName(name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("lab name %q: want 1 to 24 lower-case letters, digits and dashes", name)
	}
	return nil
}

func recordPath(name string) string { return filepath.Join(recordFolder, "lab-"+name+".json") }

// writeRecord claims the lab's name.
func (l *Lab) writeRecord() error {
	b, err := json.Marshal(record{Name: l.name, Folder: l.folder, Made: time.Now().UTC()})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(recordFolder, 0o755); err != nil {
		return fmt.Errorf("record of lab %s: %w", l.name, err)
	}
	f, err := os.OpenFile(recordPath(l.name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %s: \"mirrorgw lab down\" removes it", ErrLabExists, l.name)
	}
	if err != nil {
		return fmt.Errorf("record of lab %s: %w", l.name, err)
	}
	_, err = f.Write(append(b, '\n'))
	return errors.Join(err, f.Close())
}
