package confine

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/landlock-lsm/go-landlock/landlock"
	system "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

const (
	readFiles  landlock.AccessFSSet = system.AccessFSReadFile | system.AccessFSReadDir
	spoolFiles landlock.AccessFSSet = system.AccessFSReadFile | system.AccessFSWriteFile | system.AccessFSMakeReg |
		system.AccessFSRemoveFile | system.AccessFSTruncate
	changeFiles                      = spoolFiles | system.AccessFSReadDir | system.AccessFSMakeDir | system.AccessFSRemoveDir | system.AccessFSMakeSock
	useDevice   landlock.AccessFSSet = system.AccessFSReadFile | system.AccessFSWriteFile | system.AccessFSIoctlDev
	useSocket   landlock.AccessFSSet = system.AccessFSResolveUnix
)

// restrictReach puts everything but what c names out of reach. It returns the ABI in force, or why there is none.
func restrictReach(c Config) (abi int, missing string, err error) {
	if abi, err = system.LandlockGetABIVersion(); err != nil {
		switch {
		case errors.Is(err, unix.EOPNOTSUPP):
			return 0, "the kernel's Landlock is switched off (boot with lsm=landlock,…)", nil
		case errors.Is(err, unix.ENOSYS):
			return 0, "the kernel has no Landlock", nil
		case errors.Is(err, unix.EPERM): // a container's own filter
			return 0, "Landlock is forbidden here", nil
		}
		return 0, "", fmt.Errorf("asking for Landlock: %w", err)
	}
	rules, err := rulesOf(c)
	if err != nil {
		return 0, "", err
	}
	restriction := landlock.V11
	restriction.Scoped = system.ScopeAbstractUnixSocket
	if slices.ContainsFunc(c.Sockets, abstract) {
		restriction.Scoped = 0
	}
	if err := restriction.BestEffort().Restrict(rules...); err != nil {
		return 0, "", err
	}
	return abi, "", nil
}

func abstract(socket string) bool { return strings.HasPrefix(socket, "@") }

// rulesOf returns what c allows, in Landlock's words.
func rulesOf(c Config) (rules []landlock.Rule, err error) {
	for _, path := range c.Execute {
		allowed, err := readable(path)
		if err != nil {
			return nil, err
		}
		if allowed != 0 {
			rules = append(rules, landlock.PathAccess(allowed|system.AccessFSExecute, path))
		}
	}
	for _, path := range c.Read {
		allowed, err := readable(path)
		if err != nil {
			return nil, err
		}
		if allowed != 0 {
			rules = append(rules, landlock.PathAccess(allowed, path))
		}
	}
	rules = append(rules, landlock.PathAccess(changeFiles, c.Write...), landlock.PathAccess(useDevice, c.Devices...))
	if c.Spool != "" {
		rules = append(rules, landlock.PathAccess(spoolFiles, c.Spool))
	}
	for _, socket := range c.Sockets {
		if !abstract(socket) {
			rules = append(rules, landlock.PathAccess(useSocket, socket).IgnoreIfMissing())
		}
	}
	for _, port := range c.Listen {
		rules = append(rules, landlock.BindTCP(port))
	}
	for _, port := range c.Connect {
		rules = append(rules, landlock.ConnectTCP(port))
	}
	return rules, nil
}

// readable returns what there is to be allowed for reading path: nothing where there is nothing.
//
// A folder stays open for as long as the process lives: /proc and /sys forget a folder nobody holds, and the rule for it.
func readable(path string) (landlock.AccessFSSet, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		unix.Close(fd)
		return system.AccessFSReadFile, nil
	}
	return readFiles, nil
}
