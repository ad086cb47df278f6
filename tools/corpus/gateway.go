package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"mirrorgw/testnet"
)

// judged is what the gateway says of one mail.
type judged struct {
	Path    string `json:"path"`
	Verdict string `json:"verdict"`
	Cause   string `json:"cause"`
	Action  string `json:"action"`

	Findings []struct {
		Engine string `json:"engine"`
	} `json:"findings"`
}

// by says whether an engine has found something.
func (j judged) by(engine string) bool {
	for _, f := range j.Findings {
		if f.Engine == engine {
			return true
		}
	}
	return false
}

// buildGateway builds mirrorgw from the module that source lies in.
func buildGateway(ctx context.Context, source, scratch string) (string, error) {
	program := filepath.Join(scratch, "mirrorgw")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "mirrorgw/cmd/mirrorgw")
	build.Dir = source
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building mirrorgw: %w: %s", err, out)
	}
	return program, nil
}

// askGateway judges the files in a folder with `mirrorgw scan`, with one YARA rule for each payload and with clamd, unless that is nil.
// It returns what is said of each by the name of the file.
func askGateway(ctx context.Context, program, folder, scratch string, known []payload, clamd *testnet.Clamd) (map[string]judged, error) {
	var rules strings.Builder
	for i, p := range known {
		// The self-test's file is a line of text: what may follow is the end of that line.
		fmt.Fprintf(&rules, "rule Payload%d { strings: $payload = { %s } condition: $payload at 0 and filesize <= %d }\n",
			i, hex.EncodeToString([]byte(p.content)), len(p.content)+8)
	}
	config := filepath.Join(scratch, "scan.yaml")
	yara := filepath.Join(scratch, "payloads.yar")
	if err := os.WriteFile(yara, []byte(rules.String()), 0o600); err != nil {
		return nil, err
	}
	text := fmt.Sprintf("routers: [192.0.2.1]\naddresses: [192.0.2.2/24]\nscan:\n  yara:\n    rules: [%q]\n", yara)
	if clamd != nil {
		text += fmt.Sprintf("  clamd:\n    address: [%q]\n", clamd.Address())
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, "--config", config, "scan", "--json", folder)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) { // 1: not all are clean
		return nil, fmt.Errorf("mirrorgw scan: %w: %s", err, lastLine([]byte(stderr.String())))
	}
	var all []judged
	if err := json.Unmarshal(out, &all); err != nil {
		return nil, fmt.Errorf("mirrorgw scan: %w", err)
	}
	byName := make(map[string]judged, len(all))
	for _, j := range all {
		byName[filepath.Base(j.Path)] = j
	}
	return byName, nil
}
