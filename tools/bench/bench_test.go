package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// build makes the programs to measure, and returns their folder.
func build(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	folder := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", folder, "mirrorgw/cmd/mirrorgw", "mirrorgw/tools/bareloop", "mirrorgw/tools/barerelay", "mirrorgw/tools/bench").CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return folder
}

func smallRun(folder string) options {
	return options{
		program: filepath.Join(folder, "bench"), gateway: filepath.Join(folder, "mirrorgw"), bareloop: filepath.Join(folder, "bareloop"), barerelay: filepath.Join(folder, "barerelay"),
		name: fmt.Sprintf("b%08x", rand.Uint32()),
		runs: 1, upload: time.Second, datagrams: 200 * time.Millisecond, pings: 20, sessions: 64, concurrency: 16, large: 1, idle: 50,
	}
}

// Everything is measured once, and nothing is left.
func TestMeasureAll(t *testing.T) {
	o := smallRun(build(t))
	if err := needTools(o); err != nil {
		t.Skip(err)
	}
	var table, progress bytes.Buffer
	if err := measureAll(t.Context(), o, &table, &progress); err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	if n := strings.Count(table.String(), "\n"); n != 48 || strings.Contains(table.String(), "not measured") {
		t.Errorf("table:\n%s", &table)
	}
	checkGone(t, o.name)
}

// A proxy that follows the gateway at its addresses is found, though the client still knows the gateway's MAC.
func TestProxyAfterGateway(t *testing.T) {
	o := smallRun(build(t))
	o.only, o.idle, o.runs = "idle", 10, 2
	o.ways = []way{nginx, offload}
	var progress bytes.Buffer
	if err := measureAll(t.Context(), o, io.Discard, &progress); err != nil {
		t.Errorf("%v\n%s", err, &progress)
	}
	checkGone(t, o.name)
}

// A user who interrupts gets no table, and nothing is left.
func TestMeasureAllInterrupted(t *testing.T) {
	o := smallRun(build(t))
	o.only = "sessions"
	o.ways = []way{kernel, offload}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var table, progress bytes.Buffer
	// The first figure is there: the next is under way.
	err := measureAll(ctx, o, &table, io.MultiWriter(&progress, on("no mail", interrupt)))
	if err == nil || table.Len() > 0 || strings.Contains(progress.String(), "not measured") {
		t.Errorf("error %v, table %q, progress:\n%s", err, &table, &progress)
	}
	checkGone(t, o.name)
}

// A gateway that does not run costs its figures and no others.
func TestMeasureAllWithoutGateway(t *testing.T) {
	o := smallRun(build(t))
	o.gateway = "/bin/false"
	o.only = "sessions"
	o.ways = []way{kernel, offload}
	var table, progress bytes.Buffer
	err := measureAll(t.Context(), o, &table, &progress)
	if !errors.Is(err, errNotMeasured) || !strings.Contains(table.String(), "not measured") || !strings.Contains(progress.String(), "mirror: not measured: gateway: ") {
		t.Errorf("error %v\n%s\n%s", err, &table, &progress)
	}
	checkGone(t, o.name)
}

// writerFunc is a writer that only looks.
type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) {
	f(b)
	return len(b), nil
}

// on calls f when words are written.
func on(words string, f func()) io.Writer {
	return writerFunc(func(b []byte) {
		if bytes.Contains(b, []byte(words)) {
			f()
		}
	})
}

func checkGone(t *testing.T, name string) {
	t.Helper()
	for _, pattern := range []string{"/run/netns/mirrorgw-" + name + "-*", "/run/mirrorgw/lab-" + name + ".json", "/tmp/mirrorgw-lab-" + name} {
		if left, err := filepath.Glob(pattern); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	}
}
