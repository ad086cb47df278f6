package main

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/testnet"
)

// retrieve returns the reply to RETR 1 in a session of its own, without the last line of one that is a mail.
func retrieve(t *testing.T, lab *testnet.Lab, server netip.AddrPort) string {
	t.Helper()
	s, _ := dialMailAt(t, lab, server)
	defer s.conn.Close()
	return s.mustRetrieve()
}

func rewrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestPolicyByReload takes one running gateway through the actions, the languages of notices, a template and shadow mode.
func TestPolicyByReload(t *testing.T) {
	t.Parallel()
	lab := testnet.NewLab(t)
	rules, _ := rulesIn(t, "marked")
	template := write(t, "own.tmpl", "Own words about {{.Subject}}, {{.Cause}}\n")
	base := lab.GatewayConfig()
	with := func(scan, more string) string {
		return base + "scan: {yara: {rules: [" + rules + "]}" + scan + "}\n" + more
	}
	// The template is in reach from the start, as one that is added later need not be.
	g := startGateway(t, lab, with("", "notice: {template: "+template+"}\n"))
	const mail = "From: a@example.org\r\nSubject: x\r\n\r\nmarked mail\r\n"
	serveMail(t, lab, mailServer, mailbox(mail))
	const original = "+OK mail follows\r\n" + mail
	for _, step := range []struct {
		name, scan, more string
		want, not        string
	}{
		{"template", "", "notice: {template: " + template + "}\n", "Own words about x, infected\r\n", "marked"},
		{"built-in text", "", "", "A message to you was stopped", "marked"},
		{"language", "", "notice: {language: ru, languages: [{clients: [192.168.1.0/24], language: es}]}\n", "Se ha detenido un mensaje", "marked"},
		{"deliver", ", policy: {infected: deliver}", "", original, "irrorgw"},
		{"tag", ", policy: {infected: tag}", "", "+OK message follows\r\nX-Mirrorgw-Verdict: infected; finding=yara:Own\r\n" + mail, "notice"},
		{"retry", ", policy: {infected: retry}", "", "-ERR ", "+OK"},
		{"shadow", ", policy: {infected: replace}", "shadow: true\n", original, "irrorgw"},
		{"cached", ", cache: 10", "shadow: true\n", original, "irrorgw"},
		{"no longer shadow", "", "", "Subject: [mirrorgw] x\r\n", "marked"},
	} {
		rewrite(t, g.Config, with(step.scan, step.more))
		if code, _, stderr := call(t, rooms{}, "reload", "-c", g.Config); code != exitDone {
			t.Fatalf("%s: exit %d: %s", step.name, code, stderr)
		}
		for range 2 {
			got := retrieve(t, lab, mailServer)
			if !strings.Contains(got, step.want) || strings.Contains(got, step.not) || step.want == original && got != original {
				t.Errorf("%s: got %q", step.name, got)
			}
		}
		s, err := control.Fetch(t.Context(), lab.ControlSocket())
		if err != nil {
			t.Fatal(err)
		}
		page := shell(t, lab.Mirror, "curl -sSf http://127.0.0.1:9110/metrics")
		_, shown, _ := call(t, rooms{}, "status", "-c", g.Config)
		shadow := strings.Contains(step.more, "shadow")
		if s.Shadow != shadow || strings.Contains(page, "\nmirrorgw_shadow 1\n") != shadow || strings.Contains(shown, "  ON: mail is judged and delivered") != shadow {
			t.Errorf("%s: shadow %t in %+v\n%s", step.name, shadow, s, shown)
		}
	}
	checkKeptRest(t, lab, g, with("", "notice: {keep_rest: true}\n"))
	s, err := control.Fetch(t.Context(), lab.ControlSocket())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]uint64{
		"infected": 19, "replaced": 9, "kept_rest": 1, "delivered": 6, "tagged": 2, "retried": 2, "shadow_replaced": 4,
	}
	for name, n := range want {
		if got := s.Events["messages"][name]; got != n {
			t.Errorf("messages.%s is %d, want %d", name, got, n)
		}
	}
	// Each reload forgets; but then the gateway looks into what it keeps anew, and this mail is there from the first step on.
	if hits, misses := s.Events["messages"]["cache_hits"], s.Events["messages"]["cache_misses"]; hits < 9 || misses < 1 || hits+misses != 19 {
		t.Errorf("%d cache hits, %d misses", hits, misses)
	}
	// One item for the same mail however often it is fetched, and one for that of the other client.
	if s.Quarantine.Count != 2 || s.Events["quarantine"]["again"] != 7 || s.Events["notices"]["composed"] != 9 || s.Events["notices"]["template_failures"] != 0 {
		t.Errorf("quarantine %+v, notices %v", s.Quarantine, s.Events["notices"])
	}
	wantLogged(t, g, `level=WARN msg="shadow mode: `, "shadow=true would=replace", "cached=true")
	// What is wrong with a template keeps what was before.
	rewrite(t, template, "{{.Nope}}")
	rewrite(t, g.Config, with("", "notice: {template: "+template+"}\n"))
	code, _, stderr := call(t, rooms{}, "reload", "-c", g.Config)
	if code != exitNo || !strings.Contains(stderr, template+":1:2: ") || !strings.Contains(retrieve(t, lab, mailServer), "A message to you was stopped") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// checkKeptRest has the gateway replace one part of a mail only.
func checkKeptRest(t *testing.T, lab *testnet.Lab, g *testnet.Gateway, yaml string) {
	t.Helper()
	rewrite(t, g.Config, yaml)
	if code, _, stderr := call(t, rooms{}, "reload", "-c", g.Config); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	const before = "From: a@example.org\r\nContent-Type: multipart/mixed; boundary=b\r\n"
	const first = "\r\n--b\r\n\r\nhello\r\n--b\r\n"
	server := netip.AddrPortFrom(testnet.MailIPv6, 110)
	serveMail(t, lab, server, mailbox(before+"Subject: x\r\n"+first+"Content-Type: text/html\r\n\r\nmarked\r\n--b--\r\n"))
	got := retrieve(t, lab, server)
	if !strings.HasPrefix(got, "+OK message follows\r\n"+before) || !strings.Contains(got, first+"Content-Type: text/plain; charset=utf-8\r\n") ||
		!strings.Contains(got, "A part of this message was removed") || !strings.Contains(got, "Subject: [mirrorgw] x\r\n") || strings.Contains(got, "marked") {
		t.Errorf("with the rest kept: %q", got)
	}
}
