package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/control"
)

// reloading serves g from a configuration file until the test is over. change writes the file anew, ask runs `reload` and
// returns its exit code and words.
type reloading struct {
	t    *testing.T
	file string
	text string
}

func reloadingGateway(t *testing.T, g *idle) *reloading {
	t.Helper()
	dir := t.TempDir()
	r := &reloading{t: t, file: write(t, "m.yaml", quiet(dir)), text: quiet(dir)}
	lines, _ := servingFile(t, g, r.file)
	await(t, lines, "msg=ready ")
	return r
}

func (r *reloading) ask(more string) (code int, stdout, stderr string) {
	r.t.Helper()
	if err := os.WriteFile(r.file, []byte(r.text+more), 0o600); err != nil {
		r.t.Fatal(err)
	}
	code, stdout, stderr = call(r.t, rooms{}, "reload", "-c", r.file)
	return code, stdout, strings.ReplaceAll(stderr, r.file, "FILE")
}

func TestReload(t *testing.T) {
	var taken []*config.Config
	var refusal error
	g := &idle{ready: make(chan struct{}), drained: make(chan struct{}), reload: func(next *config.Config) error {
		if refusal == nil {
			taken = append(taken, next)
		}
		return refusal
	}}
	close(g.ready)
	close(g.drained)
	g.status.Events = map[string]map[string]uint64{}
	r := reloadingGateway(t, g)
	const refused = "mirrorgw: reload refused, nothing has changed:\n"
	for _, c := range []struct {
		name, more string
		refusal    error
		code       int
		want       string
	}{
		{"nothing", "", nil, exitDone, "rules read again\n"},
		{
			"what is live", "scan: {limits: {depth: 3, time: 9s}, policy: {encrypted: replace}}\nshadow: true\nlog: {level: debug}\nspool: {memory: 1KiB}\nintercept: [{stls: pass}]\n", nil, exitDone,
			"rules read again; changed: intercept[0].stls, spool.memory, shadow, scan.limits.depth, scan.limits.time, scan.policy.encrypted, log.level\n",
		},
		{"what is not", "device: {mtu: 1400}\nlog: {level: error, format: json}\nintercept: [{ports: [110, 1110]}]\n", nil, exitNo, refused +
			"FILE:6:15: device.mtu cannot change while the gateway runs: take the change back, or restart the gateway\n" +
			"FILE:7:29: log.format cannot change while the gateway runs: take the change back, or restart the gateway\n" +
			"FILE:8:21: intercept[0].ports cannot change while the gateway runs: take the change back, or restart the gateway\n"},
		{"a file that is wrong", "log: {level: loud}\n", nil, exitNo, refused + "FILE:6:14: log.level: loud is not one of debug, info, warn, error\n"},
		{"rules that are wrong", "scan: {limits: {depth: 4}}\n", errors.New("/r/a.yar:3: syntax error"), exitNo, refused + "/r/a.yar:3: syntax error\n"},
		{"what has not been taken before", "scan: {limits: {depth: 4}}\n", nil, exitDone, "rules read again; changed: intercept[0].stls, spool.memory, shadow, scan.limits.depth, scan.limits.time, scan.policy.encrypted, log.level\n"},
	} {
		refusal = c.refusal
		code, stdout, stderr := r.ask(c.more)
		if code != c.code || stdout+stderr != c.want {
			t.Errorf("%s: exit %d\ngot  %s%s\nwant %s", c.name, code, stdout, stderr, c.want)
		}
	}
	if len(taken) != 3 || taken[1].Scan.Limits.Depth != 3 || taken[2].Scan.Limits.Depth != 4 || taken[2].Intercept[0].STLS != config.STLSHide {
		t.Errorf("taken: %+v", taken)
	}
	_, json, _ := call(t, rooms{}, "status", "--json", "-c", r.file)
	if !regexp.MustCompile(`"done": 3,\s*"refused": 2`).MatchString(json) { // the file that is wrong was seen by the command itself
		t.Errorf("not counted: %s", json)
	}
}

func TestReloadOfAGatewayThatCannot(t *testing.T) {
	dir := t.TempDir()
	file := write(t, "m.yaml", quiet(dir))
	if code, _, stderr := call(t, rooms{}, "reload", "-c", file); code != exitNo || !strings.HasPrefix(stderr, "mirrorgw: no gateway answers at "+dir+"/ctl: ") {
		t.Errorf("no gateway: exit %d, %q", code, stderr)
	}
	g := &idle{ready: make(chan struct{}), drained: make(chan struct{}), reload: func(*config.Config) error {
		t.Error("a gateway that is not ready was reloaded")
		return nil
	}}
	lines, end := servingFile(t, g, file)
	for deadline := time.Now().Add(patience); ; { // there is no line before it is ready
		code, _, stderr := call(t, rooms{}, "reload", "-c", file)
		if strings.Contains(stderr, "no gateway answers") && time.Now().Before(deadline) {
			continue
		}
		if code != exitNo || !strings.HasSuffix(stderr, "the gateway is still starting: try again when it is ready\n") {
			t.Errorf("starting: exit %d, %q", code, stderr)
		}
		break
	}
	ended := make(chan error)
	go func() { ended <- end() }()
	await(t, lines, "msg=\"draining")
	close(g.ready)
	if code, _, stderr := call(t, rooms{}, "reload", "-c", file); code != exitNo || !strings.HasSuffix(stderr, "the gateway is ending\n") {
		t.Errorf("ending: exit %d, %q", code, stderr)
	}
	close(g.drained)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestReloadTellsTheServiceManager: sd_notify(3) wants RELOADING=1 with the time, then READY=1, also when nothing came of it.
func TestReloadTellsTheServiceManager(t *testing.T) {
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", manager.LocalAddr().String())
	fault := errors.New("no")
	g := &idle{ready: make(chan struct{}), drained: make(chan struct{}), reload: func(*config.Config) error { return fault }}
	close(g.ready)
	close(g.drained)
	r := reloadingGateway(t, g)
	datagram(t, manager)
	for _, fault = range []error{errors.New("no"), nil} {
		r.ask("")
		if got := datagram(t, manager); !regexp.MustCompile(`^RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]*$`).MatchString(got) {
			t.Errorf("got %q", got)
		}
		if got := datagram(t, manager); got != "READY=1" {
			t.Errorf("got %q", got)
		}
	}
}

// TestHangUpReloads starts the program as a process, for the signal.
func TestHangUpReloads(t *testing.T) {
	dir := t.TempDir()
	file := write(t, "m.yaml", quiet(dir))
	cmd, lines := startIdle(t, file)
	hangUp := func(more, want string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(quiet(dir)+more), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		await(t, lines, want)
	}
	hangUp("log: {level: loud}\n", `level=ERROR msg="reload refused, nothing has changed" error="`+file+`:6:14: log.level: loud is not one of`)
	hangUp("spool: {memory: 1KiB}\n", "level=INFO msg=reloaded changed=[spool.memory]")
	hangUp("log: {level: error}\n", `level=INFO msg=reloaded changed="[spool.memory log.level]"`) // the last of its level
	hangUp("nope: 1\n", "level=ERROR msg=\"reload refused")
	if _, err := control.Fetch(t.Context(), dir+"/ctl"); err != nil {
		t.Error(err)
	}
}
