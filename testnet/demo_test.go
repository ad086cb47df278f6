package testnet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"mirrorgw/testnet"
)

// standIn has the kernel forward in the gateway's place: it passes everything and replaces nothing.
const standIn = `#!/bin/sh
ip address add 192.168.1.2/24 dev br0
ip address add fd00:1::2/64 dev br0 nodad
ip route add default via 192.168.1.1
ip route add default via fd00:1::1
echo 0 > /proc/sys/net/ipv4/icmp_ratelimit
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
echo 'level=INFO msg=ready'
trap 'exit 0' TERM
while :; do sleep 0.1; done
`

// TestMain lets this test binary be the web server that Furnish starts: "BINARY lab serve NAME".
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "lab" && os.Args[2] == "serve" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		l, err := testnet.Load(os.Args[3])
		if err == nil {
			err = l.ServeWeb(ctx)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// A furnished lab is one to play with after the process that made it has gone.
func TestFurnish(t *testing.T) {
	testnet.CheckLeaks(t)
	l := testnet.NewLab(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "standin")
	script := strings.Replace(standIn, "#!/bin/sh\n", "#!/bin/sh\n[ $1 = run ] || exec "+self+" \"$@\"\n", 1)
	if err := os.WriteFile(binary, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := l.Furnish(t.Context(), binary); err != nil {
		t.Fatal(err)
	}
	l, err = testnet.Load(l.Name())
	if err != nil {
		t.Fatal(err)
	}
	if got := run(t, l.Client, "curl", "-sSf", "--max-time", "10", "http://198.51.100.80"); strings.TrimSpace(got) != testnet.NATIPv4.String() {
		t.Errorf("web server saw %q", got)
	}
	mails, err := l.Client.FetchAll(t.Context(), netip.AddrPortFrom(testnet.MailIPv4, 110), "alice")
	if err != nil || len(mails) < 41 {
		t.Errorf("%d mails, %v", len(mails), err)
	}
}

// The demonstration, told of a gateway that is none: the lines about mail and about the kernel do not hold, all others do.
func TestDemoTellsAMirrorFromARouter(t *testing.T) {
	testnet.CheckLeaks(t)
	needLab(t)
	binary := filepath.Join(t.TempDir(), "standin")
	if err := os.WriteFile(binary, []byte(standIn), 0o755); err != nil {
		t.Fatal(err)
	}
	var out, progress bytes.Buffer
	name := uniqueName(t)
	err := testnet.Demo(t.Context(), testnet.DemoConfig{Name: name, Binary: binary, Out: &out, Progress: &progress})
	if errors.Is(err, testnet.ErrUnable) {
		t.Skip(err)
	}
	t.Logf("%s\n%s", &progress, &out)
	if !errors.Is(err, testnet.ErrDemo) {
		t.Errorf("error %v", err)
	}
	table, _, _ := strings.Cut(out.String(), "\n\n")
	fails := regexp.MustCompile(`EICAR|clamav-testfiles|mail server's peer|mirror: net\.`)
	for line := range strings.Lines(table) {
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "LINE"):
		case fails.MatchString(line) != strings.HasSuffix(line, "FAIL"):
			t.Errorf("unexpected: %s", line)
		}
	}
	if n := strings.Count(table, "\n"); n < 20 {
		t.Errorf("a table of %d lines", n)
	}
	checkNameGone(t, name)
}

// Whenever the user has enough of it, nothing is left.
func TestDemoInterrupted(t *testing.T) {
	testnet.CheckLeaks(t)
	needLab(t)
	binary := filepath.Join(t.TempDir(), "standin")
	if err := os.WriteFile(binary, []byte(standIn), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, after := range []time.Duration{0, 50 * time.Millisecond, 600 * time.Millisecond, 1500 * time.Millisecond} {
		name := uniqueName(t)
		ctx, cancel := context.WithTimeout(t.Context(), after)
		err := testnet.Demo(ctx, testnet.DemoConfig{Name: name, Binary: binary, Out: new(bytes.Buffer)})
		cancel()
		if err == nil || errors.Is(err, testnet.ErrDemo) {
			t.Errorf("after %s: %v", after, err)
		}
		t.Logf("after %s: %v", after, err)
		checkNameGone(t, name)
	}
}
