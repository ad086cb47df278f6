package main

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mirrorgw/cmd/mirrorgw/control"
)

func flowing() *control.Status {
	return &control.Status{
		Version: "v1", Health: control.OK, Uptime: 60, Sessions: map[string]uint64{"pop3": 3}, Messages: control.Messages{Clean: 7},
		Flowing: []control.Flow{
			{Client: "192.168.1.10:5000", Server: "198.51.100.7:110", User: "anna", State: "judging", Message: 7, Dripping: true, Waiting: 72, Age: 90, FromServer: 5 << 20, ToClient: 100, Verdict: "clean", Action: "deliver"},
			{Client: "192.168.1.11:5000", Server: "198.51.100.7:110", User: "evil\x1b]0;x\a" + strings.Repeat("u", 500), State: "idle", Waiting: 5, Age: 300, ToClient: 2048},
			{Client: "[fd00:1::9]:5000", Server: "[2001:db8::7]:110", State: "greeting", Waiting: 9, Age: 9},
		},
	}
}

func TestTopPage(t *testing.T) {
	page := topPage(flowing(), topOrders()["waiting"], 0, 0)
	if strings.ContainsAny(page, "\x1b\a") {
		t.Errorf("what a user is called reaches the terminal: %q", page)
	}
	lines := strings.Split(strings.TrimSuffix(page, "\n"), "\n")
	if len(lines) != 7 || !strings.HasPrefix(lines[0], "mirrorgw v1  ok  up 1m0s  sessions: pop3 3  mail: 7 clean") || lines[1] != "bypass off: mail is scanned" {
		t.Fatalf("%q", lines)
	}
	for i, want := range []string{"anna", "greeting", "evil"} {
		if !strings.Contains(lines[4+i], want) {
			t.Errorf("line %d has no %s: %q", i, want, lines[4+i])
		}
	}
	if got := strings.Join(strings.Fields(lines[4]), " "); got != "192.168.1.10:5000 198.51.100.7:110 anna judging 7, dripping 1m12s 1m30s 5M 100 clean, deliver" {
		t.Errorf("%q", got)
	}
	for column, first := range map[string]string{"age": "evil", "octets": "anna", "client": "192.168.1.10", "server": "198.51.100.7", "state": "greeting", "user": "greeting"} {
		if line := strings.Split(topPage(flowing(), topOrders()[column], 0, 0), "\n")[4]; !strings.Contains(line, first) {
			t.Errorf("by %s: %q is first", column, line)
		}
	}
	small := topPage(flowing(), topOrders()["waiting"], 6, 40)
	if lines := strings.Split(strings.TrimSuffix(small, "\n"), "\n"); len(lines) != 6 || lines[5] != "… and 2 more" {
		t.Errorf("%q", lines)
	}
	for line := range strings.Lines(small) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 40 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
}

// A page never has more lines than the terminal, and drawing it does not scroll: a line feed moves from each line to the next and no
// further, and a line as wide as the terminal is not cleared behind its end.
func TestTopFitsTheScreen(t *testing.T) {
	for rows := 1; rows < 9; rows++ {
		page := topPage(flowing(), topOrders()["waiting"], rows, 40)
		if n := strings.Count(page, "\n"); n > rows {
			t.Errorf("%d lines on a terminal of %d: %q", n, rows, page)
		}
		shown := drawn(page)
		if n := strings.Count(shown, "\n"); n >= rows || strings.HasSuffix(shown, "\n") {
			t.Errorf("%d line feeds on a terminal of %d lines: %q", n, rows, shown)
		}
		for line := range strings.SplitSeq(shown, "\r\n") {
			if line = strings.TrimPrefix(line, home); strings.LastIndex(line, "\x1b") != 0 {
				t.Errorf("a line is not cleared before it is written: %q", line)
			}
		}
	}
}

func TestOctets(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 1023: "1023", 1024: "1K", 1536: "1.5K", 999 << 10: "999K", 1000 << 10: "0.977M", 5 << 30: "5G", 1 << 63: "8E"} {
		if got := octets(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

// Where it is no terminal that is written to, one page is, and what cannot be is refused.
func TestTopOnce(t *testing.T) {
	dir := t.TempDir()
	g := &idle{ready: make(chan struct{}), drained: make(chan struct{}), status: *flowing()}
	close(g.ready)
	close(g.drained)
	lines, _ := serving(t, g, filepath.Join(dir, "ctl"))
	await(t, lines, "msg=ready ")
	file := write(t, "m.yaml", valid(dir))
	code, stdout, stderr := call(t, rooms{}, "top", "--sort", "age", "-c", file)
	if code != exitDone || stderr != "" || !strings.Contains(stdout, "judging 7, dripping") || strings.Contains(stdout, "\x1b") {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
	for _, c := range [][2]string{
		{"--sort=agee", "mirrorgw: --sort: agee is no column; did you mean age?\n"},
		{"--interval=1ms", "mirrorgw: --interval: 1ms is not a duration of 200ms or more: write one such as 2s\n"},
		{"--interval=x", "mirrorgw: --interval: x is not a duration of 200ms or more: write one such as 2s\n"},
	} {
		if code, _, stderr := call(t, rooms{}, "top", c[0]); code != exitUsage || stderr != c[1] {
			t.Errorf("%s: exit %d, %q", c[0], code, stderr)
		}
	}
}

// The keys that end it, and none else.
func TestAwaitQuit(t *testing.T) {
	for _, keys := range []string{"q", "Q", "\x03", "\x04", "abc\x1b[Aq", ""} {
		done := make(chan struct{})
		r, w := io.Pipe()
		go func() { // ends with a key, or with the input
			awaitQuit(r)
			close(done)
		}()
		if _, err := io.WriteString(w, keys[:max(len(keys)-1, 0)]); err != nil {
			t.Fatal(err)
		}
		select {
		case <-done:
			t.Errorf("%q: too early", keys)
		default:
		}
		if keys == "" {
			w.Close()
		} else if _, err := io.WriteString(w, keys[len(keys)-1:]); err != nil {
			t.Fatal(err)
		}
		select {
		case <-done:
		case <-time.After(patience):
			t.Errorf("%q: it goes on", keys)
		}
		w.Close()
	}
}
