package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/testnet"
)

// rulesIn writes a rule file that finds a word, and returns its path and how to write it anew.
func rulesIn(t *testing.T, word string) (path string, rewrite func(text string)) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "own.yar")
	rewrite = func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rewrite(ruleFor(word))
	return path, rewrite
}

func ruleFor(word string) string {
	return fmt.Sprintf("rule Own { strings: $a = %q condition: $a }\n", word)
}

// TestReloadUnderLoad reloads good, broken and changed configurations while sessions run: none of them is lost, and in the
// end nothing of the older rules is left.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	lab := testnet.NewLab(t)
	rules, rewrite := rulesIn(t, "nothing has this 1")
	yaml := lab.GatewayConfig() + "limits: {per_client: 100}\nscan: {yara: {rules: [" + rules + "]}}\n"
	g := startGateway(t, lab, yaml)
	mails := testnet.CleanMails(1)[:1]
	server := netip.AddrPortFrom(testnet.MailIPv4, 110)
	load, err := lab.Internet.ServePOP3Load(t.Context(), mails, server)
	if err != nil {
		t.Fatal(err)
	}
	defer load.Close()

	loaded := make(chan error, 1)
	go func() { // ends with the last session
		result, err := testnet.POP3Load{Server: server, Mailbox: 1, Mails: mails, Sessions: 3000, Concurrency: 32}.Run(t.Context(), lab.Client)
		if err == nil {
			err = result.Err()
		}
		loaded <- err
	}()
	done, refused := 0, 0
	reload := func() (code int, stderr string) {
		for {
			code, _, stderr = call(t, rooms{}, "reload", "-c", g.Config)
			if !strings.HasSuffix(stderr, " older configurations are still running: try again when they have ended\n") { // else faster than sessions end
				return code, stderr
			}
			refused++
		}
	}
	for loading := true; loading; {
		rewrite(ruleFor(fmt.Sprintf("nothing has this %d", done)))
		if code, stderr := reload(); code != exitDone {
			t.Fatalf("exit %d: %s", code, stderr)
		}
		done++
		rewrite("rule Good { condition: false }\n\nrule Bad { condition: $nothing }\n")
		code, stderr := reload()
		if code != exitNo || !strings.Contains(stderr, rules+":3: ") {
			t.Fatalf("broken rules: exit %d: %s", code, stderr)
		}
		refused++
		next := load.Sessions() + 100
		testnet.WaitFor(t, "more sessions", func() bool { return load.Sessions() >= next || len(loaded) > 0 })
		select {
		case err := <-loaded:
			loading = false
			if err != nil {
				t.Error(err)
			}
		default:
		}
	}
	t.Logf("%d reloads done, %d refused", done, refused)
	if done < 3 {
		t.Errorf("only %d reloads while sessions ran", done)
	}
	testnet.WaitFor(t, "the older rules to go", func() bool {
		s, err := control.Fetch(t.Context(), lab.ControlSocket())
		return err == nil && s.Events["pop3"]["sessions_active"] == 0 && !strings.Contains(s.Engines[0].Detail, "older")
	})
	s, err := control.Fetch(t.Context(), lab.ControlSocket())
	if err != nil {
		t.Fatal(err)
	}
	if s.Messages.Clean != 3000 || s.Events["pop3"]["sessions"] != 3000 || s.Events["reloads"]["done"] != uint64(done) || s.Events["reloads"]["refused"] != uint64(refused) {
		t.Errorf("%+v", s)
	}
	checkMetrics(t, shell(t, lab.Mirror, "curl -sSf http://127.0.0.1:9110/metrics"))
}

// checkMetrics looks for the figures promised to users.
func checkMetrics(t *testing.T, page string) {
	t.Helper()
	for _, pattern := range []string{
		`mirrorgw_frames_total\{fate="forward"\} \d+`,
		`mirrorgw_frames_total\{fate="punt",reason="intercept"\} [1-9]\d*`,
		`mirrorgw_frames_total\{fate="drop",reason="martian"\} \d+`,
		`mirrorgw_bytes_total\{fate="punt"\} [1-9]\d*`,
		`mirrorgw_sessions\{protocol="pop3"\} 0`,
		`mirrorgw_sessions_total\{protocol="pop3",end="closed"\} 3000`,
		`mirrorgw_sessions_total\{protocol="pop3",end="lost"\} 0`,
		`mirrorgw_messages_total\{protocol="pop3",verdict="clean",action="deliver"\} 3000`,
		`mirrorgw_messages_total\{protocol="pop3",verdict="infected",action="replace"\} 0`,
		`mirrorgw_scan_seconds_bucket\{engine="yara",le="\+Inf"\} [1-9]\d*`,
		`mirrorgw_scan_seconds_count\{engine="yara"\} [1-9]\d*`,
		`mirrorgw_engine_up\{engine="yara"\} 1`,
		`mirrorgw_bypass 0`,
		`mirrorgw_healthy 1`,
		`mirrorgw_events\{room="reloads",event="refused"\} [1-9]\d*`,
		`# TYPE mirrorgw_scan_seconds histogram`,
	} {
		if !regexp.MustCompile(`(?m)^` + pattern + `$`).MatchString(page) {
			t.Errorf("no %s in\n%s", pattern, page)
		}
	}
	heads := make(map[string]bool)
	for line := range strings.Lines(page) {
		if name, isType := strings.CutPrefix(line, "# TYPE "); isType {
			if heads[name] {
				t.Errorf("twice: %s", line)
			}
			heads[name] = true
		}
	}
}

// TestSessionsKeepTheRulesTheyBeganWith: of two sessions at once, the one from before a reload is judged by the older rules.
func TestSessionsKeepTheRulesTheyBeganWith(t *testing.T) {
	lab := testnet.NewLab(t)
	rules, rewrite := rulesIn(t, "nothing has this")
	g := startGateway(t, lab, lab.GatewayConfig()+"scan: {yara: {rules: ["+rules+"]}}\n")
	serveAnyMail(t, lab, "marked mail")
	older, _ := dialMail(t, lab)
	if got := older.mustRetrieve(); !strings.Contains(got, "marked mail") {
		t.Errorf("before: %q", got)
	}
	rewrite(ruleFor("marked"))
	if code, _, stderr := call(t, rooms{}, "reload", "-c", g.Config); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	newer, _ := dialMail(t, lab)
	if got := newer.mustRetrieve(); !strings.Contains(got, "[mirrorgw]") || strings.Contains(got, "marked mail") {
		t.Errorf("a session from after the reload: %q", got)
	}
	if got := older.mustRetrieve(); !strings.Contains(got, "marked mail") {
		t.Errorf("a session from before the reload: %q", got)
	}
	s, err := control.Fetch(t.Context(), lab.ControlSocket())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(s.Engines[0].Detail, "; older rules of 1 reloads until their sessions end") || s.Messages != (control.Messages{Clean: 2, Infected: 1}) {
		t.Errorf("%+v %+v", s.Engines, s.Messages)
	}
}
