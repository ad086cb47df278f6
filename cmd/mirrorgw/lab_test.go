package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/testnet"
)

// product returns the path of a program that is the product: this test binary, told to be it.
func product(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// startGateway runs the product on the lab's mirror until the test ends.
func startGateway(t *testing.T, lab *testnet.Lab, yaml string) *testnet.Gateway {
	t.Helper()
	return startProgram(t, lab, product(t), yaml)
}

// startProgram runs a program that is the product, or becomes it, on the lab's mirror until the test ends.
func startProgram(t *testing.T, lab *testnet.Lab, program, yaml string) *testnet.Gateway {
	t.Helper()
	g, err := lab.StartGateway(t.Context(), program, yaml)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := g.Log()
			t.Logf("the gateway's log ends:\n%s", log[max(0, len(log)-4000):])
		}
		select {
		case <-g.Done():
		default:
			if err := g.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	return g
}

// shell runs a command line on a host.
func shell(t *testing.T, h *testnet.Host, line string) string {
	t.Helper()
	out, err := h.Output(t.Context(), "sh", "-c", line)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return string(out)
}

// TestDemo has the product tell its story. It is the acceptance test of whatever the table shows.
func TestDemo(t *testing.T) {
	t.Parallel()
	testnet.NewLab(t) // skips where there can be none
	name := fmt.Sprintf("t%d", os.Getpid())
	cmd := exec.CommandContext(t.Context(), product(t), "lab", "demo", "--name", name)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if n := bytes.Count(out, []byte(" ok\n")); n < 20 {
		t.Errorf("%d lines hold\n%s", n, out)
	}
	if _, err := testnet.Load(name); !errors.Is(err, testnet.ErrNoLab) {
		t.Errorf("the demonstration's lab is still there: %v", err)
	}
}

// TestPersistentDeviceOutlivesKills runs the gateway on one persistent TAP with offload, without, and with it again, each
// killed in its tracks.
func TestPersistentDeviceOutlivesKills(t *testing.T) {
	t.Parallel()
	lab := testnet.NewLab(t)
	mails := []testnet.Mail{testnet.CleanMails(1)[0], testnet.EICAR()}
	if _, err := lab.StartMailServer(t.Context(), testnet.Mailbox{User: "alice", Mails: mails}); err != nil {
		t.Fatal(err)
	}
	shell(t, lab.Mirror, "ip tuntap add mirror0 mode tap multi_queue vnet_hdr")
	for _, offload := range []string{"on", "off", "on"} {
		yaml := strings.Replace(lab.GatewayConfig(), "bridge: br0", "bridge: br0, offload: "+offload, 1)
		g := startGateway(t, lab, yaml)
		for _, server := range []netip.Addr{testnet.MailIPv4, testnet.MailIPv6} {
			got, err := lab.Client.FetchAll(t.Context(), netip.AddrPortFrom(server, 110), "alice")
			if err != nil || len(got) != 2 || !bytes.Contains(got[1].Data, []byte("Subject: [mirrorgw]")) {
				t.Fatalf("offload %s: %d mails from %s, %v", offload, len(got), server, err)
			}
		}
		shell(t, lab.Client, "ping -c1 -W2 "+testnet.WebIPv4.String()+" && ping -c1 -W2 "+testnet.WebIPv6.String())
		if err := g.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-g.Done()
		if out := shell(t, lab.Mirror, "ip -br link show mirror0"); !strings.HasPrefix(out, "mirror0 ") {
			t.Fatalf("the persistent TAP is gone: %s", out)
		}
	}
}

// TestBadStarts: what keeps the gateway from starting is said in one line, and nothing half-made stays.
func TestBadStarts(t *testing.T) {
	t.Parallel()
	lab := testnet.NewLab(t)
	config := lab.GatewayConfig()
	broken := write(t, "broken.yar", "rule broken {\n  condition: nonsense\n}\n")
	tests := []struct {
		name   string
		before string // runs on the mirror
		after  string // undoes it
		yaml   string
		code   int
		want   string
	}{
		{"bridge missing", "", "", strings.Replace(config, "br0", "br9", 1), 1, "bridge br9 does not exist"},
		{"name taken", "ip link add mirror0 type bridge", "ip link del mirror0", config, 1, "an interface of kind bridge has this name"},
		{"address in use, IPv4", "ip addr add 192.168.1.2/24 dev br0", "ip addr del 192.168.1.2/24 dev br0", config, 1, "address 192.168.1.2 is in use by the machine with MAC"},
		{"address in use, IPv6", "ip addr add fd00:1::2/64 dev br0 nodad", "ip addr del fd00:1::2/64 dev br0", config, 1, "address fd00:1::2 is in use"},
		{"broken rules", "", "", config + "scan: {yara: {rules: [" + broken + "]}}\n", 2, broken + ":2: "},
		{"missing rules", "", "", config + "scan: {yara: {rules: [/nowhere.yar]}}\n", 2, "/nowhere.yar: no such file"},
		{"unknown key", "", "", config + "metrix: {}\n", 2, ":6:1: "},
		{"no such prefix", "", "", strings.Replace(config, "/24", "/33", 1), 2, ":2:13: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.before != "" {
				shell(t, lab.Mirror, test.before)
				defer shell(t, lab.Mirror, test.after)
			}
			path := write(t, "mirrorgw.yaml", test.yaml)
			cmd := lab.Mirror.Command(t.Context(), product(t), "run", "-c", path)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			err := cmd.Run()
			exit, ok := errors.AsType[*exec.ExitError](err)
			if !ok || exit.ExitCode() != test.code {
				t.Errorf("ended with %v, not %d", err, test.code)
			}
			lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
			if last := lines[len(lines)-1]; !strings.Contains(last, test.want) {
				t.Errorf("the last of %d lines is %q, not %q", len(lines), last, test.want)
			}
			if test.name != "name taken" && strings.Contains(shell(t, lab.Mirror, "ip -br link"), "mirror0") {
				t.Error("the device is still there")
			}
			if _, err := os.Stat(lab.ControlSocket()); err == nil {
				t.Error("the control socket is still there")
			}
		})
	}
}

