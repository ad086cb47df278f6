package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/testnet"
)

// TestHTMLIsMadeHarmless has a running gateway take the tracking picture out of a mail, after a reload, and nothing else. What it
// judges is the mail as it came: a rule on the picture's address finds it, and the evidence has all of it.
func TestHTMLIsMadeHarmless(t *testing.T) {
	t.Parallel()
	lab := testnet.NewLab(t)
	rules, _ := rulesIn(t, "marked")
	base := lab.GatewayConfig() + "scan: {yara: {rules: [" + rules + "]}}\n"
	g := startGateway(t, lab, base)
	const (
		picture = ` src="http://t.example/p.gif"`
		mail    = "From: a@example.org\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n..\r\n--b\r\nContent-Type: text/html\r\n\r\n" +
			"<p>..text</p>\r\n..<img alt=a" + picture + ">\r\n..\r\n--b\r\n\r\n<img" + picture + ">\r\n--b--\r\n"
	)
	serveMail(t, lab, mailServer, mailbox(mail))
	got := retrieve(t, lab, mailServer)
	if got != "+OK mail follows\r\n"+mail {
		t.Errorf("switched off: %q", got)
	}
	rewrite(t, g.Config, base+"neutralise: {html: true}\n")
	if code, _, stderr := call(t, rooms{}, "reload", "-c", g.Config); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	if got, want := retrieve(t, lab, mailServer), "+OK message follows\r\n"+strings.Replace(mail, picture, "", 1); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	other := netip.AddrPortFrom(testnet.MailIPv6, 110)
	serveMail(t, lab, other, mailbox(strings.Replace(mail, "p.gif", "marked", 1)))
	if got := retrieve(t, lab, other); !strings.Contains(got, "Subject: [mirrorgw] x\r\n") || strings.Contains(got, "t.example") {
		t.Errorf("what goes was not judged: %q", got)
	}
	s, err := control.Fetch(t.Context(), lab.ControlSocket())
	if err != nil {
		t.Fatal(err)
	}
	if s.Events["html"]["changed"] != 1 || s.Events["messages"]["rewritten"] != 1 {
		t.Errorf("html %v, messages %v", s.Events["html"], s.Events["messages"])
	}
	wantLogged(t, g, "rewritten=1")
	checkEvidence(t, g)
}

// checkEvidence exports the one mail in quarantine with all that is known of it.
func checkEvidence(t *testing.T, g *testnet.Gateway) {
	t.Helper()
	_, list, _ := call(t, rooms{}, "quarantine", "list", "-c", g.Config)
	lines := strings.Split(list, "\n")
	if len(lines) != 3 {
		t.Fatalf("in quarantine: %s", list)
	}
	path := filepath.Join(t.TempDir(), "evidence.tar")
	id, _, _ := strings.Cut(lines[1], " ")
	if code, _, stderr := call(t, builtIn(), "quarantine", "export", "-c", g.Config, "--bundle", "-o", path, id); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	files := untar(t, file)
	folder := "mirrorgw-" + id + "/"
	session := files[folder+"session.txt"]
	for _, want := range []string{" S: +OK ready\n", " C: RETR 1\n", " S: +OK mail follows\n"} {
		if !strings.Contains(session, want) {
			t.Errorf("%q is not in the session:\n%s", want, session)
		}
	}
	if parts := files[folder+"parts.txt"]; !strings.Contains(parts, "Own  $") || !strings.Contains(parts, ": marked") || !strings.Contains(files[folder+"mail.eml"], "t.example/marked") {
		t.Errorf("parts:\n%s", parts)
	}
}
