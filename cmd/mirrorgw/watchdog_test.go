package main

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mirrorgw/cmd/mirrorgw/control"
)

func TestWatchdogTime(t *testing.T) {
	for _, c := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"", "", 0},
		{"0", "", 0},
		{"-5", "", 0},
		{"x", "", 0},
		{"99999999999999999999", "", 0},
		{"20000000", "", 10 * time.Second},
		{"3000000", itoa(os.Getpid()), 1500 * time.Millisecond},
		{"3000000", itoa(os.Getpid() + 1), 0},
	} {
		t.Setenv("WATCHDOG_USEC", c.usec)
		t.Setenv("WATCHDOG_PID", c.pid)
		if got := watchdogTime(); got != c.want {
			t.Errorf("%q %q: %v, want %v", c.usec, c.pid, got, c.want)
		}
	}
}

func TestWatchdogSeesWhatHangs(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "ctl")
	g := &idle{ready: make(chan struct{}), drained: make(chan struct{}), status: control.Status{Health: control.Failing}}
	close(g.ready)
	close(g.drained)
	lines, end := serving(t, g, socket)
	await(t, lines, "msg=ready ")
	var turns []uint64
	w := &watchdog{every: patience, socket: socket, turns: func() []uint64 { return turns }, log: slog.New(slog.DiscardHandler)}
	for _, c := range []struct {
		turns []uint64
		want  string
	}{
		{nil, ""},             // not running yet
		{[]uint64{4, 7}, ""},  // the second is at work
		{[]uint64{4, 9}, ""},  // again
		{[]uint64{4, 10}, ""}, // both wait
		{[]uint64{4, 11}, ""}, // the first has waited all the time
		{[]uint64{4, 11}, "the loop of queue 1 has been at one batch of frames for 20s"},
		{[]uint64{4, 12}, ""},
	} {
		turns = c.turns
		if err := w.look(t.Context()); c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
			t.Errorf("%v: %v, want %q", c.turns, err, c.want)
		}
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if err := w.look(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "the status is not answered") {
		t.Errorf("with nobody answering: %v", err)
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
		if got := datagram(t, manager); got != notifyWatchdog {
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
