package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/cmd/mirrorgw/engines"
	"mirrorgw/cmd/mirrorgw/metrics"
	"mirrorgw/cmd/mirrorgw/service"
	"mirrorgw/scanner/yara"
)

// asMain makes the test binary be the program, for what needs a process. With the value wholeGateway it is the product; with
// any other its gateway only waits, which is enough for signals.
const (
	asMain       = "MIRRORGW_TEST_AS_MAIN"
	wholeGateway = "whole"
)

func TestMain(m *testing.M) {
	mode := os.Getenv(asMain)
	if mode != "" && !slices.Contains(os.Args, "-test.fuzzworker") || slices.Equal(os.Args[1:], yara.WorkerArgs()) { // a worker of a test's own engine
		p := &program{args: os.Args, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, rooms: rooms{newGateway: newIdle}}
		if mode == wholeGateway {
			p.rooms = builtIn()
		}
		ctx, stop := untilSignal(context.Background())
		code := p.main(ctx)
		stop()
		os.Exit(code)
	}
	os.Unsetenv(configEnv)
	os.Setenv(asMain, wholeGateway) // of the processes that tests start; what a test sets by itself would keep it from running beside others
	os.Exit(m.Run())
}

// idle is a gateway that is ready at once and, asked to end, waits for drained.
type idle struct {
	ready   chan struct{}
	drained chan struct{} // nil: never drained
	fault   error         // what Run returns
	status  control.Status
	reload  func(*config.Config) error // nil: done
	turns   []uint64
}

func newIdle(*config.Config, *slog.Logger) (service.Gateway, error) {
	g := &idle{ready: make(chan struct{}), status: control.Status{Health: control.OK}}
	close(g.ready)
	return g, nil
}

func (g *idle) Run(ctx context.Context) error {
	if g.fault != nil {
		return g.fault
	}
	<-ctx.Done()
	<-g.drained
	return nil
}

func (g *idle) Ready() <-chan struct{} { return g.ready }

func (g *idle) Status() control.Status { return g.status }

func (g *idle) Metrics(control.Status) *metrics.Page { return &metrics.Page{} }

func (g *idle) Reload(_ context.Context, next *config.Config) error {
	if g.reload == nil {
		return nil
	}
	return g.reload(next)
}

func (g *idle) Turns() []uint64 { return g.turns }

func (g *idle) Bypass(bool, time.Duration) (control.Intake, error) { return control.Intake{}, nil }

func (g *idle) Capture(context.Context, string, io.Writer) error { return nil }

// call runs the program and returns what it said.
func call(t *testing.T, r rooms, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p := &program{args: append([]string{"mirrorgw"}, args...), stdin: strings.NewReader(""), stdout: &out, stderr: &errs, rooms: r}
	code = p.main(t.Context())
	return code, out.String(), errs.String()
}

// write puts a file into a fresh folder and returns its path.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// valid returns a configuration whose folders are all below dir.
func valid(dir string) string {
	return "addresses: [192.168.1.2/24]\nrouters: [192.168.1.1]\nquarantine: {dir: " + dir + "/q}\ncontrol: {socket: " + dir + "/ctl}\n"
}

// quiet is a valid configuration that takes no port of this host.
func quiet(dir string) string { return valid(dir) + "metrics: {listen: ''}\n" }

