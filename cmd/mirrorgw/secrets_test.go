package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mirrorgw/testnet"
)

// echoes is a mail server that repeats in its replies whatever it is sent, as some do, takes every login but those of the
// user drop, whose connection it cuts at the password, and has one mail.
func echoes(mail string) func(net.Conn, *bufio.Scanner) {
	return func(c net.Conn, in *bufio.Scanner) { serveEcho(c, in, mail) }
}

func serveEcho(c net.Conn, in *bufio.Scanner, mail string) {
	say := func(format string, args ...any) { fmt.Fprintf(c, format+"\r\n", args...) }
	say("+OK ready <1.2@example.org>")
	drop := false
	for in.Scan() {
		line := in.Text()
		verb, rest, _ := strings.Cut(line, " ")
		mechanism, initial, _ := strings.Cut(rest, " ")
		switch {
		case verb == "CAPA":
			say("+OK\r\nUSER\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nSASL PLAIN LOGIN CRAM-MD5\r\n.")
		case verb == "AUTH" && initial == "":
			say("+ bmV4dA==")
			for in.Scan() && mechanism == "LOGIN" {
				mechanism = ""
				say("+ bmV4dA==")
			}
			say("-ERR not with %s", in.Text())
		case verb == "PASS" && drop:
			return
		case verb == "PASS" && strings.Contains(rest, "wrong"):
			say("-ERR the password %s is wrong", rest)
		case verb == "RETR":
			say("+OK\r\n%s.", mail)
		case verb == "APOP", verb == "AUTH":
			say("-ERR no: %s", line)
		default:
			drop = drop || line == "USER drop"
			say("+OK %s", line)
		}
	}
}

// secret returns 128 random bits as text.
func secret() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// outputs returns everything a gateway says about itself and its mail, by where.
func outputs(t *testing.T, lab *testnet.Lab, g *testnet.Gateway) map[string]string {
	t.Helper()
	log, err := g.Log()
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{"log": log, "metrics": shell(t, lab.Mirror, "curl -sSf http://127.0.0.1:9110/metrics")}
	for _, command := range [][]string{{"status"}, {"status", "--json"}, {"quarantine", "list"}, {"quarantine", "list", "--json"}, {"reload"}} {
		_, stdout, stderr := call(t, rooms{}, append(command, "-c", g.Config)...)
		said[strings.Join(command, " ")] = stdout + stderr
	}
	state := filepath.Dir(lab.QuarantineFolder())
	if err := filepath.WalkDir(state, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || strings.HasSuffix(path, ".eml") || path == g.Config {
			return err
		}
		content, err := os.ReadFile(path)
		said[path] = string(content)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return said
}

// dialogue sends lines, each after a reply to the one before or a short silence, and returns when the server's side is
// quiet or gone. What is answered is not looked at: a secret may come back to the client that sent it.
func dialogue(t *testing.T, lab *testnet.Lab, lines []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := lab.Client.Dial(ctx, "tcp", mailServer)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	answer := make([]byte, 64<<10)
	for _, line := range append([]string{""}, lines...) {
		if line != "" {
			if _, err := io.WriteString(c, line+"\r\n"); err != nil {
				return
			}
		}
		if err := c.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			t.Error(err)
		}
		if _, err := c.Read(answer); err != nil && !os.IsTimeout(err) {
			return
		}
	}
}

