package confine

import (
	"errors"
	"fmt"
	"os"

	system "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Thread confines the calling thread, and every process it starts, for good: no capability, no new privilege, and no file, TCP port
// or socket of others but the files and folders in execute, to be read and executed, and /dev/null. The caller has the thread to itself
// (runtime.LockOSThread), and lets it end. What of it a kernel cannot do is left out, as by Apply.
//
// It is a thread's that starts a process, and not the process's own, which could no longer reach its other threads: their list
// is a file.
//
// Errors: what the kernel refuses although it could.
func Thread(execute []string) error {
	if err := confineThread(execute); err != nil {
		return fmt.Errorf("confining a thread: %w", err)
	}
	return nil
}

func confineThread(execute []string) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var has, none [2]unix.CapUserData
	if err := unix.Capget(&header, &has[0]); err != nil {
		return fmt.Errorf("reading its capabilities: %w", err)
	}
	if has != none { // else a service manager may forbid the call
		if err := unix.Capset(&header, &none[0]); err != nil {
			return fmt.Errorf("dropping capabilities: %w", err)
		}
	}
	abi, err := system.LandlockGetABIVersion()
	if err != nil {
		return nil // Apply says of this kernel what is missing
	}
	ruleset, err := system.LandlockCreateRuleset(everything(abi), 0)
	if err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	defer unix.Close(ruleset)
	for _, path := range execute {
		if err := permit(ruleset, path, system.AccessFSReadFile|system.AccessFSExecute); err != nil {
			return err
		}
	}
	if err := permit(ruleset, os.DevNull, system.AccessFSReadFile|system.AccessFSWriteFile); err != nil {
		return err
	}
	if err := system.LandlockRestrictSelf(ruleset, 0); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	return nil
}

// everything returns all that Landlock with this ABI can deny.
func everything(abi int) *system.RulesetAttr {
	attr := &system.RulesetAttr{HandledAccessFS: system.AccessFSRefer - 1}
	for since, right := range map[int]uint64{2: system.AccessFSRefer, 3: system.AccessFSTruncate, 5: system.AccessFSIoctlDev, 9: system.AccessFSResolveUnix} {
		if abi >= since {
			attr.HandledAccessFS |= right
		}
	}
	if abi >= 4 {
		attr.HandledAccessNet = system.AccessNetBindTCP | system.AccessNetConnectTCP
	}
	if abi >= 6 {
		attr.Scoped = system.ScopeAbstractUnixSocket | system.ScopeSignal
	}
	return attr
}

// permit adds a rule for path and all below it, unless it is not there.
func permit(ruleset int, path string, access uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer unix.Close(fd)
	if err := system.LandlockAddPathBeneathRule(ruleset, &system.PathBeneathAttr{AllowedAccess: access, ParentFd: fd}, 0); err != nil {
		return fmt.Errorf("%s: landlock: %w", path, err)
	}
	return nil
}
