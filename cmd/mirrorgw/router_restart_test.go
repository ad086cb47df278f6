package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket/layers"

	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/testnet"
)

// pinger pings from the client every 10 ms and remembers when each answer came.
type pinger struct {
	cmd  *exec.Cmd
	done chan struct{}

	mu      sync.Mutex
	answers []time.Time // guarded by mu
}

var pingAnswer = regexp.MustCompile(`^\[(\d+)\.(\d+)\] \d+ bytes from `)

// startPinger pings until the test ends.
func startPinger(t *testing.T, h *testnet.Host, to netip.Addr) *pinger {
	t.Helper()
	p := &pinger{cmd: h.Command(t.Context(), "ping", "-n", "-D", "-i", "0.01", to.String()), done: make(chan struct{})}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with ping, which is killed below
		defer close(p.done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			m := pingAnswer.FindStringSubmatch(lines.Text())
			if m == nil {
				continue
			}
			seconds, _ := strconv.ParseInt(m[1], 10, 64) // digits, as the expression has them
			micros, _ := strconv.ParseInt(m[2], 10, 64)
			p.mu.Lock()
			p.answers = append(p.answers, time.Unix(seconds, micros*1000))
			p.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.done
		_ = p.cmd.Wait() // killed
	})
	return p
}

// since returns the longest time without an answer after a moment, and the last answer.
func (p *pinger) since(began time.Time) (pause time.Duration, last time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last = began
	for _, at := range p.answers {
		if at.After(last) {
			pause, last = max(pause, at.Sub(last)), at
		}
	}
	return pause, last
}

// waitAfter waits for an answer that came after a moment.
func (p *pinger) waitAfter(t *testing.T, moment time.Time) {
	t.Helper()
	testnet.WaitFor(t, "an answer to a ping", func() bool {
		_, last := p.since(moment)
		return last.After(moment)
	})
}

// TestRouterC17Restart: over kill -9 and the next start, others' traffic pauses for two seconds at most (requirement C17), and over
// SIGTERM it goes on until the process ends (C12).
func TestRouterC17Restart(t *testing.T) {
	l := newBareRouterLab(t)
	shell(t, l.Mirror, "ip tuntap add mirror0 mode tap multi_queue vnet_hdr")
	l.start(nil)
	for name, server := range map[string]netip.Addr{"IPv4": testnet.WebIPv4, "IPv6": testnet.WebIPv6} {
		t.Run("kill -9, "+name, func(t *testing.T) {
			pings := startPinger(t, l.Client, server)
			pings.waitAfter(t, time.Now())
			began := time.Now()
			if err := l.gateway.Kill(); err != nil {
				t.Fatal(err)
			}
			l := &routerLab{Lab: l.Lab, t: t}
			g, err := l.StartGateway(t.Context(), product(t), l.config(nil))
			if err != nil {
				t.Fatal(err)
			}
			l.gateway = g
			ready := time.Now()
			pings.waitAfter(t, ready)
			pause, _ := pings.since(began)
			t.Logf("no answer for %s; ready after %s", pause, ready.Sub(began))
			if pause > 2*time.Second {
				t.Errorf("no answer for %s", pause)
			}
			if err := g.Kill(); err != nil {
				t.Fatal(err)
			}
		})
		l.start(nil)
	}

	t.Run("SIGTERM", func(t *testing.T) {
		at, err := l.Internet.Listen(t.Context(), netip.AddrPortFrom(testnet.MailIPv4, 110))
		if err != nil {
			t.Fatal(err)
		}
		defer at.Close()
		session, err := l.Client.Dial(t.Context(), "tcp", netip.AddrPortFrom(testnet.MailIPv4, 110))
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		server, err := at.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		// In the middle of a mail: this session is waited for.
		buf := make([]byte, 512)
		for _, line := range []struct {
			from, to net.Conn
			text     string
		}{{server, session, "+OK\r\n"}, {session, server, "RETR 1\r\n"}, {server, nil, "+OK\r\nSubject: long\r\n"}} {
			if _, err := line.from.Write([]byte(line.text)); err != nil {
				t.Fatal(err)
			}
			if line.to == nil {
				continue
			}
			if n, err := line.to.Read(buf); err != nil || !bytes.Contains(buf[:n], []byte(line.text)) {
				t.Fatalf("%q, %v", buf[:n], err)
			}
		}
		pings := startPinger(t, l.Client, testnet.WebIPv4)
		pings.waitAfter(t, time.Now())
		began := time.Now()
		if err := l.gateway.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		testnet.WaitFor(t, "the gateway to drain", func() bool {
			s, err := control.Fetch(t.Context(), l.ControlSocket())
			return err == nil && s.Health == control.Draining
		})
		pings.waitAfter(t, time.Now().Add(300*time.Millisecond))
		if _, err := fmt.Fprint(server, "\r\nend\r\n.\r\n"); err != nil {
			t.Fatal(err)
		}
		select {
		case <-l.gateway.Done():
		case <-time.After(10 * time.Second):
			t.Fatal("the gateway does not end")
		}
		ended := time.Now()
		pause, last := pings.since(began)
		t.Logf("drained for %s, longest pause %s, last answer %s before the end", ended.Sub(began), pause, ended.Sub(last))
		// A ping every 10 ms; the bound leaves room for a busy machine.
		if pause > 200*time.Millisecond || ended.Sub(last) > 200*time.Millisecond {
			t.Errorf("forwarding paused for %s while draining, and ended %s before the process", pause, ended.Sub(last))
		}
	})
}

