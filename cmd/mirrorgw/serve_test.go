package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/cmd/mirrorgw/service"
)

// patience bounds the wait for what another process or the kernel does.
const patience = 20 * time.Second

// serving runs `run` with gateway g until the test is over or end is called, which returns how it went. lines are its log.
func serving(t *testing.T, g service.Gateway, socket string) (lines *bufio.Scanner, end func() error) {
	t.Helper()
	cfg := config.Default()
	cfg.Control.Socket = socket
	cfg.Metrics.Listen = netip.AddrPort{}
	return servingFrom(t, g, func() (*config.File, error) { return &config.File{Config: *cfg}, nil })
}

// servingFile is serving with a configuration file.
func servingFile(t *testing.T, g service.Gateway, path string) (lines *bufio.Scanner, end func() error) {
	t.Helper()
	return servingFrom(t, g, func() (*config.File, error) { return config.Load(path, config.Overrides{}) })
}

func servingFrom(t *testing.T, g service.Gateway, read func() (*config.File, error)) (lines *bufio.Scanner, end func() error) {
	t.Helper()
	file, err := read()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	o := service.Options{
		File: file, Read: read, New: func(*config.Config, *slog.Logger) (service.Gateway, error) { return g, nil }, Log: w,
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- service.Run(ctx, o)
		w.Close()
	}()
	t.Cleanup(func() { cancel(); r.Close() })
	return bufio.NewScanner(r), func() error {
		cancel()
		return <-done
	}
}

// await reads lines until one holds part.
func await(t *testing.T, lines *bufio.Scanner, part string) string {
	t.Helper()
	var seen []string
	for lines.Scan() {
		if strings.Contains(lines.Text(), part) {
			return lines.Text()
		}
		seen = append(seen, lines.Text())
	}
	t.Fatalf("%q is not in %q", part, seen)
	return ""
}

func TestServeTellsTheServiceManager(t *testing.T) {
	dir := t.TempDir()
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", filepath.Join(dir, "notify"))

	g := &idle{ready: make(chan struct{}), drained: make(chan struct{})}
	lines, end := serving(t, g, filepath.Join(dir, "ctl"))
	close(g.ready)
	await(t, lines, "msg=ready ")
	if got := datagram(t, manager); got != "READY=1" {
		t.Errorf("got %q", got)
	}
	close(g.drained)
	if err := end(); err != nil {
		t.Error(err)
	}
	await(t, lines, "msg=\"draining")
	if got := datagram(t, manager); got != "STOPPING=1" {
		t.Errorf("got %q", got)
	}
}

func datagram(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(patience))
	b := make([]byte, 64)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestServeAnswersStatusWhileDraining(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "ctl")
	g := &idle{ready: make(chan struct{}), drained: make(chan struct{}), status: control.Status{Health: control.Draining}}
	close(g.ready)
	lines, end := serving(t, g, socket)
	await(t, lines, "msg=ready ")
	done := make(chan error)
	go func() { done <- end() }()
	await(t, lines, "msg=\"draining")
	if s, err := control.Fetch(t.Context(), socket); err != nil || s.Health != control.Draining {
		t.Errorf("got %+v, %v", s, err)
	}
	close(g.drained)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

