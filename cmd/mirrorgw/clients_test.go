package main

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"mirrorgw/testnet"
)

// clientMails is how many mails each real client fetches, and infectedMails how many of them are infected.
const (
	clientMails   = 200
	infectedMails = 2
)

// realServer is a mail server with a mailbox for each client.
type realServer struct {
	name  string
	at    []netip.AddrPort // IPv4, IPv6
	login func(user string) string
	count func(user string) (int, error)

	topAddsLine bool // its reply to TOP has an empty line more than the mail; the mirror asks for the mail in place of TOP
}

// TestRealClients has each of six mail clients fetch 200 varied mails, two of them infected, from each of two servers, past the mirror
// and through it, all at once. What arrives is the same but for a notice in the place of each infected mail, a second run
// that leaves mail on the server fetches nothing twice, and the server loses a mail only where the client asked.
func TestRealClients(t *testing.T) {
	t.Parallel()
	lab := testnet.NewLab(t)
	startGateway(t, lab, lab.GatewayConfig())
	clients := realClients()
	for _, c := range clients {
		if _, err := exec.LookPath(c.program); err != nil {
			t.Skip(err)
		}
	}
	type pair struct {
		client realClient
		server realServer
		result clientResult
	}
	var pairs []*pair
	var fetching sync.WaitGroup
	for _, server := range realServers(t, lab, clients) {
		for _, client := range clients {
			p := &pair{client: client, server: server}
			pairs = append(pairs, p)
			fetching.Go(func() { p.result = p.client.useMailbox(t.Context(), lab, p.server) }) // each run of a client has a limit
		}
	}
	fetching.Wait()
	for _, p := range pairs {
		t.Run(p.client.name+" and "+p.server.name, func(t *testing.T) {
			r := p.result
			t.Log(r.took)
			if r.err != nil {
				t.Fatal(r.err)
			}
			if len(r.past) != clientMails {
				t.Fatalf("%d mails past the mirror", len(r.past))
			}
			if p.client.byTOP && p.server.topAddsLine {
				for i, mail := range r.past {
					r.past[i] = bytes.Replace(mail, []byte("\n\n\n"), []byte("\n\n"), 1)
				}
				slices.SortFunc(r.past, bytes.Compare)
			}
			same(t, r.through, r.past, infectedMails)
			if len(r.again) != len(r.through) {
				t.Errorf("after a second run there are %d mails", len(r.again))
			}
			if r.left != clientMails {
				t.Errorf("%d mails left on the server", r.left)
			}
			same(t, r.removing, r.past, infectedMails)
			if r.end != 0 {
				t.Errorf("%d mails on the server in the end", r.end)
			}
		})
	}
}

// clientResult is what a client made of a mailbox.
type clientResult struct {
	past     [][]byte // fetched past the mirror, sorted as all are
	through  [][]byte // through it
	again    [][]byte // by then, after a second run
	removing [][]byte // with the order to remove mail from the server
	left     int      // mails on the server before that
	end      int      // and after it
	took     []time.Duration
	err      error
}

// useMailbox has a client fetch its mailbox in every way.
func (c realClient) useMailbox(ctx context.Context, lab *testnet.Lab, server realServer) (r clientResult) {
	at := server.at[0]
	if c.ipv6 {
		at = server.at[1]
	}
	step := func(host *testnet.Host, name string, keep bool) (mails [][]byte) {
		if r.err != nil {
			return nil
		}
		began := time.Now()
		mails, r.err = session{host, filepath.Join(lab.Folder(), c.name+"-"+server.name+"-"+name), at, server.login(c.name), keep}.fetch(ctx, c)
		r.took = append(r.took, time.Since(began).Round(time.Millisecond))
		return mails
	}
	count := func() (n int) {
		if r.err == nil {
			n, r.err = server.count(c.name)
		}
		return n
	}
	r.past = step(lab.Router, "past", true)
	r.through = step(lab.Client, "through", true)
	r.again = step(lab.Client, "through", true)
	r.left = count()
	r.removing = step(lab.Client, "removing", false)
	for deadline := time.Now().Add(5 * time.Second); r.err == nil && time.Now().Before(deadline); {
		if r.end = count(); r.end == 0 { // the server may take a moment after its last reply
			break
		}
	}
	return r
}

