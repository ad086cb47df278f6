package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mirrorgw/testnet"
)

// TestPromisedCommands: each command that users were promised is there and says what it is for.
func TestPromisedCommands(t *testing.T) {
	for _, command := range []string{
		"run", "check", "scan", "quarantine list", "quarantine show", "quarantine export", "quarantine release", "quarantine delete",
		"status", "top", "reload", "bypass on", "bypass off", "capture", "device up", "device down",
		"lab up", "lab down", "lab demo", "lab exec", "version",
	} {
		words := strings.Fields(command)
		code, stdout, stderr := call(t, builtIn(), append(words, "--help")...)
		if code != exitDone || stderr != "" || !strings.Contains(stdout, words[len(words)-1]+" - ") {
			t.Errorf("%s --help: exit %d, %q, %.200q", command, code, stderr, stdout)
		}
		if !strings.Contains(stdout, "--config") {
			t.Errorf("%s takes no --config", command)
		}
	}
}

// wantKeys holds the keys of a JSON object against those promised; more are welcome.
func wantKeys(t *testing.T, what string, object any, keys ...string) {
	t.Helper()
	m, ok := object.(map[string]any)
	if !ok {
		t.Errorf("%s is %T, not an object", what, object)
		return
	}
	for _, key := range keys {
		if v, ok := m[key]; !ok || v == nil {
			t.Errorf("%s has no %s: %v", what, key, m)
		}
	}
}

// TestPromisedOutputs runs the product on a clean, an infected and an unscannable mail, and holds all that it says against what
// users were promised: log lines, status, metrics, and what scan and quarantine list as JSON.
func TestPromisedOutputs(t *testing.T) {
	lab := testnet.NewLab(t)
	partial := testnet.Mail{Kind: "partial", Data: []byte("Subject: part\r\nContent-Type: message/partial; id=\"x\"; number=1; total=2\r\n\r\nabc\r\n")}
	mails := []testnet.Mail{testnet.CleanMails(1)[0], testnet.EICAR(), partial}
	if _, err := lab.StartMailServer(t.Context(), testnet.Mailbox{User: "alice", Mails: mails}); err != nil {
		t.Fatal(err)
	}
	g := startGateway(t, lab, lab.GatewayConfig()+"log: {format: json}\n")
	if _, err := lab.Client.FetchAll(t.Context(), netip.AddrPortFrom(testnet.MailIPv4, 110), "alice"); err != nil {
		t.Fatal(err)
	}
	var messages, flows []map[string]any
	testnet.WaitFor(t, "the end of the flow in the log", func() bool {
		log, err := g.Log()
		if err != nil {
			t.Fatal(err)
		}
		messages, flows = nil, nil
		for line := range strings.Lines(log) {
			var fields map[string]any
			if json.Unmarshal([]byte(line), &fields) != nil {
				continue
			}
			switch fields["msg"] {
			case "message":
				messages = append(messages, fields)
			case "flow ended":
				flows = append(flows, fields)
			}
		}
		return len(flows) > 0
	})
	if len(messages) != 3 || len(flows) != 1 {
		t.Fatalf("%d lines about messages, %d about flows", len(messages), len(flows))
	}
	var said []string
	for _, m := range messages {
		wantKeys(t, "msg=message", m, "client", "server", "user", "protocol", "verdict", "action", "size", "sha256", "findings", "took")
		said = append(said, fmt.Sprint(m["verdict"], " ", m["action"], " ", m["user"], " ", m["protocol"]))
		if _, err := netip.ParseAddrPort(fmt.Sprint(m["client"])); err != nil {
			t.Error(err)
		}
	}
	if want := []string{"clean deliver alice pop3", "infected replace alice pop3", "unscannable replace alice pop3"}; !slices.Equal(said, want) {
		t.Errorf("got %q, want %q", said, want)
	}
	wantKeys(t, "msg=\"flow ended\"", flows[0], "client", "server", "protocol", "rule", "took")

	code, stdout, stderr := call(t, rooms{}, "status", "--json", "-c", g.Config)
	if code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	var status map[string]any
	if err := json.Unmarshal([]byte(stdout), &status); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, "status", status, "version", "uptime_s", "health", "bypass", "frames", "sessions", "messages", "engines", "quarantine", "flows")
	wantKeys(t, "frames", status["frames"], "received", "forwarded", "punted", "dropped")
	wantKeys(t, "sessions", status["sessions"], "pop3")
	wantKeys(t, "messages", status["messages"], "clean", "infected", "unscannable")
	wantKeys(t, "quarantine", status["quarantine"], "count", "bytes")
	engines, ok := status["engines"].([]any)
	if !ok || len(engines) == 0 {
		t.Fatalf("engines are %v", status["engines"])
	}
	wantKeys(t, "an engine", engines[0], "name", "state", "detail")
	if bypass, ok := status["bypass"].(bool); !ok || bypass || status["health"] != "ok" {
		t.Errorf("bypass %v, health %v", status["bypass"], status["health"])
	}

	page := shell(t, lab.Mirror, "curl -sSf http://127.0.0.1:9110/metrics")
	for _, sample := range []string{
		`mirrorgw_frames_total\{fate="(forward|punt|drop)"(,reason="[a-z0-9_]+")?\} \d+`, `mirrorgw_bytes_total\{fate="forward"\} \d+`,
		`mirrorgw_sessions\{protocol="pop3"\} \d+`, `mirrorgw_sessions_total\{protocol="pop3",end="[a-z_]+"\} \d+`,
		`mirrorgw_messages_total\{protocol="pop3",verdict="infected",action="replace"\} 1`,
		`mirrorgw_scan_seconds_bucket\{engine="yara",le="[^"]+"\} \d+`, `mirrorgw_engine_up\{engine="yara"\} 1`, `mirrorgw_bypass 0`,
	} {
		if !regexp.MustCompile(`(?m)^` + sample + `$`).MatchString(page) {
			t.Errorf("no %s among the metrics", sample)
		}
	}

	var kept []any
	if code, stdout, stderr = call(t, rooms{}, "quarantine", "list", "--json", "-c", g.Config); code != exitDone || json.Unmarshal([]byte(stdout), &kept) != nil || len(kept) != 2 {
		t.Fatalf("quarantine list: exit %d, %s, %s", code, stdout, stderr)
	}
	for _, item := range kept {
		wantKeys(t, "an item", item, "id", "time", "client", "server", "user", "from", "subject", "size", "sha256", "findings")
	}

	path := filepath.Join(t.TempDir(), "mail.eml")
	if err := os.WriteFile(path, testnet.EICAR().Data, 0o600); err != nil {
		t.Fatal(err)
	}
	var scanned []any
	if code, stdout, stderr = call(t, builtIn(), "scan", "--json", "-c", g.Config, path); code != exitNo || json.Unmarshal([]byte(stdout), &scanned) != nil || len(scanned) != 1 {
		t.Fatalf("scan: exit %d, %s, %s", code, stdout, stderr)
	}
	wantKeys(t, "a scanned mail", scanned[0], "path", "verdict", "cause", "findings", "size", "sha256", "took_ms")
	if findings, ok := scanned[0].(map[string]any)["findings"].([]any); !ok || len(findings) == 0 {
		t.Errorf("%v", scanned[0])
	} else {
		wantKeys(t, "a finding", findings[0], "engine", "rule", "part")
	}
}
