package service

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/confine"
	"mirrorgw/scanner/clamd"
	"mirrorgw/scanner/spam"
	"mirrorgw/stack"
)

// Confine puts out of this process's reach what a gateway with the configuration cfg, read from file, does not need. It comes
// after the device and every socket are open, and before the first frame is looked at. It is for good: a reload reads the
// same paths again, new ones take a restart.
func Confine(cfg *config.Config, file string) (confine.Report, error) {
	_, _ = time.Now().Zone() // the time zone's file is read on first use, and is out of reach from here on
	return confine.Apply(reachOf(cfg, file))
}

// reachOf returns what a gateway with the configuration cfg, read from file, needs once it has opened what it opens.
func reachOf(cfg *config.Config, file string) confine.Config {
	c := confine.Config{
		Read:    []string{"/proc/sys/net", "/sys/class/net", "/sys/devices"}, // what the kernel says about interfaces
		Write:   []string{cfg.Quarantine.Dir, filepath.Dir(cfg.Control.Socket)},
		Spool:   cfg.Spool.Dir,
		Sockets: []string{cfg.Control.Socket},        // its own, as seen by who watches over it
		Devices: []string{stack.TUNPath, os.DevNull}, // the first opened again when the interface was deleted, the other for workers
		Execute: confine.OwnFiles(),
	}
	if c.Spool == "" {
		c.Spool = os.TempDir()
	}
	if file != "" {
		c.Read = append(c.Read, around(file)...)
	}
	for _, rules := range cfg.Scan.YARA.Rules {
		if info, err := os.Stat(rules); err != nil || !info.IsDir() {
			c.Read = append(c.Read, around(rules)...)
			continue
		}
		c.Read = append(c.Read, rules)
		c.Read = append(c.Read, linkedFrom(rules)...)
	}
	if cfg.Notice.Template != "" {
		c.Read = append(c.Read, around(cfg.Notice.Template)...)
	}
	for _, address := range cfg.Scan.Clamd.Address {
		network, at, err := clamd.Split(address)
		if err != nil {
			continue // which loading the configuration has told
		}
		if network == "unix" {
			c.Sockets = append(c.Sockets, filepath.Dir(at)) // a daemon that restarts makes its socket anew
			continue
		}
		c.Connect = append(c.Connect, netip.MustParseAddrPort(at).Port())
	}
	if at, err := url.Parse(cfg.Spam.Rspamd); err == nil && at.Host != "" {
		c.Connect = append(c.Connect, netip.MustParseAddrPort(at.Host).Port())
	}
	switch network, at, err := spam.Split(cfg.Spam.Spamd); {
	case err != nil: // there is none
	case network == "unix":
		c.Sockets = append(c.Sockets, filepath.Dir(at))
	default:
		c.Connect = append(c.Connect, netip.MustParseAddrPort(at).Port())
	}
	if manager := os.Getenv(notifyVariable); manager != "" {
		c.Sockets = append(c.Sockets, manager)
	}
	return c
}

// outOfReach says of an error during a reload what a confined process cannot know: that permission may be lacking because of
// itself.
func outOfReach(err error) error {
	if errors.Is(err, fs.ErrPermission) || strings.Contains(err.Error(), fs.ErrPermission.Error()) {
		return fmt.Errorf("%w (what was not named at the start takes a restart)", err)
	}
	return err
}

// around returns what must be readable so that file is, when something else has taken its place too: an editor or a package
// replaces a file by another one, and the kernel's rule is for a file, not for its name. So it is the folder, and where file
// is a link, that of what it leads to. In a folder at the top, such as /etc and /tmp, it is the file alone.
func around(file string) []string {
	file = absolute(file)
	paths := []string{file}
	if to, err := filepath.EvalSymlinks(file); err == nil && to != file {
		paths = append(paths, to)
	}
	for i, path := range paths {
		if folder := filepath.Dir(path); strings.Count(folder, "/") > 1 {
			paths[i] = folder
		}
	}
	return paths
}

// linkedFrom returns what must be readable so that the files are to which links in a folder lead.
func linkedFrom(folder string) (paths []string) {
	if to, err := filepath.EvalSymlinks(folder); err == nil {
		folder = to // a walk does not follow its root
	}
	// What cannot be looked at the rules' compiler will report, in words of its own.
	_ = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type() == fs.ModeSymlink {
			if to, err := filepath.EvalSymlinks(path); err == nil {
				paths = append(paths, to)
			}
		}
		return nil
	})
	return paths
}

// absolute returns path as seen from the root.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return filepath.Clean(path)
}
