package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/testnet"
)

// statusOf asks the lab's gateway.
func statusOf(t *testing.T, lab *testnet.Lab) *control.Status {
	t.Helper()
	s, err := control.Fetch(t.Context(), lab.ControlSocket())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestBypass: a bypass leaves running sessions with the scanner and new ones not, outlives a reload, is seen everywhere, and at
// its end what it forwarded is reset.
func TestBypass(t *testing.T) {
	lab := testnet.NewLab(t)
	serveAnyMail(t, lab, "clean")
	g := startGateway(t, lab, lab.GatewayConfig())
	command := func(words ...string) string {
		t.Helper()
		code, stdout, stderr := call(t, rooms{}, append(words, "-c", g.Config)...)
		if code != exitDone {
			t.Fatalf("%s: exit %d: %s", words, code, stderr)
		}
		return stdout
	}
	older, _ := dialMail(t, lab)
	older.mustSay("USER a")
	if said := command("bypass", "on"); said != "ON: new mail sessions are forwarded and not scanned (by request)\n" {
		t.Errorf("bypass on says %q", said)
	}
	newer, _ := dialMail(t, lab)
	if reply := newer.mustRetrieve(); !strings.Contains(reply, "clean") {
		t.Errorf("past the gateway: %q", reply)
	}
	if s := statusOf(t, lab); s.Messages.Clean != 0 || !s.Bypass || s.Health != control.OK || s.Events["frames"]["flows_bypassed"] != 1 || s.Flows.Open != 1 {
		t.Errorf("%+v", s)
	}
	older.mustSay("PASS b")
	if reply := older.mustRetrieve(); !strings.Contains(reply, "clean") {
		t.Errorf("a session from before: %q", reply)
	}
	command("reload")
	if page := shell(t, lab.Mirror, "curl -sSf http://127.0.0.1:9110/metrics"); !strings.Contains(page, "\nmirrorgw_bypass 1\n") {
		t.Error("the metrics do not tell of the bypass")
	}
	if said := command("status"); !strings.Contains(said, "ON: new mail sessions are forwarded and not scanned") {
		t.Errorf("status says\n%s", said)
	}
	var fields struct{ Bypass bool }
	if err := json.Unmarshal([]byte(command("status", "--json")), &fields); err != nil || !fields.Bypass {
		t.Errorf("status --json: %+v, %v", fields, err)
	}
	if log, err := g.Log(); err != nil || !strings.Contains(log, `level=WARN msg="BYPASS: new mail sessions are forwarded and NOT scanned"`) {
		t.Errorf("the log does not tell of it, %v", err)
	}
	if s := statusOf(t, lab); s.Messages.Clean != 1 {
		t.Errorf("the older session's mail was not judged: %+v", s.Messages)
	}

	if said := command("bypass", "off"); said != "off: mail is scanned\n" {
		t.Errorf("bypass off says %q", said)
	}
	if reply, err := newer.say("NOOP"); err == nil || !strings.Contains(err.Error(), "reset") {
		t.Errorf("a session that went past the gateway: %q, %v", reply, err)
	}
	again, _ := dialMail(t, lab)
	again.mustSay("USER a")
	again.mustSay("PASS b")
	if reply := again.mustRetrieve(); !strings.Contains(reply, "clean") {
		t.Errorf("%q", reply)
	}
	older.mustSay("NOOP")
	if s := statusOf(t, lab); s.Bypass || s.Messages.Clean != 2 {
		t.Errorf("%+v", s)
	}
	for _, words := range [][]string{{"bypass", "on", "0s"}, {"bypass", "on", "soon"}, {"bypass", "on", "1m", "2m"}, {"bypass", "off", "1m"}, {"bypass"}, {"bypass", "onn"}} {
		if code, _, _ := call(t, rooms{}, words...); code != exitUsage {
			t.Errorf("%s: exit %d", words, code)
		}
	}
	if code, _, stderr := call(t, rooms{}, "bypass", "-c", g.Config, "on", "-c", g.Config, "30d"); code != exitNo || !strings.Contains(stderr, "skip lists") {
		t.Errorf("30d: exit %d, %s", code, stderr)
	}
}

// TestLimitsInTheLab: B7 with the defaults, and the limit raised by a reload.
func TestLimitsInTheLab(t *testing.T) {
	lab := testnet.NewLab(t)
	serveAnyMail(t, lab, "clean")
	g := startGateway(t, lab, lab.GatewayConfig())
	sessions := make([]*mailSession, 20)
	for i := range sessions {
		s, greeting := dialMail(t, lab)
		if greeting != "+OK ready\r\n" {
			t.Fatalf("session %d: %q", i, greeting)
		}
		sessions[i] = s
	}
	begun := statusOf(t, lab).Events["flows"]["dialled"]
	for range 3 {
		s, greeting := dialMail(t, lab)
		if greeting != "-ERR [SYS/TEMP] too many sessions from your address, try again later\r\n" {
			t.Errorf("one too many: %q", greeting)
		}
		if rest, err := io.ReadAll(s.in); len(rest) != 0 || err != nil {
			t.Errorf("after it: %q, %v", rest, err)
		}
	}
	if s := statusOf(t, lab); s.Events["flows"]["over_per_client"] != 3 || s.Events["flows"]["dialled"] != begun || s.Sessions["pop3"] != 20 {
		t.Errorf("%+v %+v", s.Events["flows"], s.Sessions)
	}
	for _, s := range sessions { // these do not notice
		s.mustSay("NOOP")
	}
	rewriteConfig(t, g, lab.GatewayConfig()+"limits: {per_client: 30, sessions: 22}\n")
	for range 2 {
		if _, greeting := dialMail(t, lab); greeting != "+OK ready\r\n" {
			t.Errorf("after the reload: %q", greeting)
		}
	}
	if _, greeting := dialMail(t, lab); greeting != "-ERR [SYS/TEMP] too many sessions at the gateway, try again later\r\n" {
		t.Errorf("beyond the limit for all: %q", greeting)
	}
}

// TestWatchdogInTheLab: a mail over which the engine broods keeps new sessions from the scanner, and the verdict ends that.
func TestWatchdogInTheLab(t *testing.T) {
	t.Parallel()
	lab := testnet.NewLab(t)
	serveAnyMail(t, lab, "ponder this")
	rules, rewrite := rulesIn(t, "x")
	rewrite("rule Slow { strings: $a = \"ponder this\" condition: $a and for all i in (0..100000000000) : (uint8(i % filesize) >= 0) }\n")
	startGateway(t, lab, lab.GatewayConfig()+fmt.Sprintf("scan: {yara: {rules: [%s]}, limits: {time: 8s}}\nwatchdog: {action: forward, after: 2s}\n", rules))
	slow, _ := dialMail(t, lab)
	slow.mustSay("USER a")
	slow.mustSay("PASS b")
	if _, err := io.WriteString(slow.conn, "RETR 1\r\n"); err != nil {
		t.Fatal(err)
	}
	testnet.WaitFor(t, "the watchdog", func() bool { return statusOf(t, lab).Bypass })
	if s := statusOf(t, lab); s.Health != control.Failing || !s.Intake.Failing || s.Intake.Reason != "mails wait for their verdict and none is reached" {
		t.Errorf("%+v", s)
	}
	newer, _ := dialMail(t, lab)
	newer.mustSay("USER a") // it waits for no engine
	if reply := newer.mustRetrieve(); !strings.Contains(reply, "ponder this") {
		t.Errorf("%q", reply)
	}
	reply, err := slow.in.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the slow mail: %q", reply)
	testnet.WaitFor(t, "progress", func() bool { return !statusOf(t, lab).Bypass })
	if s := statusOf(t, lab); s.Health != control.OK {
		t.Errorf("%+v", s)
	}
}

// rewriteConfig has a running gateway take on another configuration.
func rewriteConfig(t *testing.T, g *testnet.Gateway, yaml string) {
	t.Helper()
	if err := os.WriteFile(g.Config, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := call(t, rooms{}, "reload", "-c", g.Config); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
}

// TestTopAndReportInTheLab: a live session is seen with what it does, and what passed unscanned is in the book, also after a
// restart.
func TestTopAndReportInTheLab(t *testing.T) {
	t.Parallel()
	lab := testnet.NewLab(t)
	serveAnyMail(t, lab, "clean")
	yaml := lab.GatewayConfig() + "scan: {limits: {message: 20}}\n" // octets: nothing fits
	g := startGateway(t, lab, yaml)
	s, _ := dialMail(t, lab)
	s.mustSay("USER anna")
	s.mustSay("PASS b")
	if reply := s.mustRetrieve(); !strings.Contains(reply, "X-Mirrorgw-Verdict: unscannable; cause=oversize") {
		t.Errorf("%q", reply)
	}
	flows := statusOf(t, lab).Flowing
	if len(flows) != 1 || flows[0].User != "anna" || flows[0].State != "idle" || flows[0].Verdict != "unscannable" || flows[0].Action != "tag" || flows[0].FromServer == 0 {
		t.Errorf("%+v", flows)
	}
	code, top, _ := call(t, rooms{}, "top", "-c", g.Config)
	if code != exitDone || !strings.Contains(top, "anna") || !strings.Contains(top, "unscannable, tag") {
		t.Errorf("exit %d\n%s", code, top)
	}
	if code, _, stderr := call(t, rooms{}, "bypass", "on", "-c", g.Config); code != exitDone {
		t.Fatal(stderr)
	}
	past, _ := dialMail(t, lab)
	past.mustSay("NOOP")
	if err := g.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	startGateway(t, lab, yaml)
	if statusOf(t, lab).Bypass {
		t.Error("a bypass outlives a restart")
	}
	code, report, stderr := call(t, rooms{}, "report", "-c", g.Config)
	for _, want := range []string{"oversize 1", "bypassed 1", testnet.ClientIPv4.String(), mailServer.String()} {
		if code != exitDone || !strings.Contains(report, want) {
			t.Errorf("no %q: exit %d, %s\n%s", want, code, stderr, report)
		}
	}
}
