package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mirrorgw/scanner/quarantine"
	"mirrorgw/testnet"
)

// soakKills has TestKillAnywhere kill the gateway this many times; `make soak` sets it.
const soakKills = "MIRRORGW_SOAK_KILLS"

// TestKillAnywhere kills the gateway at random points of sessions in which infected mails are replaced (requirement C14). Whatever
// the moment: each notice that a client has whole names an original that is in quarantine, whole; nothing is listed by halves; the
// next start clears the rest; and the server has all its mails, though the clients had asked to delete some.
func TestKillAnywhere(t *testing.T) {
	t.Parallel()
	kills := 50
	if s := os.Getenv(soakKills); s != "" {
		var err error
		if kills, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	} else if testing.Short() {
		kills = 5
	}
	program := product(t)
	// A start is mostly waiting, so that several gateways at once take hardly longer than one.
	const labs = 4
	results := make([]killResult, labs)
	t.Run("labs", func(t *testing.T) {
		for i := range labs {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				results[i] = killSeveral(t, program, (kills+labs-1-i)/labs)
			})
		}
	})
	var all killResult
	for _, r := range results {
		all.kills, all.notices, all.cut = all.kills+r.kills, all.notices+r.notices, all.cut+r.cut
	}
	t.Logf("%+v", all)
	if !t.Skipped() && kills >= 50 && (all.notices == 0 || all.cut == 0) {
		t.Error("the kills were too early or too late to show anything")
	}
}

// killResult is what some kills have met.
type killResult struct {
	kills   int
	notices int // that a client had whole
	cut     int // replies that a client had in part
}

// killSeveral kills the gateway of a lab of its own.
func killSeveral(t *testing.T, program string, kills int) (result killResult) {
	lab := testnet.NewLab(t)
	large := testnet.EICAR()
	large.Data = append(slices.Clone(large.Data), bytes.Repeat([]byte("what stands behind the last boundary\r\n"), 20_000)...)
	long := testnet.CleanMails(1)[0]
	long.Data = append(slices.Clone(long.Data), bytes.Repeat([]byte("and much more of it\r\n"), 40_000)...)
	mails := []testnet.Mail{testnet.EICAR(), large, long}
	users := []string{"ann", "bob", "cat"}
	var boxes []testnet.Mailbox
	for _, user := range users {
		boxes = append(boxes, testnet.Mailbox{User: user, Mails: mails})
	}
	dovecot, err := lab.StartMailServer(t.Context(), boxes...)
	if err != nil {
		t.Fatal(err)
	}
	shell(t, lab.Mirror, "ip tuntap add mirror0 mode tap multi_queue vnet_hdr")
	folder := quarantine.At(lab.QuarantineFolder())
	for range kills {
		g, err := lab.StartGateway(t.Context(), program, lab.GatewayConfig())
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range namesIn(t, lab.QuarantineFolder()) {
			if strings.HasPrefix(name, ".new-") || strings.HasPrefix(name, ".gone-") {
				t.Errorf("%s is left after the next start", name)
			}
		}
		readers := readUntilKilled(t, lab, g, users)
		result.kills++
		there := wholeItems(t, folder)
		for i, r := range readers {
			if r.fault != "" {
				t.Errorf("%s: %s", users[i], r.fault)
			}
			for _, id := range r.ids {
				if result.notices++; !there[id] {
					t.Errorf("%s has a notice for %s, which is not in quarantine", users[i], id)
				}
			}
			if r.cut {
				result.cut++
			}
			if n, err := dovecot.Count(users[i]); n != len(mails) || err != nil {
				t.Fatalf("%d mails of %s are left on the server, %v", n, users[i], err)
			}
		}
	}
	return result
}

