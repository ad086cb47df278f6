package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mirrorgw/cmd/mirrorgw/config"
)

func TestFindAccount(t *testing.T) {
	for _, c := range []struct {
		user, group string
		want        account
		err         string
	}{
		{"root", "", account{user: "root", group: "root"}, ""},
		{"0", "0", account{user: "root", group: "root"}, ""},
		{"64321", "", account{"64321", "64321", 64321, 64321}, ""},
		{"64321", "root", account{"64321", "root", 64321, 0}, ""},
		{"root", "64322", account{"root", "64322", 0, 64322}, ""},
		{"nobody-is-called-so", "", account{}, "user nobody-is-called-so does not exist: make one (useradd --system --no-create-home nobody-is-called-so), or name another with --user"},
		{"a b", "", account{}, `user "a b" does not exist: make one (useradd --system --no-create-home mirrorgw), or name another with --user`},
		{"-1", "", account{}, "user -1 does not exist"},
		{"4294967295", "", account{}, "user 4294967295 does not exist"},
		{"root", "no-group", account{}, "group no-group does not exist: make one (groupadd --system), or name another with --group"},
	} {
		got, err := findAccount(c.user, c.group)
		if c.err == "" && (err != nil || got != c.want) || c.err != "" && (err == nil || !strings.HasPrefix(err.Error(), c.err)) {
			t.Errorf("%q %q: %+v, %v", c.user, c.group, got, err)
		}
	}
}

func TestAccountMay(t *testing.T) {
	path := write(t, "f", "")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	owner, group, other := account{uid: int(st.Uid) + 1000, gid: int(st.Gid) + 1000}, account{uid: 64000, gid: int(st.Gid)}, account{uid: 64000, gid: 64000}
	owner.uid = int(st.Uid)
	for _, c := range []struct {
		mode                fs.FileMode
		owner, group, other bool // may read and write
	}{
		{0o600, true, false, false},
		{0o060, owner.uid == 0, true, false}, // root may in any case
		{0o666, true, true, true},
		{0o644, true, false, false},
	} {
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		if info, err = os.Stat(path); err != nil {
			t.Fatal(err)
		}
		if owner.may(info, 6) != c.owner || group.may(info, 6) != c.group || other.may(info, 6) != c.other {
			t.Errorf("%o: owner %v, group %v, other %v", c.mode, owner.may(info, 6), group.may(info, 6), other.may(info, 6))
		}
	}
}

func TestDeviceIsOpenedToTheGroupAndNobodyElse(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to give a file away")
	}
	a := account{user: "64321", group: "64321", uid: 64321, gid: 64321}
	for _, c := range []struct {
		mode, want fs.FileMode
		gid, then  int
		lines      int
	}{
		{0o600, 0o660, 0, a.gid, 1},
		{0o660, 0o660, 0, a.gid, 1},
		{0o666, 0o666, 0, 0, 0},
		{0o660, 0o660, 64000, 64000, 0}, // somebody decided about it
		{0o660, 0o660, a.gid, a.gid, 0},
	} {
		path := write(t, "tun", "")
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, 0, c.gid); err != nil {
			t.Fatal(err)
		}
		lines, err := a.letOpen(path)
		if err != nil || len(lines) != c.lines {
			t.Errorf("%o of group %d: %q, %v", c.mode, c.gid, lines, err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if st := info.Sys().(*syscall.Stat_t); info.Mode() != c.want || int(st.Gid) != c.then || st.Uid != 0 {
			t.Errorf("%o of group %d became %o of group %d", c.mode, c.gid, info.Mode(), st.Gid)
		}
	}
}

func TestObstacles(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, whose files are closed to others")
	}
	dir := t.TempDir()
	cfg := config.Default()
	cfg.Quarantine.Dir, cfg.Control.Socket = filepath.Join(dir, "q"), filepath.Join(dir, "new", "ctl")
	cfg.Scan.YARA.Rules = []string{write(t, "r.yar", "")}
	file := write(t, "m.yaml", "")
	if err := os.Mkdir(cfg.Quarantine.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	a := account{user: "64321", group: "64321", uid: 64321, gid: 64321}
	lines := strings.Join(a.obstacles(cfg, file), "\n")
	for _, want := range []string{
		file + " is closed to user 64321: chgrp 64321 " + file + "; chmod g+r " + file,
		cfg.Quarantine.Dir + " is closed to user 64321: chown -R 64321:64321 " + cfg.Quarantine.Dir,
		cfg.Scan.YARA.Rules[0] + " is closed to user 64321: chmod -R a+rX " + cfg.Scan.YARA.Rules[0],
	} {
		if !strings.Contains(lines, want) {
			t.Errorf("%q is not in\n%s", want, lines)
		}
	}
	did, err := a.makeFolders(cfg)
	if err != nil || len(did) != 1 {
		t.Errorf("%q, %v", did, err)
	}
	info, err := os.Stat(filepath.Join(dir, "new"))
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); int(st.Uid) != a.uid || info.Mode().Perm() != 0o750 {
		t.Errorf("owner %d, mode %v", st.Uid, info.Mode())
	}
	if strings.Contains(strings.Join(a.obstacles(cfg, file), "\n"), filepath.Join(dir, "new")) {
		t.Error("a folder made for it is an obstacle")
	}
}