func TestServeReturnsWhatTheGatewayDiedOf(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "ctl")
	fault := errors.New("opening mirror0: no such device")
	_, end := serving(t, &idle{fault: fault}, socket)
	if err := end(); !errors.Is(err, fault) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Lstat(socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

func TestSecondGatewayIsRefusedBeforeItTouchesAnything(t *testing.T) {
	dir := t.TempDir()
	g := &idle{ready: make(chan struct{}), drained: make(chan struct{})}
	close(g.ready)
	close(g.drained)
	lines, _ := serving(t, g, filepath.Join(dir, "ctl"))
	await(t, lines, "msg=ready ")
	r := rooms{newGateway: func(*config.Config, *slog.Logger) (service.Gateway, error) {
		t.Error("a second gateway was built")
		return g, nil
	}}
	code, _, stderr := call(t, r, "run", "-c", write(t, "m.yaml", valid(dir)))
	if want := "mirrorgw: control socket " + dir + "/ctl: a gateway is already running here\n"; code != exitNo || stderr != want {
		t.Errorf("exit %d\ngot  %q\nwant %q", code, stderr, want)
	}
}

func TestRunNeedsNoFileWhenToldEnough(t *testing.T) {
	if _, err := os.Stat(config.DefaultPath); err == nil {
		t.Skip("there is a configuration at " + config.DefaultPath + ", which would be read")
	}
	stop := errors.New("built")
	var got *config.Config
	r := rooms{newGateway: func(c *config.Config, _ *slog.Logger) (service.Gateway, error) {
		got = c
		return nil, stop
	}}
	// The default control socket is the system's; a file with another one keeps this test to itself.
	dir := t.TempDir()
	code, _, stderr := call(t, r, "run", "-c", write(t, "m.yaml", quiet(dir)), "--address", "10.0.0.2/24", "--router", "10.0.0.1", "--bridge", "br7")
	if code != exitNo || stderr != "mirrorgw: built\n" || got.Addresses[0].String() != "10.0.0.2/24" || got.Routers[0].String() != "10.0.0.1" || got.Device.Bridge != "br7" {
		t.Errorf("exit %d, %q, %+v", code, stderr, got)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"run", "--address", "10.0.0.2/24"}, config.DefaultPath + ": no such file: "},
		{[]string{"run", "--address", "10.0.0.2", "--router", "10.0.0.1"}, "--address: addresses[0]: 10.0.0.2 lacks its network's length: "},
		{[]string{"run", "--address", "10.0.0.2/24", "--router", "10.0.9.1"}, "--router: routers[0]: 10.0.9.1 is not in 10.0.0.0/24: "},
	} {
		if code, _, stderr := call(t, r, c.args...); code != exitUsage || !strings.HasPrefix(stderr, c.want) {
			t.Errorf("%q: exit %d\ngot  %q\nwant %q", c.args, code, stderr, c.want)
		}
	}
}

func TestStatus(t *testing.T) {
	dir := t.TempDir()
	file := write(t, "m.yaml", valid(dir))
	if code, stdout, stderr := call(t, rooms{}, "status", "-c", file); code != exitNo || stdout != "" || !strings.HasPrefix(stderr, "mirrorgw: no gateway answers at "+dir+"/ctl: ") {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}

	g := &idle{ready: make(chan struct{}), drained: make(chan struct{}), status: control.Status{
		Version: "v1", Uptime: 90, Health: control.OK,
		Frames:   control.Frames{Received: 10, Forwarded: 7, Punted: 2, Dropped: map[string]uint64{"vlan": 1, "martian": 0}},
		Sessions: map[string]uint64{"pop3": 3},
		Messages: control.Messages{Clean: 5},
		Engines:  []control.Engine{{Name: "yara", State: "ok", Detail: "4 rules \x1b]0;x\a"}},
		Routers:  []control.Router{{Address: "192.168.1.1", MAC: "02:00:00:00:00:01"}},
	}}
	close(g.ready)
	close(g.drained)
	lines, _ := serving(t, g, filepath.Join(dir, "ctl"))
	await(t, lines, "msg=ready ")

	code, stdout, stderr := call(t, rooms{}, "status", "-c", file)
	if code != exitDone || stderr != "" {
		t.Errorf("exit %d, %q", code, stderr)
	}
	for _, want := range []string{"health      ok\n", "uptime      1m30s\n", "received 10  forwarded 7  punted 2  dropped 1\n", "vlan 1\n", "pop3 3\n", "at 02:00:00:00:00:01\n", `"4 rules \x1b]0;x\a"`} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout, "martian") || strings.ContainsRune(stdout, 0x1b) {
		t.Errorf("got\n%s", stdout)
	}

	code, stdout, stderr = call(t, rooms{}, "status", "--json", "-c", file)
	if code != exitDone || stderr != "" {
		t.Errorf("exit %d, %q", code, stderr)
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(stdout), &fields); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"version", "uptime_s", "health", "bypass", "frames", "sessions", "messages", "engines", "quarantine"} {
		if _, ok := fields[name]; !ok {
			t.Errorf("%s is not in %s", name, stdout)
		}
	}
	inner := map[string][]string{"frames": {"received", "forwarded", "punted", "dropped"}, "messages": {"clean", "infected", "unscannable"}, "quarantine": {"count", "bytes"}}
	for field, names := range inner {
		for _, name := range names {
			if _, ok := fields[field].(map[string]any)[name]; !ok {
				t.Errorf("%s.%s is not in %s", field, name, stdout)
			}
		}
	}
}

