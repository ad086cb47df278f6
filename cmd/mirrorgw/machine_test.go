package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mirrorgw/testnet"
)

// packageTools are the scripts that build and test what is installed.
const packageTools = "../../tools/package/"

// machine is a Debian machine with systemd in the place of a lab's mirror, see machine.sh.
type machine struct {
	t   *testing.T
	lab *testnet.Lab
	pid string // of its systemd, as seen from here
}

// bootMachine boots one. It ends with the test; where there can be none, the test is skipped.
func bootMachine(t *testing.T, lab *testnet.Lab) *machine {
	t.Helper()
	for _, tool := range []string{"/lib/systemd/systemd", "dpkg-deb", "dpkg-shlibdeps", "unshare", "nsenter", "setpriv", "pgrep"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no machine with systemd: %v: apt-get install systemd dpkg-dev util-linux procps", err)
		}
	}
	folder := filepath.Join(lab.Folder(), "machine")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.Command(packageTools+"machine.sh", lab.Mirror.Namespace, folder)
	cmd.Stdout, cmd.Stderr = &said, &said
	wanted, err := cmd.StdinPipe() // it lives as long as this
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with the script; waited for below
	t.Cleanup(func() {
		_ = wanted.Close() // it may have ended
		if err := <-ended; err != nil {
			t.Errorf("the machine: %v\n%s", err, said.Bytes())
		}
	})
	m := &machine{t: t, lab: lab}
	testnet.WaitFor(t, "a machine to boot", func() bool {
		select {
		case err := <-ended:
			ended <- nil
			if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 77 {
				t.Skipf("no machine with systemd: %s", said.Bytes())
			}
			t.Fatalf("the machine: %v\n%s", err, said.Bytes())
		default:
		}
		pid, err := os.ReadFile(filepath.Join(folder, "pid"))
		m.pid = strings.TrimSpace(string(pid))
		return err == nil && m.try("systemctl is-system-running --wait") == nil
	})
	return m
}

// path returns where a file of the machine is, as seen from here.
func (m *machine) path(file string) string { return "/proc/" + m.pid + "/root" + file }

func (m *machine) command(line string) *exec.Cmd {
	return exec.CommandContext(m.t.Context(), "nsenter", "--target", m.pid, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
		"env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "sh", "-ec", line)
}

// try runs a command line on the machine, as root.
func (m *machine) try(line string) error {
	out, err := m.command(line).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", line, err, out)
	}
	return nil
}

// run does too, and returns what it says.
func (m *machine) run(line string) string {
	m.t.Helper()
	out, err := m.command(line).CombinedOutput()
	if err != nil {
		log, _ := m.command("journalctl --no-pager -n 60 -u mirrorgw -u mirrorgw-device").CombinedOutput()
		m.t.Fatalf("%s: %v\n%s\nthe journal:\n%s", line, err, out, log)
	}
	return strings.TrimSpace(string(out))
}

// fails runs a command line that must fail, and returns what it says.
func (m *machine) fails(line string) string {
	m.t.Helper()
	out, err := m.command(line).CombinedOutput()
	if _, ok := errors.AsType[*exec.ExitError](err); !ok {
		m.t.Errorf("%s: %v, want it to fail\n%s", line, err, out)
	}
	return string(out)
}

// write puts a file on the machine.
func (m *machine) write(file, content string) {
	m.t.Helper()
	if err := os.WriteFile(m.path(file), []byte(content), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// property returns one of systemd's for the gateway's unit.
func (m *machine) property(name string) string {
	m.t.Helper()
	return m.run("systemctl show --value --property " + name + " mirrorgw")
}

// status returns the fields of /proc/PID/status of the gateway's process.
func (m *machine) status() map[string]string {
	m.t.Helper()
	fields := make(map[string]string)
	for line := range strings.Lines(m.run("cat /proc/$(systemctl show --value --property MainPID mirrorgw)/status")) {
		name, value, _ := strings.Cut(line, ":")
		fields[name] = strings.TrimSpace(value)
	}
	return fields
}