func TestSecondGatewayFindsTheDeviceBusy(t *testing.T) {
	lab := testnet.NewLab(t)
	startGateway(t, lab, lab.GatewayConfig())
	yaml := strings.NewReplacer(lab.ControlSocket(), t.TempDir()+"/ctl", lab.QuarantineFolder(), t.TempDir()).Replace(lab.GatewayConfig()) + "metrics: {listen: ''}\n"
	cmd := lab.Mirror.Command(t.Context(), product(t), "run", "-c", write(t, "second.yaml", yaml))
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 || !strings.Contains(string(out), "mirror0: in use by another process") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestDrain: on SIGTERM a mail on its way still arrives, a new session is refused, other traffic goes on, and the exit code
// is 0.
func TestDrain(t *testing.T) {
	lab := testnet.NewLab(t)
	g := startGateway(t, lab, lab.GatewayConfig())
	l, err := lab.Internet.Listen(t.Context(), netip.AddrPortFrom(testnet.MailIPv4, 110))
	if err != nil {
		t.Fatal(err)
	}
	halfway, goOn := make(chan struct{}), make(chan struct{})
	served := make(chan error, 1)
	go func() { // ends with its one session, which the lab's end would cut
		served <- func() error {
			c, err := l.Accept()
			if err != nil {
				return err
			}
			l.Close()
			defer c.Close()
			if _, err := io.WriteString(c, "+OK\r\n"); err != nil {
				return err
			}
			if _, err := c.Read(make([]byte, 100)); err != nil {
				return err
			}
			if _, err := io.WriteString(c, "+OK 21 octets\r\nSubject: slow\r\n"); err != nil {
				return err
			}
			close(halfway)
			<-goOn
			_, err = io.WriteString(c, "\r\nhello\r\n.\r\n")
			if _, end := c.Read(make([]byte, 1)); err == nil && end == nil {
				return errors.New("the gateway sent something of its own")
			}
			return err
		}()
	}()
	c, err := lab.Client.Dial(t.Context(), "tcp", netip.AddrPortFrom(testnet.MailIPv4, 110))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "RETR 1\r\n"); err != nil {
		t.Fatal(err)
	}
	<-halfway
	if err := g.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	testnet.WaitFor(t, "the gateway to drain", func() bool {
		s, err := control.Fetch(t.Context(), lab.ControlSocket())
		return err == nil && s.Health == control.Draining
	})
	if late, err := lab.Client.Dial(t.Context(), "tcp", netip.AddrPortFrom(testnet.MailIPv4, 110)); !errors.Is(err, syscall.ECONNREFUSED) {
		if err == nil {
			late.Close()
		}
		t.Errorf("a new session while draining: %v", err)
	}
	shell(t, lab.Client, "ping -c1 -W2 "+testnet.WebIPv4.String())
	close(goOn)
	want := "+OK\r\n+OK 21 octets\r\nSubject: slow\r\n\r\nhello\r\n.\r\n"
	if got, err := io.ReadAll(c); string(got) != want || err != nil {
		t.Errorf("the client got %q, %v", got, err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	<-g.Done()
	if err := g.Stop(t.Context()); err != nil { // says how it ended
		t.Error(err)
	}
}

// TestRefusedAndSilentServers: a closed port looks closed and a dead host dead, through the mirror as without it.
func TestRefusedAndSilentServers(t *testing.T) {
	t.Parallel()
	lab := testnet.NewLab(t)
	startGateway(t, lab, lab.GatewayConfig())
	for _, server := range []netip.Addr{testnet.MailIPv4, testnet.MailIPv6} {
		if c, err := lab.Client.Dial(t.Context(), "tcp", netip.AddrPortFrom(server, 110)); !errors.Is(err, syscall.ECONNREFUSED) {
			if err == nil {
				c.Close()
			}
			t.Errorf("%s with nobody listening: %v", server, err)
		}
	}
	shell(t, lab.Internet, "nft add table inet deaf && nft 'add chain inet deaf in { type filter hook input priority 0; }' && nft add rule inet deaf in tcp dport 110 drop")
	for _, server := range []netip.Addr{testnet.MailIPv4, testnet.MailIPv6} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		c, err := lab.Client.Dial(ctx, "tcp", netip.AddrPortFrom(server, 110))
		cancel()
		if err == nil {
			c.Close()
		}
		if ne, ok := errors.AsType[net.Error](err); !ok || !ne.Timeout() {
			t.Errorf("%s behind a wall: %v", server, err)
		}
	}
}

// TestStatusOfTheProduct asks a running gateway over its socket, as a user does.
func TestStatusOfTheProduct(t *testing.T) {
	lab := testnet.NewLab(t)
	g := startGateway(t, lab, lab.GatewayConfig())
	mails := []testnet.Mail{testnet.CleanMails(1)[0], testnet.EICAR()}
	if _, err := lab.StartMailServer(t.Context(), testnet.Mailbox{User: "alice", Mails: mails}); err != nil {
		t.Fatal(err)
	}
	if _, err := lab.Client.FetchAll(t.Context(), netip.AddrPortFrom(testnet.MailIPv4, 110), "alice"); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := call(t, rooms{}, "status", "-c", g.Config)
	if code != exitDone || !strings.Contains(stdout, "clean 1  infected 1  unscannable 0") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	s, err := control.Fetch(t.Context(), lab.ControlSocket())
	if err != nil {
		t.Fatal(err)
	}
	if s.Quarantine.Count != 1 || s.Flows.Total != 1 || s.Frames.Punted == 0 || len(s.Engines) != 1 || s.Engines[0].State != "ok" {
		t.Errorf("%+v", s)
	}
	for room, name := range map[string]string{"frames": "punted_intercept", "flows": "dialled", "messages": "replaced", "pop3": "delivered"} {
		if s.Events[room][name] == 0 {
			t.Errorf("events.%s.%s is not counted: %v", room, name, s.Events[room])
		}
	}
	log := wantLogged(t, g, `msg=message`, `verdict=infected action=replace`, `verdict=clean action=deliver`, `msg="flow ended"`)
	if strings.Contains(log, testnet.Password) {
		t.Error("the log holds a password")
	}
	if info, err := os.Stat(filepath.Dir(lab.QuarantineFolder())); err != nil || !info.IsDir() {
		t.Error(err)
	}
}

// wantLogged waits until the log says all of what is wanted, and returns it.
func wantLogged(t *testing.T, g *testnet.Gateway, wanted ...string) (log string) {
	t.Helper()
	for _, want := range wanted {
		testnet.WaitFor(t, want+" in the log", func() bool {
			var err error
			if log, err = g.Log(); err != nil {
				t.Fatal(err)
			}
			return strings.Contains(log, want)
		})
	}
	return log
}
