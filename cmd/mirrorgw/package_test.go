package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mirrorgw/testnet"
)

// machineConfig is what a user writes.
const machineConfig = `device: {bridge: br0}
addresses: [192.168.1.2/24, "fd00:1::2/64"]
routers: [192.168.1.1, "fe80::1"]
`

// built returns a program as users get it: no test binary.
func built(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mirrorgw")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// debianPackage makes a package of a program, and returns its path.
func debianPackage(t *testing.T, program, version string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), packageTools+"deb.sh", program, version, t.TempDir())
	cmd.Env = append(os.Environ(), "DPKG_DEB_COMPRESSOR_TYPE=none")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	return strings.TrimSpace(string(out))
}

// traffic is what others have through the mirror: pings every 10 ms, and a TCP transfer that goes on until end.
type traffic struct {
	t     *testing.T
	pings map[string]*pinger
	last  context.CancelFunc // of the transfer
	sent  chan error         // nil: what came was what was sent
}

// startTraffic returns when all of it flows.
func startTraffic(t *testing.T, lab *testnet.Lab) *traffic {
	t.Helper()
	f := &traffic{t: t, sent: make(chan error, 1), pings: map[string]*pinger{
		"IPv4": startPinger(t, lab.Client, testnet.WebIPv4),
		"IPv6": startPinger(t, lab.Client, testnet.WebIPv6),
	}}
	var more context.Context
	more, f.last = context.WithCancel(t.Context())
	t.Cleanup(f.last)
	reader, writer := io.Pipe()
	sum, flows := sha256.New(), make(chan struct{})
	go func() { // ends with f.last, or with the transfer
		pace := time.NewTicker(2 * time.Millisecond)
		defer pace.Stop()
		for n := 0; more.Err() == nil; n++ {
			chunk := fmt.Appendf(nil, "%065536d", n)
			sum.Write(chunk)
			if _, err := writer.Write(chunk); err != nil {
				return
			}
			if n == 100 {
				close(flows)
			}
			<-pace.C
		}
		writer.Close()
	}()
	go func() { // ends with the transfer
		client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return lab.Client.Dial(ctx, "tcp", netip.AddrPortFrom(testnet.WebIPv4, 80))
			},
		}}
		f.sent <- func() error {
			defer reader.Close()
			answer, err := client.Post("http://"+testnet.WebIPv4.String()+"/sum", "application/octet-stream", reader)
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			got, err := io.ReadAll(answer.Body)
			if want := fmt.Sprintf("%x\n", sum.Sum(nil)); err == nil && string(got) != want {
				err = fmt.Errorf("sum %s, sent was %s", got, want)
			}
			return err
		}()
	}()
	select {
	case <-flows:
	case err := <-f.sent:
		t.Fatalf("the transfer: %v", err)
	}
	for _, p := range f.pings {
		p.waitAfter(t, time.Now())
	}
	return f
}

// check says what others saw since a moment: no pause above two seconds, and a transfer that is whole.
func (f *traffic) check(began time.Time) {
	f.t.Helper()
	now := time.Now()
	for family, p := range f.pings {
		p.waitAfter(f.t, now)
		pause, _ := p.since(began)
		f.t.Logf("%s: no answer for %s at most", family, pause)
		if pause > 2*time.Second {
			f.t.Errorf("%s: no answer for %s", family, pause)
		}
	}
	f.last()
	if err := <-f.sent; err != nil {
		f.t.Errorf("the transfer: %v", err)
	}
}

// fetchThrough has the client fetch a clean and an infected mail.
func fetchThrough(t *testing.T, lab *testnet.Lab) {
	t.Helper()
	got, err := lab.Client.FetchAll(t.Context(), netip.AddrPortFrom(testnet.MailIPv4, 110), "alice")
	if err != nil || len(got) != 2 || strings.Contains(string(got[0].Data), "[mirrorgw]") || !strings.Contains(string(got[1].Data), "Subject: [mirrorgw]") {
		t.Errorf("%d mails, %v", len(got), err)
	}
}

// waitRestart waits for another process of the gateway's than before, and returns it.
func waitRestart(m *machine, before string) string {
	m.t.Helper()
	pid := before
	testnet.WaitFor(m.t, "a new process", func() bool {
		pid = m.property("MainPID")
		return pid != before && pid != "0"
	})
	return pid
}