func TestUsageErrors(t *testing.T) {
	file := write(t, "m.yaml", valid(t.TempDir()))
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "mirrorgw: which command? mirrorgw --help lists them"},
		{[]string{"stauts"}, "mirrorgw: unknown command stauts; did you mean status?"},
		{[]string{"help"}, "mirrorgw: unknown command help; mirrorgw --help lists them"},
		{[]string{"a\x1b[1m"}, `mirrorgw: unknown command "a\x1b[1m"; mirrorgw --help lists them`},
		{[]string{"--nope"}, "mirrorgw: mirrorgw: unknown flag --nope; mirrorgw --help lists them"},
		{[]string{"check", "--prnt"}, "mirrorgw: check: unknown flag --prnt; did you mean --print?"},
		{[]string{"check", "-c"}, "mirrorgw: check: flag needs an argument: -c"},
		{[]string{"check", file}, "mirrorgw: check: " + file + " is one argument too many"},
		{[]string{"check", file, "--print"}, "mirrorgw: --print stands behind " + file + ": flags come before arguments (and -- before an argument that looks like one)"},
		{[]string{"status", "now", "-c", file}, "mirrorgw: -c stands behind now: flags come before arguments (and -- before an argument that looks like one)"},
		{[]string{"status", "--json=perhaps"}, `mirrorgw: status: invalid boolean value "perhaps" for -json: parse error`},
		{[]string{"version", "--", "-x"}, "mirrorgw: version: -x is one argument too many"},
		{[]string{"version", "-"}, "mirrorgw: version: - is one argument too many"},
	} {
		code, stdout, stderr := call(t, rooms{}, c.args...)
		if code != exitUsage || stderr != c.want+"\n" || stdout != "" {
			t.Errorf("%q: exit %d\ngot  %q %q\nwant %q", c.args, code, stderr, stdout, c.want)
		}
	}
}

func TestHelpIsThereForEachCommand(t *testing.T) {
	r := rooms{newGateway: newIdle}
	p := &program{rooms: r}
	for _, c := range p.commands() {
		for _, flag := range []string{"--help", "-h"} {
			code, stdout, stderr := call(t, r, c.Name, flag)
			if code != exitDone || !strings.Contains(stdout, "mirrorgw "+c.Name) || !strings.Contains(stdout, "--config FILE") || stderr != "" {
				t.Errorf("%s %s: exit %d, %q, %q", c.Name, flag, code, stdout, stderr)
			}
		}
	}
	if code, stdout, _ := call(t, r, "--help"); code != exitDone || !strings.Contains(stdout, "status") {
		t.Errorf("exit %d, %q", code, stdout)
	}
}

func TestConfigurationIsTheInnermostNamed(t *testing.T) {
	for _, c := range []struct {
		env  string
		args []string
		want string
	}{
		{"", []string{"check", "-c", "/one"}, "/one"},
		{"", []string{"check", "--config=/one"}, "/one"},
		{"", []string{"-c", "/one", "check"}, "/one"},
		{"/env", []string{"check"}, "/env"},
		{"/env", []string{"check", "-c", "/one"}, "/one"},
		{"/env", []string{"-c", "/one", "check"}, "/one"},
		{"", []string{"-c", "/outer", "check", "-c", "/inner"}, "/inner"},
	} {
		t.Setenv(configEnv, c.env)
		code, _, stderr := call(t, rooms{}, c.args...)
		if want := c.want + ": no such file: "; code != exitUsage || !strings.HasPrefix(stderr, want) {
			t.Errorf("%s=%s %q: exit %d\ngot  %q\nwant %q", configEnv, c.env, c.args, code, stderr, want)
		}
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	rule := write(t, "rule.yar", "rule a { condition: true }")
	notFolder := write(t, "file", "")
	template := write(t, "own.tmpl", "hello\n{{.Subject}\n")
	for _, c := range []struct{ name, file, want string }{
		{"valid", valid(dir), ""},
		{"two errors", valid(dir) + "log: {level: loud}\nnope: 1\n", "FILE:5:14: log.level: loud is not one of debug, info, warn, error\nFILE:6:1: unknown key nope; known here: addresses, control, device, intercept, limits, log, metrics, neutralise, notice, quarantine, ra, routers, routes, scan, shadow, spam, spool, watchdog\n"},
		{"not landed", valid(dir) + "intercept: [{protocol: imap}]\n", "FILE:5:24: imap is not in this version\n"},
		{"rule file there", valid(dir) + "scan: {yara: {rules: [" + rule + "]}}\n", ""},
		{"rule file not there", valid(dir) + "scan: {yara: {rules: [" + rule + ", /nope.yar]}}\n", "FILE:5:" + itoa(len("scan: {yara: {rules: [")+len(rule)+3) + ": scan.yara.rules[1]: /nope.yar: no such file or directory\n"},
		{"template not there", valid(dir) + "notice: {template: /nope.tmpl}\n", "FILE:5:20: notice.template: /nope.tmpl: no such file or directory\n"},
		{"template wrong", valid(dir) + "notice: {template: " + template + "}\n", "FILE:5:20: notice.template: " + template + ":2: bad character U+007D '}'\n"},
		{"spool not there", valid(dir) + "spool: {dir: /nope}\n", "FILE:5:14: spool.dir: /nope: no such folder: create it\n"},
		{"quarantine in a file", strings.Replace(valid(dir), dir+"/q", notFolder+"/q", 1), "FILE:3:19: quarantine.dir: stat " + notFolder + "/q: not a directory\n"},
		{"socket in a file", strings.Replace(valid(dir), dir+"/ctl", notFolder+"/ctl", 1), "FILE:4:19: control.socket: " + notFolder + " is not a folder\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := write(t, "m.yaml", c.file)
			code, stdout, stderr := call(t, rooms{}, "check", "-c", file)
			want := strings.ReplaceAll(c.want, "FILE", file)
			if (code == exitDone) != (want == "") || (code != exitDone && code != exitUsage) || stderr != want {
				t.Errorf("exit %d\ngot  %q\nwant %q", code, stderr, want)
			}
			if code == exitDone && stdout != file+": valid\n" {
				t.Errorf("got %q", stdout)
			}
		})
	}
}

