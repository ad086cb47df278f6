package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/testnet"
)

// serviceID is a user and a group that nobody is.
const serviceID = 64321

// ownTUN gives a command line a /dev/net/tun of its own, so that what device up does to it ends with the command: each one
// on a lab's host has a mount namespace for itself.
const ownTUN = "mount -t tmpfs -o mode=755 tmpfs /dev/net; mknod -m 600 /dev/net/tun c 10 200; "

// serviceUser is a gateway that runs as a service user on a lab's mirror.
type serviceUser struct {
	lab               *testnet.Lab
	wrapper           string // runs the gateway as the service user
	yaml              string
	quarantine, ctl   string
	deviceUp, program string // deviceUp is a command line
}

// newService prepares a lab. Each command in it has a /dev/net of its own, in which only root may open tun, as on a machine
// without udev.
func newService(t *testing.T) *serviceUser {
	t.Helper()
	lab := testnet.NewLab(t)
	s := &serviceUser{lab: lab, program: filepath.Join(lab.Folder(), "mirrorgw"), wrapper: filepath.Join(lab.Folder(), "as-service")}
	binary, err := os.ReadFile(product(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.program, binary, 0o755); err != nil { // where go test puts it, only root can look
		t.Fatal(err)
	}
	s.quarantine, s.ctl = filepath.Join(lab.Folder(), "kept", "quarantine"), filepath.Join(lab.Folder(), "run", "ctl")
	s.yaml = strings.NewReplacer(lab.QuarantineFolder(), s.quarantine, lab.ControlSocket(), s.ctl).Replace(lab.GatewayConfig())
	s.deviceUp = fmt.Sprintf("%s device up --user %d --group %d -c ", s.program, serviceID, serviceID)
	script := fmt.Sprintf(`#!/bin/sh
set -e
mount -t tmpfs -o mode=755 tmpfs /dev/net
mknod -m 600 /dev/net/tun c 10 200
chmod 644 "$3"
%s "$3"
exec setpriv --reuid=%d --regid=%d --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs %s "$@"
`, s.deviceUp, serviceID, serviceID, s.program)
	if err := os.WriteFile(s.wrapper, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return s
}

// start runs the gateway as the service user until the test ends.
func (s *serviceUser) start(t *testing.T, yaml string) *testnet.Gateway {
	t.Helper()
	return startProgram(t, s.lab, s.wrapper, yaml)
}

// threads returns the fields of /proc/PID/status for each thread of a process.
func threads(t *testing.T, pid int) (all []map[string]string) {
	t.Helper()
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(paths) < 2 {
		t.Fatalf("%d threads, %v", len(paths), err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // it ended
		}
		if err != nil {
			t.Fatal(err)
		}
		fields := make(map[string]string)
		for line := range strings.Lines(string(b)) {
			name, value, _ := strings.Cut(line, ":")
			fields[name] = strings.TrimSpace(value)
		}
		all = append(all, fields)
	}
	return all
}

// TestRunWithoutPrivilege has root make the device, and a user without any right be the gateway: mail is judged and other
// traffic forwarded, over a restart too.
func TestRunWithoutPrivilege(t *testing.T) {
	t.Parallel()
	s := newService(t)
	big := testnet.Mail{Kind: "larger than memory", Data: []byte("Subject: large\r\n\r\n" + strings.Repeat(strings.Repeat("x", 76)+"\r\n", 10_000))}
	mails := []testnet.Mail{testnet.CleanMails(1)[0], big, testnet.EICAR()}
	if _, err := s.lab.StartMailServer(t.Context(), testnet.Mailbox{User: "alice", Mails: mails}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		g := s.start(t, s.yaml)
		for _, thread := range threads(t, g.PID()) {
			const none = "0000000000000000"
			for name, want := range map[string]string{
				"CapEff": none, "CapPrm": none, "CapInh": none, "CapBnd": none, "CapAmb": none,
				"NoNewPrivs": "1", "Seccomp": "2", "Groups": "", "Uid": strings.TrimSuffix(strings.Repeat(fmt.Sprintf("%d\t", serviceID), 4), "\t"),
			} {
				if thread[name] != want {
					t.Errorf("thread %s: %s is %q, not %q", thread["Pid"], name, thread[name], want)
				}
			}
		}
		status, err := control.Fetch(t.Context(), s.ctl)
		if err != nil {
			t.Fatal(err)
		}
		if log, _ := g.Log(); !strings.HasPrefix(status.Confinement, "confined: landlock ABI ") || !strings.Contains(log, status.Confinement) {
			t.Errorf("confinement is %q, the log %s", status.Confinement, log)
		}
		for _, server := range []netip.Addr{testnet.MailIPv4, testnet.MailIPv6} {
			got, err := s.lab.Client.FetchAll(t.Context(), netip.AddrPortFrom(server, 110), "alice")
			if err != nil || len(got) != 3 || !bytes.Equal(got[1].Data, slices.Concat(big.Data, []byte(".\r\n"))) || !bytes.Contains(got[2].Data, []byte("Subject: [mirrorgw]")) {
				t.Fatalf("%d mails from %s, %v", len(got), server, err)
			}
		}
		shell(t, s.lab.Client, "ping -c1 -W2 "+testnet.WebIPv4.String()+" && ping -c1 -W2 "+testnet.WebIPv6.String())
		if out := shell(t, s.lab.Mirror, ownTUN+s.deviceUp+g.Config); !strings.HasPrefix(out, "mirror0 is up for user 64321 and group 64321: persistent, MTU 1500, port of br0\n") {
			t.Errorf("device up beside the gateway: %s", out)
		}
		if err := g.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-g.Done()
	}
	kept, err := os.ReadDir(s.quarantine)
	if err != nil || len(kept) < 4 { // and the lock
		t.Errorf("%d in quarantine, %v", len(kept), err)
	}
	for _, entry := range kept {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		if st := info.Sys().(*syscall.Stat_t); st.Uid != serviceID || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has owner %d and mode %v", entry.Name(), st.Uid, info.Mode())
		}
	}

	g := s.start(t, s.yaml)
	if err := g.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(s.ctl); err == nil {
		t.Error("the control socket is left behind")
	}
	for range 2 {
		if out := shell(t, s.lab.Mirror, s.program+" device down -c "+g.Config); out != "mirror0 is not there any more\n" {
			t.Errorf("device down: %s", out)
		}
	}
	if out := shell(t, s.lab.Mirror, "ip -br link"); strings.Contains(out, "mirror0") {
		t.Errorf("still there: %s", out)
	}
}

// TestRunWithoutPrivilegeSaysWhatIsMissing: one line each.
func TestRunWithoutPrivilegeSaysWhatIsMissing(t *testing.T) {
	s := newService(t)
	config := filepath.Join(s.lab.Folder(), "m.yaml")
	if err := os.WriteFile(config, []byte(s.yaml), 0o644); err != nil {
		t.Fatal(err)
	}
	asUser := func(before string, id int) string {
		return fmt.Sprintf(ownTUN+"{ %s; } >/dev/null; "+
			"exec setpriv --reuid=%d --regid=%d --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs %s run -c %s", before, id, id, s.program, config)
	}
	open := s.deviceUp + config + "; chmod 666 /dev/net/tun"
	for _, test := range []struct {
		name, line, want string
		code             int
	}{
		{"no folders", asUser("chmod 666 /dev/net/tun", serviceID), "quarantine.dir: no files can be made in " + s.lab.Folder() + ": permission denied", 2},
		{"no device", asUser(open+"; ip link del mirror0", serviceID), "operation not permitted: run as root, or have root run \"mirrorgw device up\" for this user", 1},
		{"closed /dev/net/tun", asUser(s.deviceUp+config+"; chmod 600 /dev/net/tun", serviceID), "open /dev/net/tun: permission denied", 1},
		{"bridge left", asUser(open+"; ip link set mirror0 nomaster", serviceID), "it is not a port of bridge br0: run as root, or have root run \"mirrorgw device up\"", 1},
		{"somebody else's", asUser(open+"; rm -rf "+s.lab.Folder()+"/kept "+s.lab.Folder()+"/run; chmod 777 "+s.lab.Folder(), serviceID+1), "operation not permitted", 1},
	} {
		out, err := s.lab.Mirror.Command(t.Context(), "sh", "-c", test.line).CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != test.code || strings.Count(string(out), "\n") > 2 || !strings.Contains(string(out), test.want) {
			t.Errorf("%s: %v, %s", test.name, err, out)
		}
	}
}

// TestConfinedReload: a gateway without privilege reads again what was put in the place of its files, and nothing from
// elsewhere.
func TestConfinedReload(t *testing.T) {
	s := newService(t)
	rules, elsewhere := filepath.Join(s.lab.Folder(), "rules", "own.yar"), filepath.Join(worldReadable(t), "other.yar")
	put := func(path, content string) { // as editors do
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.WriteFile(path+"~", []byte(content), 0o644), os.Rename(path+"~", path)); err != nil {
			t.Fatal(err)
		}
	}
	put(rules, "rule one { condition: false }")
	put(elsewhere, "rule two { condition: false }")
	spool := worldReadable(t) // else /tmp is within reach
	if err := os.Chmod(spool, 0o777); err != nil {
		t.Fatal(err)
	}
	base := s.yaml + "spool: {dir: " + spool + "}\n"
	g := s.start(t, base+"scan: {yara: {rules: ["+rules+"]}}\n")
	detail := func() string {
		t.Helper()
		status, err := control.Fetch(t.Context(), s.ctl)
		if err != nil {
			t.Fatal(err)
		}
		return status.Engines[0].Detail
	}
	before := detail()
	reload := s.program + " reload -c " + g.Config
	// The program is replaced too, as by an upgrade: rules are compiled by workers of the one that runs.
	shell(t, s.lab.Mirror, "cp "+s.program+" "+s.program+"~ && mv "+s.program+"~ "+s.program)
	put(rules, "rule one { condition: false } rule three { condition: false }")
	put(g.Config, base+"scan: {yara: {rules: ["+rules+"]}}\n")
	shell(t, s.lab.Mirror, reload)
	if after := detail(); after == before {
		t.Errorf("still %s", after)
	}
	put(g.Config, base+"scan: {yara: {rules: ["+elsewhere+"]}}\n")
	before = detail()
	out, err := s.lab.Mirror.Command(t.Context(), "sh", "-c", reload).CombinedOutput()
	if err == nil || !strings.Contains(string(out), elsewhere+": permission denied (what was not named at the start takes a restart)") {
		t.Errorf("%v, %s", err, out)
	}
	put(g.Config, base+"scan: {yara: {rules: ["+rules+"]}}\nspam: {rspamd: 'http://127.0.0.1:11333'}\n")
	out, err = s.lab.Mirror.Command(t.Context(), "sh", "-c", reload).CombinedOutput() // no such socket can be made any more
	if err == nil || !strings.Contains(string(out), "spam: http://127.0.0.1:11333: ") || !strings.Contains(string(out), "permission denied (what was not named at the start takes a restart)") {
		t.Errorf("%v, %s", err, out)
	}
	put(g.Config, s.yaml+"spool: {dir: /var/tmp}\nscan: {yara: {rules: ["+rules+"]}}\n")
	out, err = s.lab.Mirror.Command(t.Context(), "sh", "-c", reload).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "spool.dir cannot change while the gateway runs") {
		t.Errorf("%v, %s", err, out)
	}
	if after := detail(); after != before {
		t.Errorf("%s became %s", before, after)
	}
}

// TestServiceFollowsItsDevice deletes the device of a gateway without privilege: when root has made it again, mail flows
// again.
func TestServiceFollowsItsDevice(t *testing.T) {
	s := newService(t)
	if _, err := s.lab.StartMailServer(t.Context(), testnet.Mailbox{User: "alice", Mails: []testnet.Mail{testnet.EICAR()}}); err != nil {
		t.Fatal(err)
	}
	g := s.start(t, s.yaml)
	for _, change := range []string{"ip link set mirror0 down; ip link set mirror0 up", "ip link del mirror0; " + ownTUN + s.deviceUp + g.Config} {
		shell(t, s.lab.Mirror, change)
		deadline := time.Now().Add(patience)
		for {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			got, err := s.lab.Client.FetchAll(ctx, netip.AddrPortFrom(testnet.MailIPv4, 110), "alice")
			cancel()
			if err == nil && len(got) == 1 && bytes.Contains(got[0].Data, []byte("Subject: [mirrorgw]")) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("after %s: %d mails, %v", change, len(got), err)
			}
		}
	}
}
