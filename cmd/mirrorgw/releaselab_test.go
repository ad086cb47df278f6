package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"mirrorgw/scanner/quarantine"
	"mirrorgw/testnet"
)

// TestReleaseToRealClients has an infected mail released after a client has fetched its notice and deleted it on the server: the
// client finds the original at its next login, and no more once it has deleted that.
func TestReleaseToRealClients(t *testing.T) {
	t.Parallel()
	lab := testnet.NewLab(t)
	g := startGateway(t, lab, lab.GatewayConfig())
	mails := []testnet.Mail{testnet.CleanMails(1)[0], testnet.EICAR(), testnet.CleanMails(1)[1]}
	clients := realClients()
	var boxes []testnet.Mailbox
	for _, c := range clients {
		if _, err := exec.LookPath(c.program); err != nil {
			t.Skip(err)
		}
		boxes = append(boxes, testnet.Mailbox{User: c.name, Mails: mails}, testnet.Mailbox{User: "other-" + c.name})
	}
	dovecot, err := lab.StartMailServer(t.Context(), boxes...)
	if err != nil {
		t.Fatal(err)
	}
	steps := []func(*releaseRun, context.Context, *testnet.Lab){
		(*releaseRun).fetchNotice, (*releaseRun).fetchReleased, (*releaseRun).deleteReleased, (*releaseRun).fetchNothing,
	}
	runs := make([]*releaseRun, len(clients))
	for i, c := range clients {
		runs[i] = &releaseRun{client: c, at: netip.AddrPortFrom(testnet.MailIPv4, 110)}
		if c.ipv6 {
			runs[i].at = netip.AddrPortFrom(testnet.MailIPv6, 110)
		}
	}
	folder := quarantine.At(lab.QuarantineFolder())
	for i, step := range steps {
		var running sync.WaitGroup
		for _, r := range runs {
			running.Go(func() { step(r, t.Context(), lab) }) // each run of a client has a limit
		}
		running.Wait()
		for _, r := range runs {
			if r.err != nil {
				t.Fatalf("%s: %v", r.client.name, r.err)
			}
		}
		items, err := folder.List()
		if err != nil || len(items) != len(clients) {
			t.Fatalf("step %d: %d mails in quarantine, %v", i, len(items), err)
		}
		for _, item := range items {
			want := []quarantine.Release{quarantine.NotReleased, quarantine.Waiting, quarantine.Allowed, quarantine.Allowed}[i]
			if item.Release != want {
				t.Errorf("step %d: the mail of %s is %q, want %q", i, item.User, item.Release, want)
			}
			if i == 0 {
				if code, out, errs := call(t, rooms{}, "quarantine", "release", "-c", g.Config, item.ID); code != exitDone {
					t.Fatalf("%s%s", out, errs)
				}
			}
		}
		for _, r := range runs {
			if n, err := dovecot.Count(r.client.name); n != 0 || err != nil {
				t.Errorf("step %d: %d mails of %s on the server, %v", i, n, r.client.name, err)
			}
		}
	}
	if err := g.Stop(t.Context()); err != nil { // what was delivered is on the disk by then at the latest
		t.Fatal(err)
	}
	code, out, errs := call(t, rooms{}, "quarantine", "hunt", "-c", g.Config, fmt.Sprintf("%x", sha256.Sum256(mails[0].Data)))
	for _, c := range clients {
		if code != exitNo || !strings.Contains(out, " "+c.name+" ") {
			t.Errorf("that %s has the first mail is not known: exit %d, %s%s", c.name, code, out, errs)
		}
	}
}

// releaseRun is a client and what it has fetched.
type releaseRun struct {
	client realClient
	at     netip.AddrPort

	past    [][]byte // past the mirror
	through [][]byte
	err     error
}

func (r *releaseRun) fetch(ctx context.Context, lab *testnet.Lab, host *testnet.Host, home, login string, keep bool) (mails [][]byte) {
	if r.err == nil {
		mails, r.err = session{host, filepath.Join(lab.Folder(), r.client.name+home), r.at, login, keep}.fetch(ctx, r.client)
	}
	return mails
}

func (r *releaseRun) fetchNotice(ctx context.Context, lab *testnet.Lab) {
	r.past = r.fetch(ctx, lab, lab.Router, "-past", r.client.name, true)
	r.through = r.fetch(ctx, lab, lab.Client, "-through", r.client.name, false)
	if notices := len(r.through) - len(r.common(r.through)); r.err == nil && (len(r.past) != 3 || len(r.through) != 3 || notices != 1) {
		r.err = fmt.Errorf("%d mails past the mirror, %d through it, %d notices", len(r.past), len(r.through), notices)
	}
}

// common returns those of mails that came past the mirror too.
func (r *releaseRun) common(mails [][]byte) (common [][]byte) {
	for _, m := range mails {
		if slices.ContainsFunc(r.past, func(p []byte) bool { return bytes.Equal(m, p) }) {
			common = append(common, m)
		}
	}
	return common
}

func (r *releaseRun) fetchReleased(ctx context.Context, lab *testnet.Lab) {
	if others := r.fetch(ctx, lab, lab.Client, "-other", "other-"+r.client.name, false); len(others) != 0 {
		r.err = fmt.Errorf("another user has got %d mails", len(others))
	}
	before := r.common(r.through)
	for range 2 { // the second time there is nothing new
		r.through = r.fetch(ctx, lab, lab.Client, "-through", r.client.name, true)
	}
	// A client may forget between two runs what it has fetched, but not fetch twice in one.
	all := slices.Concat(before, r.common(r.through))
	slices.SortFunc(all, bytes.Compare)
	if all = slices.CompactFunc(all, bytes.Equal); r.err == nil && (len(all) != 3 || len(r.through) > 4) {
		r.err = fmt.Errorf("%d different mails, %d in the end", len(all), len(r.through))
	}
}

func (r *releaseRun) deleteReleased(ctx context.Context, lab *testnet.Lab) {
	mails := r.fetch(ctx, lab, lab.Client, "-removing", r.client.name, false)
	if r.err == nil && (len(mails) != 1 || len(r.common(mails)) != 1 || !bytes.Contains(mails[0], []byte("eicar.com"))) {
		r.err = fmt.Errorf("%d mails are waiting, %d of them originals", len(mails), len(r.common(mails)))
	}
}

func (r *releaseRun) fetchNothing(ctx context.Context, lab *testnet.Lab) {
	if mails := r.fetch(ctx, lab, lab.Client, "-afterwards", r.client.name, false); r.err == nil && len(mails) != 0 {
		r.err = fmt.Errorf("%d mails after the last was deleted", len(mails))
	}
}
