package testnet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mirrorgw/testnet"
)

// newLab makes a lab and, where the product would run, has the kernel forward in its place: the lab is tried without it.
func newLab(t *testing.T) *testnet.Lab {
	t.Helper()
	l := testnet.NewLab(t)
	for _, script := range []string{
		"ip address add 192.168.1.2/24 dev br0", "ip address add fd00:1::2/64 dev br0 nodad",
		"ip route add default via 192.168.1.1", "ip route add default via fd00:1::1",
		"echo 1 > /proc/sys/net/ipv4/ip_forward", "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding",
		"echo 0 > /proc/sys/net/ipv4/icmp_ratelimit", // redirects and time exceeded share one
	} {
		run(t, l.Mirror, "sh", "-c", script)
	}
	return l
}

func run(t *testing.T, h *testnet.Host, argv ...string) string {
	t.Helper()
	out, err := h.Output(t.Context(), argv...)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// A lab comes up as its picture has it, next to another one, and both go without a trace.
func TestLabLeavesNothing(t *testing.T) {
	testnet.CheckLeaks(t)
	before := links(t)
	ctx := t.Context()
	first, second := testnet.NewLab(t), testnet.NewLab(t)
	if got := links(t); !slices.Equal(got, before) {
		t.Errorf("links outside the lab: %v, before %v", got, before)
	}
	for _, key := range []string{"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"} {
		if got, err := first.Mirror.Sysctl(key); got != "0" || err != nil {
			t.Errorf("mirror: %s = %q, %v", key, got, err)
		}
	}
	if got := run(t, first.Mirror, "nft", "list", "ruleset"); got != "" {
		t.Errorf("mirror has rules: %s", got)
	}
	if got := run(t, first.Router, "nft", "list", "ruleset"); !strings.Contains(got, "masquerade") {
		t.Errorf("router has no NAT: %s", got)
	}
	if _, err := testnet.Up(ctx, testnet.Config{Name: first.Name()}); !errors.Is(err, testnet.ErrLabExists) {
		t.Errorf("a second lab of one name: %v", err)
	}
	sleeper, err := first.Mirror.Start("sleeper", "sleep", "1000")
	if err != nil {
		t.Fatal(err)
	}
	stubborn, err := first.Mirror.Start("stubborn", "sh", "-c", "trap '' TERM; while :; do sleep 1; done")
	if err != nil {
		t.Fatal(err)
	}
	// As another process would.
	loaded, err := testnet.Load(first.Name())
	if err != nil {
		t.Fatal(err)
	}
	if got := run(t, loaded.Client, "ip", "route", "get", "198.51.100.80"); !strings.Contains(got, "via 192.168.1.2") {
		t.Errorf("loaded lab's client goes %s", got)
	}
	for range 2 {
		if err := testnet.Down(ctx, first.Name()); err != nil {
			t.Fatal(err)
		}
	}
	<-sleeper.Done()
	<-stubborn.Done()
	checkGone(t, first)
	if _, err := testnet.Load(first.Name()); !errors.Is(err, testnet.ErrNoLab) {
		t.Errorf("loading a lab that is gone: %v", err)
	}
	run(t, second.Client, "true") // the other is still there
	if err := second.Down(ctx); err != nil {
		t.Fatal(err)
	}
	checkGone(t, second)
}

func TestUpThatFailsLeavesNothing(t *testing.T) {
	needLab(t)
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Millisecond) // in the middle of it, or before
	defer cancel()
	cancelled, crashed := uniqueName(t), uniqueName(t)
	l, err := testnet.Up(ctx, testnet.Config{Name: cancelled})
	if err == nil {
		t.Fatalf("up in 15 ms, down: %v", l.Down(t.Context()))
	}
	checkNameGone(t, cancelled)

	// A crash in the middle leaves a name taken and a namespace; down removes them.
	if err := exec.Command("ip", "netns", "add", "mirrorgw-"+crashed+"-router").Run(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("/run/mirrorgw/lab-"+crashed+".json", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := testnet.Down(t.Context(), crashed); err != nil {
		t.Error(err)
	}
	checkNameGone(t, crashed)
}

func TestLabNames(t *testing.T) {
	for _, name := range []string{"../x", "Lab", "a b", strings.Repeat("x", 25), "-x"} {
		if _, err := testnet.Up(t.Context(), testnet.Config{Name: name}); err == nil {
			t.Errorf("up with name %q", name)
		}
		if err := testnet.Down(t.Context(), name); err == nil {
			t.Errorf("down with name %q", name)
		}
	}
}

func TestLabPaths(t *testing.T) {
	l := newLab(t)
	for address, hops := range map[string][]string{
		"198.51.100.80":    {"192.168.1.2", "192.168.1.1", "198.51.100.80"},
		"2001:db8:100::80": {"fd00:1::2", "fd00:1::1", "2001:db8:100::80"},
		"fd00:1::1":        {"fd00:1::1"}, // neighbours are reached directly
		"192.168.1.1":      {"192.168.1.1"},
		"fe80::1%eth0":     {"fe80::1%eth0"},
		"198.51.100.10":    {"192.168.1.2", "192.168.1.1", "198.51.100.10"},
	} {
		run(t, l.Client, "ping", "-c", "2", "-i", "0.1", "-W", "2", address)
		if got, err := l.Trace(t.Context(), address); err != nil || !slices.Equal(got, hops) {
			t.Errorf("to %s: %v, %v; want %v", address, got, err, hops)
		}
	}
	// The kernel that stands in for the mirror sends redirects; the client keeps to its routes.
	for _, address := range []string{"198.51.100.80", "2001:db8:100::80"} {
		if got := run(t, l.Client, "ip", "route", "get", address); !strings.Contains(got, "::2 ") && !strings.Contains(got, " 192.168.1.2 ") {
			t.Errorf("after redirects: %s", got)
		}
	}
	// The bridge listens for group membership and asks for it.
	bridge := run(t, l.Mirror, "ip", "-d", "link", "show", "br0")
	for _, setting := range []string{"mcast_snooping 1", "mcast_querier 1"} {
		if !strings.Contains(bridge, setting) {
			t.Errorf("bridge without %s: %s", setting, bridge)
		}
	}
	testnet.WaitFor(t, "the client's groups on its port", func() bool {
		return strings.Contains(run(t, l.Mirror, "bridge", "mdb", "show"), "port client0 grp ff02::1:ff00:10")
	})
}

func TestLabWeb(t *testing.T) {
	testnet.CheckLeaks(t)
	l := newLab(t)
	web, err := l.StartWebServer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := web.Close(); err != nil {
			t.Error(err)
		}
	}()
	for url, seen := range map[string]string{
		"http://198.51.100.80":      testnet.NATIPv4.String(), // the router's NAT
		"http://[2001:db8:100::80]": testnet.ClientIPv6.String(),
	} {
		if got := run(t, l.Client, "curl", "-sSf", "--max-time", "10", url); strings.TrimSpace(got) != seen {
			t.Errorf("%s saw %q, want %s", url, got, seen)
		}
		const size = 2 << 20
		var want bytes.Buffer
		if _, err := want.ReadFrom(testnet.WebBody(size)); err != nil {
			t.Fatal(err)
		}
		if got := run(t, l.Client, "curl", "-sSf", "--max-time", "10", url+"/random/2097152"); got != want.String() {
			t.Errorf("%s: %d octets, not those expected", url, len(got))
		}
		if got := run(t, l.Client, "sh", "-c", "curl -sSf "+url+"/random/100000 | curl -sSf --data-binary @- "+url+"/sum"); got != sha256Hex(testnet.WebBody(100000))+"\n" {
			t.Errorf("%s: posted, sum %s", url, got)
		}
	}
}

func TestLabMail(t *testing.T) {
	testnet.CheckLeaks(t)
	l := newLab(t)
	mails := testnet.CleanMails(1)
	server, err := l.StartMailServer(t.Context(), testnet.Mailbox{User: "alice", Mails: mails}, testnet.Mailbox{User: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	direct, err := l.Router.FetchAll(t.Context(), netip.AddrPortFrom(testnet.MailIPv4, 110), "alice")
	if err != nil {
		t.Fatal(err)
	}
	if len(direct) != len(mails) {
		t.Fatalf("%d mails from the server, want %d", len(direct), len(mails))
	}
	for i, mail := range mails {
		// The server may end the last line; it must not otherwise be the one that changes a mail.
		got := bytes.TrimSuffix(direct[i].Data, []byte(".\r\n"))
		if want := stuffed(mail.Data); !bytes.Equal(got, want) && !bytes.Equal(got, append(want, "\r\n"...)) {
			t.Errorf("%s: %d octets went in, %d came out", mail.Kind, len(want), len(got))
		}
	}
	for _, address := range []netip.Addr{testnet.MailIPv4, testnet.MailIPv6} {
		got, err := l.Client.FetchAll(t.Context(), netip.AddrPortFrom(address, 110), "alice")
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(direct) {
			t.Fatalf("%s: %d mails, direct %d", address, len(got), len(direct))
		}
		for i := range got {
			if got[i].UIDL != direct[i].UIDL || !bytes.Equal(got[i].Data, direct[i].Data) {
				t.Errorf("%s: %s: UIDL %s, %d octets; direct %s, %d octets", address, mails[i].Kind,
					got[i].UIDL, len(got[i].Data), direct[i].UIDL, len(direct[i].Data))
			}
		}
	}
	if _, err := l.Client.FetchAll(t.Context(), netip.AddrPortFrom(testnet.MailIPv4, 110), "mallory"); !errors.Is(err, testnet.ErrReply) {
		t.Errorf("a user who does not exist: %v", err)
	}
	var logins []testnet.Login
	testnet.WaitFor(t, "three logins in the log", func() bool {
		if logins, err = server.Logins(); err != nil {
			t.Fatal(err)
		}
		return len(logins) >= 3
	})
	want := []testnet.Login{
		{User: "alice", Client: testnet.NATIPv4, Server: testnet.MailIPv4},
		{User: "alice", Client: testnet.NATIPv4, Server: testnet.MailIPv4},
		{User: "alice", Client: testnet.ClientIPv6, Server: testnet.MailIPv6},
	}
	want[0].Client = netip.MustParseAddr("203.0.113.1") // the router's own
	if !slices.Equal(logins, want) {
		t.Errorf("logins %v, want %v", logins, want)
	}
	sources, err := l.SourcesAtRouter(t.Context(), 110)
	if want := []netip.Addr{testnet.ClientIPv4, testnet.ClientIPv6}; err != nil || !slices.Equal(sources, want) {
		t.Errorf("the router saw %v, %v; want %v", sources, err, want)
	}
	if n, err := server.Count("alice"); n != len(mails) || err != nil {
		t.Errorf("%d mails left on the server, %v", n, err)
	}
	if err := server.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// A gateway that does not come up says why.
func TestGatewayThatEnds(t *testing.T) {
	testnet.CheckLeaks(t)
	l := testnet.NewLab(t)
	binary := filepath.Join(t.TempDir(), "gateway")
	if err := os.WriteFile(binary, []byte("#!/bin/sh\necho $0 $1 $2; cat $3; echo cannot >&2; exit 2\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := l.StartGateway(t.Context(), binary, l.GatewayConfig())
	if err == nil || !strings.Contains(err.Error(), "exit status 2") || !strings.Contains(err.Error(), "cannot") ||
		!strings.Contains(err.Error(), "bridge: br0") {
		t.Errorf("error %v", err)
	}
	if err := os.WriteFile(binary, []byte("#!/bin/sh\necho level=INFO msg=ready\nexec sleep 1000\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	g, err := l.StartGateway(t.Context(), binary, l.GatewayConfig())
	if err != nil {
		t.Fatal(err)
	}
	if log, err := g.Log(); err != nil || log != "level=INFO msg=ready\n" {
		t.Errorf("log of the second run %q, %v", log, err)
	}
	if err := g.Stop(t.Context()); err == nil || !strings.Contains(err.Error(), "signal: terminated") {
		t.Errorf("stop: %v", err)
	}
}

// uniqueName is a lab's name that no other run of these tests on this machine has. What a failed test leaves under it goes
// with the test.
func uniqueName(t *testing.T) string {
	name := fmt.Sprintf("t%08x", rand.Uint32())
	t.Cleanup(func() {
		if err := testnet.Down(context.Background(), name); err != nil {
			t.Error(err)
		}
	})
	return name
}

// needLab skips the test where no lab can be.
func needLab(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
}

func links(t *testing.T) []string {
	t.Helper()
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range interfaces {
		names = append(names, i.Name)
	}
	return names
}

func checkGone(t *testing.T, l *testnet.Lab) {
	t.Helper()
	checkNameGone(t, l.Name())
	if _, err := os.Stat(l.Folder()); err == nil {
		t.Errorf("%s is left", l.Folder())
	}
}

func checkNameGone(t *testing.T, name string) {
	t.Helper()
	for _, pattern := range []string{"/run/netns/mirrorgw-" + name + "-*", "/run/mirrorgw/lab-" + name + ".json", "/tmp/mirrorgw-lab-" + name} {
		if left, err := filepath.Glob(pattern); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	}
}
