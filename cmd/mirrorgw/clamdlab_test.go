package main

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/scanner"
	"mirrorgw/testnet"
)

// outcome says what a client must get for a mail.
type outcome struct {
	mail   testnet.Mail
	action scanner.Action
	cause  scanner.Cause // where it is tagged
}

// check says what is wrong with a reply to RETR, first line and mail. With refused, it must be an error line.
func (o outcome) check(first string, got []byte, refused bool) error {
	switch wire := o.mail.Data; {
	case refused && strings.HasPrefix(first, "-ERR"):
	case refused, !strings.HasPrefix(first, "+OK"):
		return fmt.Errorf("%s: the reply is %q", o.mail.Kind, first)
	case o.action == scanner.Deliver:
		if !bytes.Equal(got, wire) {
			return fmt.Errorf("%s: not as it was: %.300q", o.mail.Kind, got)
		}
	case o.action == scanner.Tag:
		tag, rest, _ := bytes.Cut(got, []byte("\r\n"))
		if !bytes.HasPrefix(tag, []byte("X-Mirrorgw-Verdict: unscannable; cause="+o.cause)) || !bytes.Equal(rest, wire) {
			return fmt.Errorf("%s: not tagged: %.300q", o.mail.Kind, got)
		}
	case o.action == scanner.Replace && !bytes.HasPrefix(got, []byte("X-Mirrorgw-Verdict: ")) || bytes.Contains(got, []byte("leopard")):
		return fmt.Errorf("%s: not replaced: %.300q", o.mail.Kind, got)
	}
	return nil
}

// retr retrieves a mail, and returns the first line and the mail with no dots stuffed in it.
func (s *mailSession) retr(n int) (first string, mail []byte, err error) {
	if first, err = s.say(fmt.Sprintf("RETR %d", n)); err != nil || !strings.HasPrefix(first, "+OK") {
		return first, nil, err
	}
	for {
		line, err := s.in.ReadBytes('\n')
		if err != nil {
			return first, mail, err
		}
		if string(line) == ".\r\n" {
			return first, mail, nil
		}
		mail = append(mail, bytes.TrimPrefix(line, []byte("."))...)
	}
}

// clamdMail returns a mail with an attachment.
func clamdMail(kind string, attachment []byte) testnet.Mail {
	var text strings.Builder
	text.WriteString("From: a@example.org\r\nSubject: " + kind + "\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello.\r\n" +
		"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	for line := base64.StdEncoding.EncodeToString(attachment); len(line) > 0; line = line[min(76, len(line)):] {
		text.WriteString(line[:min(76, len(line))] + "\r\n")
	}
	return testnet.Mail{Kind: kind, Data: []byte(text.String() + "--b--\r\n")}
}

