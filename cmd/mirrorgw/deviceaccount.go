package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/stack"
)

// account is whom a gateway runs as.
type account struct {
	user, group string // as they were named
	uid, gid    int
}

// findAccount looks for a user and a group, each a name or a number; without a group it is the user's own.
func findAccount(userName, groupName string) (account, error) {
	a := account{user: userName, group: groupName}
	u, err := user.Lookup(userName)
	if err != nil {
		u, err = user.LookupId(userName)
	}
	if err == nil {
		a.user = u.Username
		if a.uid, err = strconv.Atoi(u.Uid); err != nil {
			return a, fmt.Errorf("user %s: %w", quote(userName), err)
		}
		if groupName == "" {
			groupName = u.Gid
		}
	} else {
		if a.uid, err = id(userName); err != nil {
			return a, fmt.Errorf("user %s does not exist: make one (useradd --system --no-create-home %s), or name another with --user", quote(userName), plainName(userName))
		}
		if groupName == "" {
			groupName = userName
		}
	}
	g, err := user.LookupGroup(groupName)
	if err != nil {
		g, err = user.LookupGroupId(groupName)
	}
	if err == nil {
		a.group = g.Name
		a.gid, err = strconv.Atoi(g.Gid)
	} else {
		a.group = groupName
		a.gid, err = id(groupName)
	}
	if err != nil {
		return a, fmt.Errorf("group %s does not exist: make one (groupadd --system), or name another with --group", quote(groupName))
	}
	return a, nil
}

// id reads the number of a user or group; the kernel's largest one means nobody in particular.
func id(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err == nil && n == 1<<32-1 {
		err = strconv.ErrRange
	}
	return int(n), err
}

// may says whether the account has all of what (4 read, 2 write, 1 search) on a file.
func (a account) may(info fs.FileInfo, what fs.FileMode) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	mode := info.Mode().Perm()
	switch {
	case a.uid == 0:
		return true
	case ok && int(st.Uid) == a.uid:
		mode >>= 6
	case ok && int(st.Gid) == a.gid:
		mode >>= 3
	}
	return mode&what == what
}

// letOpen lets the account's group open a device that only root may open. It returns what it did, in lines.
func (a account) letOpen(device string) (did []string, err error) {
	info, err := os.Stat(device)
	if err != nil {
		return nil, err
	}
	if a.may(info, 6) {
		return nil, nil
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || st.Gid != 0 {
		return nil, nil // some group may already: an obstacle, not ours to change
	}
	if err := os.Chown(device, -1, a.gid); err != nil {
		return nil, err
	}
	if err := os.Chmod(device, info.Mode().Perm()|0o060); err != nil {
		return nil, err
	}
	return []string{fmt.Sprintf("%s may be opened by group %s", device, a.group)}, nil
}

// makeFolders makes the folders a gateway writes to, where they are missing, and gives them to the account.
func (a account) makeFolders(cfg *config.Config) (did []string, err error) {
	for _, folder := range []struct {
		dir  string
		mode fs.FileMode
	}{{cfg.Quarantine.Dir, 0o700}, {filepath.Dir(cfg.Control.Socket), 0o750}} {
		dir := folder.dir
		if !missing(dir) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			return did, err
		}
		if err := os.Mkdir(dir, folder.mode); err != nil {
			return did, err
		}
		if err := os.Chmod(dir, folder.mode); err != nil { // whatever the umask is
			return did, err
		}
		if err := os.Lchown(dir, a.uid, a.gid); err != nil {
			return did, err
		}
		did = append(did, fmt.Sprintf("%s is made for user %s", quote(dir), a.user))
	}
	return did, nil
}

// obstacles returns what would still keep a gateway of the account from running, each with what to do about it, in lines.
func (a account) obstacles(cfg *config.Config, file string) (lines []string) {
	look := func(path string, what fs.FileMode, remedy string) {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			lines = append(lines, err.Error())
		} else if !a.may(info, what) {
			lines = append(lines, fmt.Sprintf("%s is closed to user %s: %s", quote(path), a.user, remedy))
		}
	}
	look(stack.TUNPath, 6, "chmod 666 "+stack.TUNPath+", or make it a member of the group that may open it")
	look(file, 4, fmt.Sprintf("chgrp %s %s; chmod g+r %s", a.group, quote(file), quote(file)))
	for _, dir := range []string{cfg.Quarantine.Dir, filepath.Dir(cfg.Control.Socket)} {
		look(dir, 7, fmt.Sprintf("chown -R %s:%s %s", a.user, a.group, quote(dir)))
	}
	for _, rules := range cfg.Scan.YARA.Rules {
		look(rules, 4, fmt.Sprintf("chmod -R a+rX %s", quote(rules)))
	}
	return lines
}

// plainName returns name for a command line that is suggested, or the default.
func plainName(name string) string {
	if quote(name) != name {
		return "mirrorgw"
	}
	return name
}
