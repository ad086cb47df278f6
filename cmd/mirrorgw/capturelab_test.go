package main

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/testnet"
)

// captureRun is `mirrorgw capture` at work beside a gateway.
type captureRun struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
}

// startCapture starts the product's capture command and waits until the gateway captures. Standard output is wherever out is.
func startCapture(t *testing.T, lab *testnet.Lab, g *testnet.Gateway, out *os.File, args ...string) *captureRun {
	t.Helper()
	before := captures(t, lab)["captures"]
	r := &captureRun{cmd: exec.CommandContext(t.Context(), product(t), append([]string{"capture", "-c", g.Config}, args...)...)}
	r.cmd.Stderr = &r.stderr
	if out != nil { // or it would be no nil io.Writer
		r.cmd.Stdout = out
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	testnet.WaitFor(t, "the capture to begin", func() bool { return captures(t, lab)["captures"] > before })
	return r
}

// captures is what the gateway counts of captures.
func captures(t *testing.T, lab *testnet.Lab) map[string]uint64 {
	t.Helper()
	s, err := control.Fetch(t.Context(), lab.ControlSocket())
	if err != nil {
		t.Fatal(err)
	}
	return s.Events["capture"]
}

// interrupt ends the capture as ctrl-C does or, since it signals more than once, timeout(1). It returns how many frames were
// captured, by the capture's own word.
func (r *captureRun) interrupt(t *testing.T, g *testnet.Gateway) int {
	t.Helper()
	if err := g.Signal(syscall.SIGSTOP); err != nil { // so that the capture cannot end before all signals are there
		t.Fatal(err)
	}
	signals := 0
	testnet.WaitFor(t, "some signals, one by one", func() bool {
		signals++
		return r.cmd.Process.Signal(syscall.SIGINT) != nil || signals == 5
	})
	if err := g.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("capture ended with %v: %s", err, &r.stderr)
	}
	return r.frames(t)
}

func (r *captureRun) frames(t *testing.T) int {
	t.Helper()
	match := regexp.MustCompile(`^mirrorgw: (\d+) frames captured, 0 dropped\n$`).FindStringSubmatch(r.stderr.String())
	if match == nil {
		t.Fatalf("capture said %q", &r.stderr)
	}
	n, err := strconv.Atoi(match[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// tcpdump reads a file with other eyes than ours.
func tcpdump(t *testing.T, file string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "tcpdump", append([]string{"-nn", "-tt", "-r", file}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tcpdump: %v: %s", err, &stderr)
	}
	return string(out)
}

// framesOf returns what tcpdump says about each frame of a file.
func framesOf(t *testing.T, file string) []string {
	t.Helper()
	var frames []string
	for line := range strings.Lines(tcpdump(t, file, "-v")) {
		if len(frames) > 0 && (line[0] == ' ' || line[0] == '\t') { // goes on
			frames[len(frames)-1] += line
			continue
		}
		frames = append(frames, line)
	}
	return frames
}

// TestCapture has mail fetched while `capture` writes a file, which tcpdump then reads: handshakes, dialogue and checksums are as on
// a wire, on both legs of the session.
func TestCapture(t *testing.T) {
	t.Parallel()
	lab := testnet.NewLab(t)
	mails := []testnet.Mail{testnet.CleanMails(1)[0], testnet.EICAR()}
	if _, err := lab.StartMailServer(t.Context(), testnet.Mailbox{User: "alice", Mails: mails}); err != nil {
		t.Fatal(err)
	}
	g := startGateway(t, lab, lab.GatewayConfig())
	for _, server := range []netip.Addr{testnet.MailIPv4, testnet.MailIPv6} {
		t.Run(server.String(), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "mail.pcapng")
			r := startCapture(t, lab, g, nil, "-w", file, "punted", "and", "host", server.String())
			url := "pop3://" + netip.AddrPortFrom(server, 110).String() + "/1"
			shell(t, lab.Client, "curl -sSgf --max-time 20 -u 'alice:"+testnet.Password+"' '"+url+"' >/dev/null")
			shell(t, lab.Client, "ping -c1 -W2 "+server.String()) // is forwarded, and so not captured
			n := r.interrupt(t, g)

			if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
				t.Errorf("the file: %v, %v", info.Mode(), err)
			}
			frames := framesOf(t, file)
			if len(frames) != n || n < 20 {
				t.Errorf("%d frames in the file, %d said", len(frames), n)
			}
			last := ""
			for _, f := range frames {
				now, _, _ := strings.Cut(f, " ")
				if now < last { // both have as many digits
					t.Errorf("time goes from %s back to %s", last, now)
				}
				last = now
				if !strings.Contains(f, "(correct)") {
					t.Errorf("no correct checksum: %s", f)
				}
			}
			all := strings.Join(frames, "")
			client, gateway := testnet.ClientIPv4, testnet.GatewayIPv4
			if server.Is6() {
				client, gateway = testnet.ClientIPv6, testnet.GatewayIPv6
			}
			find(t, all, // in the order in which the gateway does it
				client.String()+`\.\d+ > `+server.String()+`\.110: Flags \[S\]`,
				gateway.String()+`\.\d+ > `+server.String()+`\.110: Flags \[S\]`,
				server.String()+`\.110 > `+gateway.String()+`\.\d+: Flags \[S\.\]`,
				server.String()+`\.110 > `+client.String()+`\.\d+: Flags \[S\.\]`,
				`Flags \[F\.\]`)
			find(t, tcpdump(t, file, "-A"), `\+OK`, `CAPA`, `AUTH PLAIN`, `RETR 1`, `\nSubject: `, `QUIT`)
			if strings.Contains(all, "ICMP") {
				t.Error("a forwarded frame was captured")
			}
		})
	}
	if c := captures(t, lab); c["running"] != 0 || c["captures"] != 2 || c["frames"] == 0 || c["dropped"] != 0 {
		t.Errorf("counted %v", c)
	}
}