func TestStatusOfAnUnhealthyGateway(t *testing.T) {
	dir := t.TempDir()
	g := &idle{ready: make(chan struct{}), drained: make(chan struct{}), status: control.Status{
		Health: control.Failing, Device: control.Device{Name: "mirror0", State: "gone", Detail: "bridge \x1b does not exist"},
	}}
	close(g.ready)
	close(g.drained)
	lines, _ := serving(t, g, filepath.Join(dir, "ctl"))
	await(t, lines, "msg=ready ")
	code, stdout, stderr := call(t, rooms{}, "status", "-c", write(t, "m.yaml", valid(dir)))
	if code != exitNo || !strings.Contains(stdout, "failing") || !strings.Contains(stdout, `mirror0 gone  "bridge \x1b does not exist"`) || stderr != "mirrorgw: the gateway is not healthy: it is failing\n" {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
}

// The service manager hears from a gateway at work, and not from one whose loop hangs.
func TestServeFeedsTheWatchdog(t *testing.T) {
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", manager.LocalAddr().String())
	t.Setenv("WATCHDOG_USEC", "100000")
	g := &idle{ready: make(chan struct{}), drained: make(chan struct{})}
	close(g.drained)
	_, end := serving(t, g, filepath.Join(t.TempDir(), "ctl"))
	for range 3 {
		if got := datagram(t, manager); got != "WATCHDOG=1" {
			t.Errorf("got %q", got)
		}
	}
	if err := end(); err != nil {
		t.Error(err)
	}

	hung := &idle{ready: make(chan struct{}), drained: make(chan struct{}), turns: []uint64{1}}
	close(hung.drained)
	lines, end := serving(t, hung, filepath.Join(t.TempDir(), "ctl"))
	await(t, lines, `msg="no progress; the service manager may end this process" error="the loop of queue 0`)
	if err := end(); err != nil {
		t.Error(err)
	}
}

// startIdle runs the program as a process whose gateway only waits, and returns the lines of its log once it is ready. It is killed when the
// test ends, or after patience.
func startIdle(t *testing.T, file string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	cmd := exec.CommandContext(ctx, os.Args[0], "run", "-c", file)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "NOTIFY_SOCKET=") }), asMain+"=1")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // killed, or waited for
	})
	lines := bufio.NewScanner(stderr)
	await(t, lines, "msg=ready ")
	return cmd, lines
}

// TestSignals starts the program as a process: its gateway never drains by itself.
func TestSignals(t *testing.T) {
	dir := t.TempDir()
	file := write(t, "m.yaml", quiet(dir))
	cmd, lines := startIdle(t, file)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	await(t, lines, "msg=\"draining")
	if _, err := control.Fetch(t.Context(), dir+"/ctl"); err != nil {
		t.Errorf("it does not answer while it drains: %v", err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) {
		t.Fatalf("got %v", err)
	}
	if ws, ok := exit.Sys().(syscall.WaitStatus); !ok || ws.Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v, want SIGTERM", exit)
	}
}
