package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mirrorgw/scanner"
	"mirrorgw/scanner/quarantine"
)

// deliver records deliveries to a client, and returns once they are on the disk.
func (k kept) deliver(t *testing.T, client string, mails ...string) {
	t.Helper()
	history, err := quarantine.OpenHistory(k.store, 30*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, mail := range mails {
		history.Delivered(time.Date(2026, 11, 17, 10, 0, 0, 0, time.UTC), scanner.Origin{Protocol: "pop3", Client: netip.MustParseAddrPort(client), User: "bob", UIDL: "uid-1"},
			scanner.Verdict{SHA256: sha256.Sum256([]byte(mail)), Size: int64(len(mail))})
	}
	if err := history.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestQuarantineHunt(t *testing.T) {
	k := keep(t, eicarMail, cleanMail)
	k.deliver(t, "192.0.2.17:4000", eicarMail, cleanMail, "other")
	eicar, clean := fmt.Sprintf("%x", sha256.Sum256([]byte(eicarMail))), fmt.Sprintf("%X", sha256.Sum256([]byte(cleanMail)))
	list := write(t, "sums", "# known\n\n"+eicar+"  eicar.eml\n")
	for _, c := range []struct {
		name  string
		args  []string
		code  int
		found []string
	}{
		{"what the rules find", nil, exitNo, []string{eicar}}, // of the two in quarantine
		{"a hash", []string{clean}, exitNo, []string{strings.ToLower(clean)}},
		{"a file", []string{list}, exitNo, []string{eicar}},
		{"both", []string{list, clean}, exitNo, []string{eicar, strings.ToLower(clean)}},
		{"unknown", []string{strings.Repeat("0", 64)}, exitDone, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := call(t, (&stub{}).rooms(), append([]string{"quarantine", "hunt", "-c", k.config, "--json"}, c.args...)...)
			var found []quarantine.Record
			if err := json.Unmarshal([]byte(stdout), &found); err != nil || code != c.code || stderr != "" || len(found) != len(c.found) || found == nil {
				t.Fatalf("exit %d, %v, %q, %q", code, err, stdout, stderr)
			}
			for i, r := range found {
				if r.SHA256 != c.found[i] || r.Client != "192.0.2.17:4000" || r.User != "bob" || r.UIDL != "uid-1" {
					t.Errorf("%+v", r)
				}
			}
		})
	}
	code, stdout, _ := call(t, (&stub{}).rooms(), "quarantine", "hunt", "-c", k.config)
	if want := time.Date(2026, 11, 17, 10, 0, 0, 0, time.UTC).Local().Format(time.DateTime) + " 192.0.2.17:4000 bob "; code != exitNo || !strings.Contains(squeezeLines(stdout), want) || !strings.Contains(stdout, " uid-1 ") {
		t.Errorf("exit %d, %q", code, stdout)
	}
	for _, c := range []struct{ arg, want string }{
		{"/nope", "mirrorgw: open /nope: no such file or directory: it is no SHA-256 (64 hexadecimal digits) either"},
		{write(t, "bad", "12\n"), `:1: "12" is no SHA-256: write 64 hexadecimal digits`},
	} {
		if code, _, stderr := k.call(t, "hunt", c.arg); code != exitNo || !strings.Contains(stderr, c.want) {
			t.Errorf("exit %d, %q", code, stderr)
		}
	}
	if code, _, stderr := k.call(t, "hunt", "-", "-"); code != exitUsage || !strings.Contains(stderr, "standard input can be read once") {
		t.Errorf("exit %d, %q", code, stderr)
	}
}