// zippedFile returns an archive with one file, which claims to be encrypted or is not.
func zippedFile(t *testing.T, encrypted bool, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	member, err := w.Create("a.bin")
	if encrypted {
		member, err = w.CreateRaw(&zip.FileHeader{Name: "a.bin", Flags: 1, CompressedSize64: uint64(len(content)), UncompressedSize64: uint64(len(content))})
	}
	if err == nil {
		_, err = member.Write(content)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// ask has sessions at once that each retrieve the mails of all outcomes, rounds times, and reports whatever is not as it must be. It
// returns once all have; the sessions go on. Between two mails a session asks for NOOP, as one that is well answers.
func ask(t *testing.T, sessions []*mailSession, rounds int, all []outcome, refused bool, replies *atomic.Int64) {
	t.Helper()
	var under sync.WaitGroup
	for at, s := range sessions {
		under.Go(func() { // ends with the last reply, or the connection's deadline
			s.conn.SetDeadline(time.Now().Add(4 * patience)) // an error shows in what follows
			for i := range rounds * len(all) {
				n := (at + i) % len(all)
				first, mail, err := s.retr(1 + n)
				if err == nil {
					err = all[n].check(first, mail, refused)
				}
				if err == nil {
					first, err = s.say("NOOP")
					if err == nil && !strings.HasPrefix(first, "+OK") {
						err = fmt.Errorf("NOOP: %q", first)
					}
				}
				if err != nil {
					t.Errorf("session %d: %v", at, err)
					return
				}
				replies.Add(1)
			}
		})
	}
	under.Wait()
}

// login opens sessions.
func login(t *testing.T, lab *testnet.Lab, n int) []*mailSession {
	t.Helper()
	list := make([]*mailSession, n)
	for i := range list {
		list[i], _ = dialMail(t, lab)
		list[i].mustSay("USER alice")
		list[i].mustSay("PASS " + testnet.Password)
	}
	return list
}

func clamdOf(t *testing.T, lab *testnet.Lab) (engine control.Engine, events map[string]uint64) {
	t.Helper()
	s := statusOf(t, lab)
	for _, e := range s.Engines {
		if e.Name == "clamd" {
			return e, s.Events["clamd"]
		}
	}
	t.Fatal("clamd is not in the status")
	return engine, nil
}

// TestClamdInTheLab has sessions scanned by a clamd that is weak, is killed and comes back under 20 fetches, and stands still
// (requirements C2, C3 and C5): whatever it does, no session is lost, and no mail arrives that was not judged.
func TestClamdInTheLab(t *testing.T) {
	const (
		weak   = "StreamMaxLength 256K\nMaxFileSize 256K\nMaxRecursion 3\n"
		strong = "StreamMaxLength 256M\nMaxFileSize 256M\nMaxScanSize 1000M\nAlertExceedsMax yes\nAlertEncrypted yes\nMaxThreads 10\n"
	)
	database := map[string]string{"t.ndb": fmt.Sprintf("Eicar-Test:0:*:%x\nLeopard:0:*:%x\n", scanner.Canary(), "leopard")}
	folder := t.TempDir()
	daemon := testnet.StartClamd(t, folder, weak, database)
	lab := testnet.NewLab(t)
	long := bytes.Repeat([]byte("0123456789abcdef"), 28<<10)
	filler := []byte("a file, the first part of which says nothing")
	all := []outcome{
		{mail: clamdMail("clean", filler)},
		{mail: clamdMail("infected", append(filler, "leopard"...)), action: scanner.Replace},
		{mail: clamdMail("infected zip", zippedFile(t, false, append(filler, "leopard"...))), action: scanner.Replace},
		{mail: clamdMail("encrypted", zippedFile(t, true, filler)), action: scanner.Tag, cause: scanner.CauseEncrypted},
		{mail: clamdMail("large", long), action: scanner.Tag, cause: scanner.CauseOversize},
		{mail: clamdMail("large in a zip", zippedFile(t, false, append(long, "leopard"...))), action: scanner.Tag, cause: scanner.CauseOversize},
	}
	var mails []testnet.Mail
	for i := range all {
		if all[i].action == scanner.Retry { // the zero value
			all[i].action = scanner.Deliver
		}
		mails = append(mails, all[i].mail)
	}
	server := serveLoad(t, lab, mails)
	config := func(more string) string {
		return lab.GatewayConfig() + "limits: {per_client: 100}\nscan: {cache: 0, clamd: {address: [\"" + daemon.Address() + "\"], parallel: 8}" + more + "}\n"
	}
	g := startGateway(t, lab, config(""))
	var replies atomic.Int64
	sessions := login(t, lab, 20)
	t.Run("weak", func(t *testing.T) {
		h, _ := clamdOf(t, lab)
		for _, lack := range []string{"AlertExceedsMax yes", "AlertEncrypted yes", "StreamMaxLength 256M"} {
			if h.State != "weak" || !strings.Contains(h.Detail, lack) {
				t.Errorf("%s: %+v", lack, h)
			}
		}
		if _, shown, _ := call(t, rooms{}, "status", "-c", g.Config); !strings.Contains(shown, "AlertExceedsMax yes") {
			t.Errorf("status says\n%s", shown)
		}
		ask(t, sessions[:2], 1, all, false, &replies)
	})
	// From here on it takes all, and says what it does not see.
	daemon.Kill()
	daemon = testnet.StartClamd(t, folder, strong, database)
	all[4].action, all[5].action = scanner.Deliver, scanner.Replace
	t.Run("killed", func(t *testing.T) {
		_, before := clamdOf(t, lab)
		back := make(chan struct{})
		until := replies.Load() + 30
		go func() { // ends once the daemon is back
			defer close(back)
			for deadline := time.Now().Add(patience); replies.Load() < until && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			}
			daemon.Kill()
			<-time.After(700 * time.Millisecond) // as long as it takes one to start
			if err := daemon.Start(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		ask(t, sessions, 1, all, false, &replies)
		<-back
		if _, after := clamdOf(t, lab); after["repeated"] == before["repeated"] || after["early"] == 0 {
			t.Errorf("nothing was asked again, or no large mail while it arrived: %v", after)
		}
	})
	signal := func(s syscall.Signal) {
		t.Helper()
		if err := daemon.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("stopped for a moment", func(t *testing.T) {
		signal(syscall.SIGSTOP)
		time.AfterFunc(time.Second, func() { signal(syscall.SIGCONT) })
		ask(t, sessions, 1, all[:3], false, &replies)
	})
	rewrite(t, g.Config, config(", limits: {time: 2s}"))
	if code, _, stderr := call(t, rooms{}, "reload", "-c", g.Config); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	hasty := login(t, lab, 8)
	t.Run("stopped for good", func(t *testing.T) {
		signal(syscall.SIGSTOP)
		ask(t, hasty, 1, all[:1], true, &replies)
		signal(syscall.SIGCONT)
		ask(t, append(sessions, hasty...), 1, all[:3], false, &replies)
	})
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		h, _ := clamdOf(t, lab)
		if h.State == "ok" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v", h)
		}
	}
	for _, s := range append(sessions, hasty...) {
		s.mustSay("QUIT")
	}
	if err := server.Err(); err != nil {
		t.Error(err)
	}
}

// TestClamdRepliesInTheLab has a daemon give each of the replies that a real one has been seen to give (requirement C1). A socket that
// nobody listens at stands in front of it.
func TestClamdRepliesInTheLab(t *testing.T) {
	lab := testnet.NewLab(t)
	cases := []struct {
		reply   string
		refused bool
		outcome
	}{
		{reply: "stream: OK\x00", outcome: outcome{action: scanner.Deliver}},
		{reply: "stream: Leopard FOUND\x00", outcome: outcome{action: scanner.Replace}},
		{reply: "INSTREAM size limit exceeded. ERROR\x00", outcome: outcome{action: scanner.Tag, cause: scanner.CauseOversize}},
		{reply: "stream: Heuristics.Encrypted.Zip FOUND\x00", outcome: outcome{action: scanner.Tag, cause: scanner.CauseEncrypted}},
		{reply: "stream: Heuristics.Limits.Exceeded.MaxScanTime FOUND\x00", outcome: outcome{action: scanner.Replace}},
		{reply: "COMMAND READ TIMED OUT\n", refused: true},
		{reply: "", refused: true},
		{reply: "stream: OK", refused: true},
		{reply: "stream: Can't allocate memory ERROR\x00", refused: true},
	}
	address, _ := listenClamdThat(t, func(content []byte) string {
		for i := range cases {
			if bytes.Contains(content, fmt.Appendf(nil, "Subject: %d\r\n", i)) {
				return cases[i].reply
			}
		}
		return "stream: OK\x00" // of parts, and to the check
	})
	stale := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	var mails []testnet.Mail
	for i := range cases {
		text := fmt.Sprintf("From: a@example.org\r\nSubject: %d\r\n\r\nHello.\r\n", i)
		cases[i].mail = testnet.Mail{Kind: cases[i].reply, Data: []byte(text)}
		mails = append(mails, cases[i].mail)
	}
	serveLoad(t, lab, mails)
	startGateway(t, lab, lab.GatewayConfig()+"scan: {clamd: {address: [\"unix:"+stale+"\", \""+address+"\"], parallel: 32}}\n")
	sessions := login(t, lab, len(cases))
	for _, refused := range []bool{false, true} { // those in a row that are no verdict would have it left alone
		var under sync.WaitGroup
		for i, c := range cases {
			if c.refused != refused {
				continue
			}
			under.Go(func() { // ends with the reply, or the connection's deadline
				sessions[i].conn.SetDeadline(time.Now().Add(4 * patience)) // an error shows in what follows
				first, mail, err := sessions[i].retr(1 + i)
				if err == nil {
					err = c.check(first, mail, refused)
				}
				if err != nil {
					t.Errorf("%q: %v", c.reply, err)
				}
			})
		}
		under.Wait()
	}
	if _, events := clamdOf(t, lab); events["fail_overs"] == 0 || events["failures"] < 4 {
		t.Errorf("%v", events)
	}
}