// TestRouterC10LinkFlaps: the TAP goes down and up 12 times, and with MIRRORGW_SOAK set 60 times, under as much load as one sender can
// make. The gateway stays, and forwards again within a second of each.
func TestRouterC10LinkFlaps(t *testing.T) {
	const loadPort, probePort = 40001, 40002
	flaps := 12
	if os.Getenv(soak) != "" {
		flaps = 60
	}
	l := newRouterLab(t, nil)
	// The kernel counts what arrives: a program would not keep up with the load.
	arrived, err := l.Internet.CountUDP(t.Context(), probePort)
	if err != nil {
		t.Fatal(err)
	}
	count := func() int {
		n, err := arrived.Count(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	carried, err := l.Internet.CountUDP(t.Context(), loadPort)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	type load struct {
		testnet.UDPLoadResult
		err error
	}
	loaded := make(chan load, 1)
	go func() { // ends with ctx
		r, err := testnet.UDPLoad{To: netip.AddrPortFrom(testnet.WebIPv4, loadPort), Size: 1372, Time: time.Hour}.Run(ctx, l.Client)
		loaded <- load{r, err}
	}()
	defer stop()
	forwarded := l.status().Frames.Forwarded
	testnet.WaitFor(t, "the load", func() bool { return l.status().Frames.Forwarded > forwarded+10_000 })

	probe := frame(l.client.MAC, mirrorMAC, ipOf(testnet.ClientIPv4, testnet.WebIPv4, layers.IPProtocolUDP, 64), &layers.UDP{SrcPort: probePort, DstPort: probePort})
	var slowest time.Duration
	before := l.status()
	for flap := range flaps {
		shell(t, l.Mirror, "ip link set mirror0 down; sleep 0.1")
		known := count()
		shell(t, l.Mirror, "ip link set mirror0 up")
		began := time.Now()
		err := poll(t, 5*time.Second, func() bool {
			l.send(l.client, probe)
			return count() > known
		})
		took := time.Since(began)
		slowest = max(slowest, took)
		if err != nil || took > time.Second {
			t.Errorf("flap %d: forwarding again after %s, %v", flap, took, err)
		}
		select {
		case <-l.gateway.Done():
			t.Fatalf("the gateway ended at flap %d", flap)
		default:
		}
	}
	after := l.status()
	stop()
	done := <-loaded
	if !errors.Is(done.err, context.Canceled) {
		t.Errorf("the load: %v", done.err)
	}
	got, err := carried.Settled(t.Context())
	t.Logf("%d flaps, slowest recovery %s, under %.0f datagrams a second, of which %d of %d arrived, %v; %s",
		flaps, slowest, float64(done.Sent)/done.Took.Seconds(), got, done.Sent, err, difference(before, after))
	// The gateway itself is back too, over IPv6 and a bridge that learns groups.
	shell(t, l.Client, "ip -6 neigh flush dev eth0; ip neigh flush dev eth0")
	testnet.WaitFor(t, "the gateway to answer", func() bool {
		_, err := l.Client.Output(t.Context(), "sh", "-c", "ping -c1 -W1 "+testnet.GatewayIPv4.String()+" && ping -c1 -W1 "+testnet.GatewayIPv6.String())
		return err == nil
	})
}