// TestSecretsStaySecret types random secrets where clients and people put them, rightly and wrongly, and looks for them in
// everything the gateway says: E8.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	lab := testnet.NewLab(t)
	rules, _ := rulesIn(t, "marked")
	g := startGateway(t, lab, lab.GatewayConfig()+"scan: {yara: {rules: ["+rules+"]}}\nlog: {level: debug}\n")
	serveMail(t, lab, mailServer, echoes("From: a@example.org\r\nSubject: x\r\n\r\nmarked mail\r\n"))

	var needles []string
	next := func() string {
		s := secret()
		needles = append(needles, s, base64.StdEncoding.EncodeToString([]byte(s)))
		return s
	}
	encoded := func(text string) string {
		text = base64.StdEncoding.EncodeToString([]byte(text))
		needles = append(needles, text)
		return text
	}
	sessions := [][]string{
		{"USER alice", "PASS " + next(), "RETR 1", "PASS " + next(), next(), "QUIT"},
		{"USER alice", "PASS wrong" + next(), "PASS " + next() + " " + next(), "QUIT"},
		{"PASS " + next(), next(), next() + " " + next(), "QUIT " + next()},
		{"pass " + next(), " PASS " + next(), "PASS\t" + next(), "PA\x00SS " + next(), "PASSWORD " + next()},
		{"APOP alice " + next(), "APOP " + next() + " " + next() + " " + next(), "QUIT"},
		{"AUTH PLAIN " + encoded("\x00alice\x00"+next()), "QUIT"},
		{"AUTH PLAIN", encoded("\x00alice\x00" + next()), "QUIT"},
		{"AUTH PLAIN", next() + "!! no base64", "QUIT"},
		{"AUTH LOGIN", encoded("alice"), encoded(next()), "QUIT"},
		{"AUTH LOGIN", "*", next(), "QUIT"},
		{"AUTH CRAM-MD5", encoded("alice " + next()), next(), "QUIT"},
		{"AUTH NO-SUCH-MECHANISM " + next(), "AUTH " + next(), "AUTH PLAIN " + next() + " " + next(), "QUIT"},
		{"USER drop", "PASS " + next()},
		{"USER alice", "PASS " + next() + strings.Repeat(" long", 300), "USER alice", strings.Repeat("x", 600) + next()},
		{"USER alice\r\nPASS " + next() + "\r\nRETR 1\r\nNOOP " + next(), "XTND " + next(), "TOP 1 " + next(), "LIST " + next()},
		{"CAPA\r\nSTLS " + next(), "LANG " + next(), "UTF8 " + next()},
	}
	needles = append(needles, encoded("alice")) // a name in the clothes of a secret
	var all sync.WaitGroup
	for _, lines := range sessions {
		all.Go(func() { dialogue(t, lab, lines) })
	}
	all.Wait()
	testnet.WaitFor(t, "the flows to end", func() bool {
		log, err := g.Log()
		return err == nil && strings.Count(log, `msg="flow ended"`) >= len(sessions)
	})
	said := outputs(t, lab, g)
	for where, text := range said {
		for _, needle := range needles {
			if at := strings.Index(text, needle); at >= 0 {
				t.Errorf("%s holds a secret: …%q…", where, text[max(0, at-200):at+len(needle)])
			}
		}
	}
	if !strings.Contains(said["log"], "user=alice") || !strings.Contains(said["quarantine list"], "alice") || len(said) < 9 {
		t.Errorf("that was looked for in the wrong place: %d outputs", len(said))
	}
	t.Logf("%d secrets in %d outputs", len(needles), len(said))
}

// TestNothingIsInjected has a hostile client and a hostile mail try to write lines of their own into what people read: E9.
func TestNothingIsInjected(t *testing.T) {
	t.Parallel()
	lab := testnet.NewLab(t)
	rules, _ := rulesIn(t, "marked")
	g := startGateway(t, lab, lab.GatewayConfig()+"scan: {yara: {rules: ["+rules+"]}}\nlog: {level: debug}\n")
	const fake = "=?utf-8?q?A=0D=0Atime=3D1_level=3DERROR_msg=3Dfake=1B[2J=07=C2=9B31m=E2=80=AEgpj?="
	mail := "From: \"" + fake + "\" <a@example.org>\r\nSubject: " + fake + "\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=\"" + fake + "\x1b[2J\rmsg=fake\"\r\n\r\nmarked mail\r\n--b--\r\n"
	serveMail(t, lab, mailServer, echoes(mail))
	for _, user := range []string{"al\x1b[2Jice\x07 msg=fake", "al\rtime=1 level=ERROR msg=fake", "al\x9b31mice\xff", "al\u202eice\u009b", "\"quoted\" = user"} {
		dialogue(t, lab, []string{"USER " + user, "PASS x", "RETR 1", "\x1b[2J" + user, "QUIT"})
	}
	testnet.WaitFor(t, "the flows to end", func() bool {
		log, err := g.Log()
		return err == nil && strings.Count(log, `msg="flow ended"`) >= 5
	})
	said := outputs(t, lab, g)
	letter := write(t, "a\x1b[2J\nmsg=fake.eml", mail)
	for _, command := range [][]string{{"scan", "-c", g.Config, letter}, {"scan", "-c", g.Config, "--json", letter}} {
		_, stdout, stderr := call(t, builtIn(), command...)
		said[strings.Join(command[:1], " ")+fmt.Sprint(len(command))] = stdout + stderr
	}
	replaced := 0
	for where, text := range said {
		if strings.HasSuffix(where, "/flow.pcapng") {
			continue // octets of headers, which nobody reads as text
		}
		for i, r := range text {
			if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r == 0x202e || r == 0xfffd && text[i] != 0xef {
				t.Errorf("%s holds %q: …%q…", where, r, text[max(0, i-100):min(len(text), i+20)])
				break
			}
		}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "time=1 ") || strings.HasPrefix(line, "msg=fake") {
				t.Errorf("%s has a line of somebody else's: %q", where, line)
			}
			if where == "log" && strings.Contains(line, "action=replace") {
				replaced++
			}
		}
	}
	if replaced == 0 {
		t.Errorf("no mail was replaced:\n%s", said["log"])
	}
}