// realServers starts the servers, each with a mailbox for each client.
func realServers(t *testing.T, lab *testnet.Lab, clients []realClient) []realServer {
	t.Helper()
	infected, err := testnet.ClamTestFile()
	if err != nil {
		t.Fatal(err)
	}
	boxes := func(mails []testnet.Mail) (list []testnet.Mailbox) {
		mails = slices.Insert(mails[:clientMails-infectedMails], 100, testnet.EICAR(), infected)
		for _, c := range clients {
			list = append(list, testnet.Mailbox{User: c.name, Mails: mails})
		}
		return list
	}
	dovecot, err := lab.StartMailServer(t.Context(), boxes(testnet.VariedMails(1, clientMails))...)
	if err != nil {
		t.Fatal(err)
	}
	// mailutils is slow with large mails: it gets none above a megabyte.
	small := slices.DeleteFunc(testnet.VariedMails(1, clientMails), func(m testnet.Mail) bool { return len(m.Data) > 1<<20 })
	mailutils, err := lab.StartMailutils(t.Context(), boxes(small)...)
	if err != nil {
		t.Fatal(err)
	}
	return []realServer{
		{
			"dovecot",
			[]netip.AddrPort{netip.AddrPortFrom(testnet.MailIPv4, 110), netip.AddrPortFrom(testnet.MailIPv6, 110)},
			func(user string) string { return user }, dovecot.Count, false,
		},
		{
			"mailutils",
			[]netip.AddrPort{netip.AddrPortFrom(testnet.WebIPv4, 110), netip.AddrPortFrom(testnet.WebIPv6, 110)},
			mailutils.Login, mailutils.Count, true,
		},
	}
}

// session is one client's way to one server.
type session struct {
	host  *testnet.Host
	home  string // of the client's files; what it fetched is in the maildir called mail
	at    netip.AddrPort
	login string
	keep  bool // leave mail on the server
}

// fetch runs the client and returns all it has fetched so far, sorted.
func (s session) fetch(ctx context.Context, c realClient) ([][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for _, folder := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(s.home, "mail", folder), 0o755); err != nil {
			return nil, err
		}
	}
	if err := c.fetch(ctx, s); err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(s.home, "mail/[cn]*/*"))
	if err != nil {
		return nil, err
	}
	mails := make([][]byte, len(paths))
	for i, path := range paths {
		if mails[i], err = os.ReadFile(path); err != nil {
			return nil, err
		}
		if c.chance != nil {
			mails[i] = c.chance.ReplaceAll(mails[i], []byte("\x00?\n"))
		}
	}
	slices.SortFunc(mails, bytes.Compare)
	return mails, nil
}

// write puts a file into the client's home and returns its path.
func (s session) write(name, content string) (path string, err error) {
	path = filepath.Join(s.home, name)
	return path, os.WriteFile(path, []byte(content), 0o600)
}

// same compares what came through the mirror with what came past it, both sorted: as many as notices are others.
func same(t *testing.T, got, want [][]byte, notices int) {
	t.Helper()
	var lost, strange [][]byte
	for len(got) > 0 || len(want) > 0 {
		switch {
		case len(want) == 0 || len(got) > 0 && bytes.Compare(got[0], want[0]) < 0:
			strange, got = append(strange, got[0]), got[1:]
		case len(got) == 0 || bytes.Compare(got[0], want[0]) > 0:
			lost, want = append(lost, want[0]), want[1:]
		default:
			got, want = got[1:], want[1:]
		}
	}
	seen, shown := 0, 0
	for _, m := range strange {
		if bytes.Contains(m, []byte("Subject: [mirrorgw]")) && bytes.Contains(m, []byte("X-Mirrorgw-Verdict: infected")) {
			seen++
		} else if shown++; shown <= 3 {
			t.Errorf("another than past the mirror: %s", firstDifference(m, lost))
		}
	}
	if seen != notices || len(lost) != notices || len(strange) != notices {
		t.Errorf("%d notices and %d other mails in the place of %d mails, want %d notices", seen, len(strange)-seen, len(lost), notices)
	}
}

// firstDifference says where a mail begins to differ from the one of the list that it is most like.
func firstDifference(mail []byte, list [][]byte) string {
	at, like := -1, []byte(nil)
	for _, other := range list {
		n := 0
		for n < len(mail) && n < len(other) && mail[n] == other[n] {
			n++
		}
		if n > at {
			at, like = n, other
		}
	}
	around := func(b []byte) []byte { return b[min(max(0, at-40), len(b)):min(at+40, len(b))] }
	return fmt.Sprintf("at %d of %d octets, %d past it:\ngot  %q\nwant %q", at, len(mail), len(like), around(mail), around(like))
}
