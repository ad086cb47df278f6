package service

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
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
		{"3000000", strconv.Itoa(os.Getpid()), 1500 * time.Millisecond},
		{"3000000", strconv.Itoa(os.Getpid() + 1), 0},
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
	server, err := control.Listen(socket, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { // ends with ctx
		ended <- server.Run(ctx, func() control.Status { return control.Status{Health: control.Failing} })
	}()
	var turns []uint64
	w := &watchdog{every: 20 * time.Second, socket: socket, turns: func() []uint64 { return turns }, log: slog.New(slog.DiscardHandler)}
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
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	server.Close()
	if err := w.look(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "the status is not answered") {
		t.Errorf("with nobody answering: %v", err)
	}
}