// readUntilKilled has each user read mail and kills the gateway meanwhile.
func readUntilKilled(t *testing.T, lab *testnet.Lab, g *testnet.Gateway, users []string) []*impatient {
	t.Helper()
	readers := make([]*impatient, len(users))
	replies := make(chan struct{}, 1000)
	var reading sync.WaitGroup
	for i, user := range users {
		conn, err := lab.Client.Dial(t.Context(), "tcp", netip.AddrPortFrom(testnet.MailIPv4, 110))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		readers[i] = &impatient{conn: conn, replies: replies}
		reading.Go(func() { readers[i].read(user) }) // ends with the connection, whose time is over soon after the kill
	}
	// The point of the kill: so many replies, of a session's first dozen, and then a moment that is long enough for one more.
	for range rand.N(12 * len(users)) {
		select {
		case <-replies:
		case <-time.After(5 * time.Second):
			t.Fatal("the clients get no replies")
		}
	}
	<-time.After(rand.N(20 * time.Millisecond))
	if err := g.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, r := range readers {
		r.conn.SetDeadline(time.Now().Add(50 * time.Millisecond)) // what had left by then arrives
	}
	reading.Wait()
	return readers
}

// wholeItems returns the items in a quarantine, which it empties. Each must be whole.
func wholeItems(t *testing.T, folder quarantine.Folder) map[string]bool {
	t.Helper()
	items, err := folder.List()
	if err != nil {
		t.Error(err)
	}
	there := make(map[string]bool)
	for _, item := range items {
		there[item.ID] = true
		if mail, err := exported(folder, item.ID); err != nil || fmt.Sprintf("%x", sha256.Sum256(mail)) != item.SHA256 || item.Size != int64(len(mail)) {
			t.Errorf("item %s is listed with %d of %d octets, %v", item.ID, len(mail), item.Size, err)
		}
		if err := folder.Delete(item.ID); err != nil {
			t.Error(err)
		}
	}
	return there
}

func namesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func exported(folder quarantine.Folder, id string) ([]byte, error) {
	mail, err := folder.Export(id)
	if err != nil {
		return nil, err
	}
	defer mail.Close()
	return io.ReadAll(mail)
}

// impatient is a client that fetches infected mails and asks to delete them again and again, without QUIT, until its connection ends.
type impatient struct {
	conn    net.Conn
	replies chan<- struct{}
	ids     []string // of the notices it has whole
	cut     bool     // a mail came in part
	fault   string
}

var quarantineID = regexp.MustCompile(`X-Mirrorgw-Verdict: infected;[^\r\n]*(?:\r\n[ \t][^\r\n]*)*id=([0-9a-f]{12})`)

func (r *impatient) read(user string) {
	in := bufio.NewReader(r.conn)
	status := func() bool {
		line, err := in.ReadString('\n')
		if err == nil && !strings.HasPrefix(line, "+OK") {
			r.fault = fmt.Sprintf("reply %q", line)
		}
		select {
		case r.replies <- struct{}{}:
		default: // the point of the kill is past
		}
		return err == nil && r.fault == ""
	}
	ask := func(line string) bool {
		_, err := io.WriteString(r.conn, line+"\r\n")
		return err == nil && status()
	}
	if !status() || !ask("USER "+user) || !ask("PASS "+testnet.Password) {
		return
	}
	for {
		for n := 1; n <= 3; n++ {
			if !ask(fmt.Sprintf("RETR %d", n)) {
				return
			}
			if !r.mail(in, n < 3) {
				return
			}
		}
		if !ask("DELE 1") || !ask("DELE 3") || !ask("RSET") || !ask("DELE 2") || !ask("RSET") {
			return
		}
	}
}

// mail reads one mail, and says whether it came whole.
func (r *impatient) mail(in *bufio.Reader, infected bool) bool {
	var text bytes.Buffer
	for {
		line, err := in.ReadBytes('\n')
		if infected && bytes.Contains(line, []byte("Please see the attachment.")) {
			r.fault = "a line of an infected mail"
		}
		if err != nil {
			r.cut = r.cut || text.Len() > 0
			return false
		}
		if string(line) == ".\r\n" {
			break
		}
		text.Write(line)
	}
	if !infected {
		return r.fault == ""
	}
	if id := quarantineID.FindSubmatch(text.Bytes()); id != nil {
		r.ids = append(r.ids, string(id[1]))
	} else {
		r.fault = fmt.Sprintf("in place of an infected mail: %.500q", text.Bytes())
	}
	return r.fault == ""
}