// find looks for patterns in text, one behind the other.
func find(t *testing.T, text string, patterns ...string) {
	t.Helper()
	from := 0
	for _, want := range patterns {
		at := regexp.MustCompile(want).FindStringIndex(text[from:])
		if at == nil {
			t.Fatalf("%s is not there, or not in its place, in\n%s", want, text)
		}
		from += at[1]
	}
}

// TestCaptureThroughAPipe has tcpdump look on live: it ends by itself after what it waits for, and so does the capture.
func TestCaptureThroughAPipe(t *testing.T) {
	lab := testnet.NewLab(t)
	g := startGateway(t, lab, lab.GatewayConfig())
	ctx, cancel := context.WithTimeout(t.Context(), patience) // kills what waits in vain
	defer cancel()
	dump := exec.CommandContext(ctx, "tcpdump", "-nn", "-c", "3", "-r", "-")
	pipe, err := dump.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var lines, stderr bytes.Buffer
	dump.Stdout, dump.Stderr = &lines, &stderr
	if err := dump.Start(); err != nil {
		t.Fatal(err)
	}
	run := startCapture(t, lab, g, pipe.(*os.File), "-w", "-", "host", testnet.WebIPv4.String())
	pipe.Close() // the capture has it
	ping := "ping -c1 -W2 " + testnet.WebIPv4.String()
	shell(t, lab.Client, "ping -c1 -W2 "+testnet.MailIPv4.String()) // of another host
	for range 3 {
		shell(t, lab.Client, ping) // one frame: the answer does not pass through the mirror
	}
	if err := dump.Wait(); err != nil {
		t.Fatalf("tcpdump: %v: %s", err, &stderr)
	}
	if got := strings.Count(lines.String(), testnet.ClientIPv4.String()+" > "+testnet.WebIPv4.String()+": ICMP echo request"); got != 3 {
		t.Errorf("%d requests in %s", got, &lines)
	}
	shell(t, lab.Client, ping) // is written to a pipe that nobody reads
	err = run.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGPIPE {
		t.Errorf("capture ended with %v: %s", err, &run.stderr)
	}
	testnet.WaitFor(t, "the gateway to end the capture", func() bool { return captures(t, lab)["running"] == 0 })
}

// TestCaptureOutlivesNoGateway: a gateway that ends in order ends the capture in order, one that is killed leaves a file that can be
// read, and both exit codes tell.
func TestCaptureOutlivesNoGateway(t *testing.T) {
	t.Parallel()
	lab := testnet.NewLab(t)
	ping := "ping -c1 -W2 " + testnet.WebIPv4.String()
	for _, end := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		g := startGateway(t, lab, lab.GatewayConfig())
		file := filepath.Join(t.TempDir(), "all.pcapng")
		r := startCapture(t, lab, g, nil, "-w", file, "host", testnet.WebIPv4.String())
		shell(t, lab.Client, ping)
		testnet.WaitFor(t, "the frame to be written", func() bool { return captures(t, lab)["frames"] > 0 })
		if err := g.Signal(end); err != nil {
			t.Fatal(err)
		}
		<-g.Done()
		err := r.cmd.Wait()
		if end == syscall.SIGTERM {
			if n := r.frames(t); n == 0 || err != nil {
				t.Errorf("%v: %d frames, %v", end, n, err)
			}
		} else if said := r.stderr.String(); r.cmd.ProcessState.ExitCode() != exitNo || !strings.Contains(said, "nobody knows how many dropped\nmirrorgw: the capture broke off: ") {
			t.Errorf("%v: %v, %q", end, err, said)
		}
		if frames := tcpdump(t, file); !strings.Contains(frames, "ICMP echo request") {
			t.Errorf("%v: the file has %q", end, frames)
		}
	}
}
