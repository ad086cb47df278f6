package main

import (
	"net"
	"strings"
	"testing"
	"time"
)

// TestCheckAsksItsPeers: daemons and filters that do not answer are told of, soon, and the configuration is valid.
func TestCheckAsksItsPeers(t *testing.T) {
	dir := t.TempDir()
	well, _ := listenClamd(t)
	silent, err := net.Listen("unix", dir+"/silent")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	refused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := refused.Addr().String()
	refused.Close()
	const noVerdict = ": until it answers no mail gets a verdict of it, see scan.policy.error; start it, or correct the address\n"
	for _, c := range []struct{ name, file, want string }{
		{"clamd not there", `scan: {clamd: {address: ["unix:` + dir + `/nobody"]}}`, `FILE:5:26: warning: scan.clamd.address[0]: unix:` + dir + `/nobody: dial unix ` + dir + `/nobody: connect: no such file or directory` + noVerdict},
		{
			"one silent and one weak", `scan: {clamd: {address: ["unix:` + dir + `/silent",` + "\n" + `  "` + well + `"]}}`,
			`FILE:5:26: warning: scan.clamd.address[0]: unix:` + dir + `/silent: no answer within 2s` + noVerdict +
				`FILE:6:3: warning: scan.clamd.address[1]: ` + well + ` says OK beyond its limits (in clamd.conf: AlertExceedsMax yes); says OK of what is encrypted (in clamd.conf: AlertEncrypted yes)`,
		},
		{"rspamd refuses", `spam: {rspamd: "http://` + nobody + `"}`, `FILE:5:16: warning: spam.rspamd: http://` + nobody + `: dial tcp ` + nobody + `: connect: connection refused: until it answers no mail is marked; start it, or correct the address` + "\n"},
		{"spamd silent behind its socket", `spam: {spamd: "unix:` + dir + `/silent"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := write(t, "m.yaml", valid(t.TempDir())+c.file+"\n")
			begun := time.Now()
			code, stdout, stderr := call(t, rooms{}, "check", "-c", file)
			want := strings.ReplaceAll(c.want, "FILE", file)
			if code != exitDone || stdout != file+": valid\n" || !strings.HasPrefix(stderr, want) || want == "" && stderr != "" {
				t.Errorf("exit %d, %q\ngot  %q\nwant %q", code, stdout, stderr, want)
			}
			if took := time.Since(begun); took > 15*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}
