package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mirrorgw/forwarder/capture"
)

// tapped is an idle gateway with frames to capture.
type tapped struct {
	idle
	tap *capture.Tap
}

func (g *tapped) Capture(ctx context.Context, filter string, w io.Writer) error {
	f, err := capture.ParseFilter(filter)
	if err != nil {
		return err
	}
	return g.tap.Run(ctx, f, w)
}

func TestCaptureUsage(t *testing.T) {
	dir := t.TempDir()
	file := write(t, "m.yaml", valid(dir))
	there := write(t, "there", "a letter")
	absent := filepath.Join(dir, "absent")
	tests := []struct {
		args []string
		code int
		want string
	}{
		{[]string{"tcp"}, exitUsage, `capture: filter: "tcp" is none of punted, host, port and flow`},
		{[]string{"host 1.2.3.4 and", "port", "x"}, exitUsage, `capture: filter: port "x": it is no number from 1 to 65535`},
		{[]string{"-w", ""}, exitUsage, "capture: the name of the file is empty"},
		{[]string{"punted", "-w", there}, exitUsage, "-w stands behind punted: flags come before arguments (and -- before an argument that looks like one)"},
		{[]string{"-w", absent}, exitNo, "no gateway answers at " + dir + "/ctl: start one with `mirrorgw run`, or name its configuration with -c"},
	}
	for _, c := range tests {
		code, stdout, stderr := call(t, rooms{}, append([]string{"capture", "-c", file}, c.args...)...)
		if code != c.code || stdout != "" || stderr != "mirrorgw: "+c.want+"\n" {
			t.Errorf("%q: exit %d, %q\ngot  %q\nwant %q", c.args, code, stdout, stderr, c.want)
		}
	}
	if _, err := os.Stat(absent); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file without a capture is left behind: %v", err)
	}

	g := &tapped{idle{ready: make(chan struct{}), drained: make(chan struct{})}, capture.New(nil)}
	close(g.ready)
	close(g.drained)
	lines, _ := serving(t, g, filepath.Join(dir, "ctl"))
	await(t, lines, "msg=ready ")
	code, _, stderr := call(t, rooms{}, "capture", "-c", file, "-w", there)
	if want := "mirrorgw: " + there + " is there already and is not overwritten\n"; code != exitNo || stderr != want {
		t.Errorf("exit %d\ngot  %q\nwant %q", code, stderr, want)
	}
	if b, err := os.ReadFile(there); string(b) != "a letter" {
		t.Errorf("the file is changed: %q, %v", b, err)
	}
}

func TestCaptureHelpWarns(t *testing.T) {
	_, stdout, _ := call(t, rooms{}, "capture", "--help")
	for _, want := range []string{"passwords", "flow A:PORT B:PORT", "tshark -r -", "[FILTER]"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in\n%s", want, stdout)
		}
	}
}

// A gateway that ends in order ends the capture in order.
func TestCaptureOfAGatewayThatEnds(t *testing.T) {
	dir := t.TempDir()
	g := &tapped{idle{ready: make(chan struct{}), drained: make(chan struct{})}, capture.New(nil)}
	close(g.ready)
	close(g.drained)
	lines, end := serving(t, g, filepath.Join(dir, "ctl"))
	await(t, lines, "msg=ready ")
	file := write(t, "m.yaml", valid(dir))
	out := filepath.Join(dir, "out.pcapng")
	type answer struct {
		code   int
		stderr string
	}
	done := make(chan answer, 1)
	go func() { // ends with the gateway
		code, _, stderr := call(t, rooms{}, "capture", "-c", file, "-w", out)
		done <- answer{code, stderr}
	}()
	frame := make([]byte, 100)
	for g.tap.Counters().Frames == 0 {
		select {
		case got := <-done:
			t.Fatalf("no capture: %+v", got)
		default:
			g.tap.Frames([][]byte{frame}, nil, nil, nil)
		}
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if got := <-done; got.code != exitDone || !strings.Contains(got.stderr, " frames captured, ") {
		t.Errorf("%+v", got)
	}
	if info, err := os.Stat(out); err != nil || info.Mode() != 0o600 || info.Size() == 0 {
		t.Errorf("%v, %v", info, err)
	}
}