// What is allowed and seldom meant is said, and valid all the same.
func TestCheckWarns(t *testing.T) {
	file := write(t, "m.yaml", valid(t.TempDir())+"shadow: true\n")
	code, stdout, stderr := call(t, rooms{}, "check", "-c", file)
	if code != exitDone || stdout != file+": valid\n" || stderr != file+":5:9: warning: shadow: true stops no mail, whatever is found in it\n" {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
}

func itoa(n int) string { return slog.IntValue(n).String() }

func TestCheckCompilesRules(t *testing.T) {
	rule := write(t, "rule.yar", "rule a {")
	file := write(t, "m.yaml", valid(t.TempDir())+"scan: {yara: {rules: ["+rule+"]}}\n")
	var asked []string
	r := rooms{compileRules: func(cfg config.YARA) ([]string, error) {
		asked = cfg.Rules
		return nil, errors.New(rule + ":1: syntax error")
	}}
	code, _, stderr := call(t, r, "check", "-c", file)
	if code != exitUsage || stderr != "mirrorgw: "+rule+":1: syntax error\n" || len(asked) != 1 || asked[0] != rule {
		t.Errorf("exit %d, %q, asked %q", code, stderr, asked)
	}
}

func TestCheckPrintsWhatReadsBack(t *testing.T) {
	file := write(t, "m.yaml", valid(t.TempDir()))
	code, first, stderr := call(t, rooms{}, "check", "--print", "-c", file)
	if code != exitDone || stderr != "" {
		t.Fatalf("exit %d, %q", code, stderr)
	}
	for _, part := range []string{"mtu: 1500", "ports: [110]", "infected: replace  # an engine found something: the client gets a notice", "192.168.1.2/24"} {
		if !strings.Contains(first, part) {
			t.Errorf("%q is not in\n%s", part, first)
		}
	}
	code, second, stderr := call(t, rooms{}, "check", "--print", "-c", write(t, "again.yaml", first))
	if code != exitDone || second != first {
		t.Errorf("exit %d, %q\ngot\n%s\nwant\n%s", code, stderr, second, first)
	}
}

func TestVersion(t *testing.T) {
	code, stdout, _ := call(t, rooms{engines: []engines.Version{{Name: "yara", Detail: "libyara 4.2.3"}}}, "version")
	if code != exitDone || !strings.Contains(stdout, "mirrorgw") || !strings.Contains(stdout, "engine yara  libyara 4.2.3\n") {
		t.Errorf("exit %d, %q", code, stdout)
	}
	if code, stdout, _ := call(t, rooms{}, "version"); code != exitDone || !strings.Contains(stdout, "engines   none\n") {
		t.Errorf("exit %d, %q", code, stdout)
	}
}