func waitActive(m *machine) {
	m.t.Helper()
	testnet.WaitFor(m.t, "the service to be active", func() bool { return m.try("systemctl is-active mirrorgw && mirrorgw status") == nil })
}

// TestPackage installs the Debian package on a machine with systemd and has it live: first start, upgrade, crash, removal.
func TestPackage(t *testing.T) {
	lab := testnet.NewLab(t)
	m := bootMachine(t, lab)
	if _, err := lab.StartMailServer(t.Context(), testnet.Mailbox{User: "alice", Mails: []testnet.Mail{testnet.CleanMails(1)[0], testnet.EICAR()}}); err != nil {
		t.Fatal(err)
	}
	web, err := lab.StartWebServer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer web.Close()
	program := built(t)
	for version, name := range map[string]string{"v1.0.0": "first.deb", "v1.1.0": "second.deb"} {
		path := debianPackage(t, program, version)
		if name == "first.deb" {
			cmd := exec.CommandContext(t.Context(), packageTools+"test.sh", path)
			cmd.Env = append(os.Environ(), "LINTIAN=") // it asks for more than this build is
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m.write("/root/"+name, string(content))
	}
	ifindex := func() string { return m.run("cat /sys/class/net/mirror0/ifindex") }

	// Each one begins where the one before has ended.
	step := func(name string, f func(t *testing.T)) {
		if !t.Failed() {
			t.Run(name, func(t *testing.T) {
				m.t = t
				f(t)
			})
		}
	}
	m.run("rm -f /var/lib/man-db/auto-update") // an index of the manual, which takes its time
	step("install", func(t *testing.T) {
		m.run("apt-get install --yes /root/first.deb")
		m.run("getent passwd mirrorgw && getent group mirrorgw && dpkg --verify mirrorgw")
		m.fails("systemctl is-enabled mirrorgw")
		m.fails("systemctl is-active mirrorgw")
		if said := m.fails("systemctl start mirrorgw"); !strings.Contains(said, "mirrorgw") || m.property("ActiveState") == "active" {
			t.Errorf("it starts without addresses: %s", said)
		}
		m.write("/etc/mirrorgw/mirrorgw.yaml", machineConfig)
		m.run("mirrorgw check")
		m.run("systemctl enable --now mirrorgw")
	})

	step("run", func(t *testing.T) {
		m.run("mirrorgw status")
		const none = "0000000000000000"
		status := m.status()
		for name, want := range map[string]string{"CapEff": none, "CapPrm": none, "CapInh": none, "CapBnd": none, "CapAmb": none, "NoNewPrivs": "1", "Seccomp": "2"} {
			if status[name] != want {
				t.Errorf("%s is %q, not %q", name, status[name], want)
			}
		}
		if user := m.run("ps -o user= -p " + m.property("MainPID")); user != "mirrorgw" {
			t.Errorf("it runs as %s", user)
		}
		if limit := m.property("WatchdogUSec"); limit != "20s" {
			t.Errorf("the watchdog waits %s", limit)
		}
		m.run("systemd-analyze security --no-pager --threshold=20 mirrorgw")
		if mode := m.run("stat -c '%a %G' /dev/net/tun"); mode != "660 mirrorgw" {
			t.Errorf("/dev/net/tun is %s", mode)
		}
		fetchThrough(t, lab)
		m.run("systemctl reload mirrorgw")
		m.run("mirrorgw reload && mirrorgw quarantine list | grep -i eicar")
		if log := m.run("journalctl --unit mirrorgw"); !strings.Contains(log, "msg=message") || strings.Contains(log, "level=ERROR") {
			t.Errorf("the journal: %s", log)
		}
	})

	step("upgrade", func(t *testing.T) {
		f, began, index, pid := startTraffic(t, lab), time.Now(), ifindex(), m.property("MainPID")
		m.run("apt-get install --yes /root/second.deb")
		waitActive(m)
		f.check(began)
		if now := ifindex(); now != index {
			t.Errorf("the TAP's index was %s and is %s", index, now)
		}
		if m.property("MainPID") == pid || m.run("dpkg-query -W -f '${Version}' mirrorgw") != "1.1.0" {
			t.Error("the program before is still there")
		}
		if kept := m.run("cat /etc/mirrorgw/mirrorgw.yaml"); kept+"\n" != machineConfig {
			t.Errorf("the configuration is %s", kept)
		}
		fetchThrough(t, lab)
	})

	step("kill -9", func(t *testing.T) {
		f, began, index, pid := startTraffic(t, lab), time.Now(), ifindex(), m.property("MainPID")
		m.run("systemctl kill --kill-whom=main --signal=KILL mirrorgw")
		killed := time.Now()
		waitRestart(m, pid)
		if took := time.Since(killed); took > time.Second {
			t.Errorf("started again after %s", took)
		} else {
			t.Logf("started again after %s", took)
		}
		waitActive(m)
		f.check(began)
		if now := ifindex(); now != index {
			t.Errorf("the TAP's index was %s and is %s", index, now)
		}
	})

	// What Go makes of a crash, and a process that hangs: neither may pass for a wrong configuration.
	step("crash", func(t *testing.T) {
		pid := m.property("MainPID")
		m.run("systemctl kill --kill-whom=main --signal=SEGV mirrorgw")
		waitRestart(m, pid)
		waitActive(m)
	})
	step("hang", func(t *testing.T) {
		m.run("mkdir -p /run/systemd/system/mirrorgw.service.d")
		m.write("/run/systemd/system/mirrorgw.service.d/soon.conf", "[Service]\nWatchdogSec=2\n")
		m.run("systemctl daemon-reload && systemctl restart mirrorgw")
		pid := m.property("MainPID")
		m.run("systemctl kill --kill-whom=main --signal=STOP mirrorgw")
		waitRestart(m, pid)
		waitActive(m)
		m.run("rm -r /run/systemd/system/mirrorgw.service.d && systemctl daemon-reload && systemctl restart mirrorgw")
	})

	step("wrong configuration", func(t *testing.T) {
		m.write("/etc/mirrorgw/mirrorgw.yaml", machineConfig+"nonsense: 1\n")
		m.fails("systemctl restart mirrorgw")
		if state := m.property("ActiveState"); state != "failed" {
			t.Errorf("it is %s", state)
		}
		m.run("journalctl --unit mirrorgw | grep mirrorgw.yaml:4:1:")
		m.write("/etc/mirrorgw/mirrorgw.yaml", machineConfig)
		m.run("systemctl start mirrorgw")
	})

	step("remove", func(t *testing.T) {
		m.run("apt-get remove --yes mirrorgw")
		m.run("test ! -e /sys/class/net/mirror0 && test -e /etc/mirrorgw/mirrorgw.yaml && test -e /var/lib/mirrorgw/quarantine && ! pgrep -x mirrorgw")
		m.run("dpkg -i /root/second.deb") // what was enabled runs again
		waitActive(m)
		if said := m.run("dpkg --purge mirrorgw"); !strings.Contains(said, "is kept in /var/lib/mirrorgw/quarantine") {
			t.Errorf("the mail in quarantine is gone: %s", said)
		}
		m.run("mkdir -p /etc/mirrorgw")
		m.write("/etc/mirrorgw/mirrorgw.yaml", machineConfig) // before the package comes, as the README goes
		m.run("dpkg -i /root/second.deb </dev/null && mirrorgw check && mirrorgw quarantine delete $(ls /var/lib/mirrorgw/quarantine) && dpkg --purge mirrorgw")
		m.run("test ! -e /sys/class/net/mirror0")
		if left := m.run("find /etc /usr /var/lib /run -name '*mirrorgw*'"); left != "" {
			t.Errorf("left behind: %s", left)
		}
	})

	step("make install", func(t *testing.T) {
		install := func(what string) string {
			cmd := exec.CommandContext(t.Context(), packageTools+"install.sh", what)
			cmd.Env = append(os.Environ(), "DESTDIR="+m.path(""), "PREFIX=/usr/local")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			return string(out)
		}
		m.run("touch /root/before")
		install(program)
		m.run("systemd-sysusers && systemctl daemon-reload")
		m.write("/etc/mirrorgw/mirrorgw.yaml", machineConfig)
		install(program)
		m.run("systemctl enable --now mirrorgw && mirrorgw status")
		fetchThrough(t, lab)
		m.run("systemctl disable --now mirrorgw mirrorgw-device")
		install("--remove")
		m.run("systemctl daemon-reload && test ! -e /sys/class/net/mirror0 && systemctl is-system-running")
		if left := m.run("find /etc /usr/local /run -newer /root/before -type f -name '*mirrorgw*'"); left != "/etc/mirrorgw/mirrorgw.yaml" {
			t.Errorf("left behind: %s", left)
		}
	})
}
