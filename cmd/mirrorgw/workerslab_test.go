//go:build !noyara

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mirrorgw/scanner"
	"mirrorgw/testnet"
)

// workersOf returns the processes a gateway has started that live.
func workersOf(t *testing.T, gateway int) []int {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", gateway))
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, thread := range threads {
		text, _ := os.ReadFile(thread) // a thread may have ended
		for field := range strings.FieldsSeq(string(text)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(fileOf(fmt.Sprintf("/proc/%d/status", pid)), []byte("State:\tZ")) {
				pids = append(pids, pid)
			}
		}
	}
	slices.Sort(pids)
	return pids
}

// fileOf returns what is in a file of /proc, nothing when its process has ended.
func fileOf(path string) []byte {
	text, _ := os.ReadFile(path)
	return text
}

// TestWorkersKilledUnderLoad kills the gateway's workers at any moment while sessions fetch mail: no session is lost, every mail is
// judged, the gateway takes no more memory, and has nothing open that it had not. In between a worker stands still, and
// its mail is not delivered; at the end the gateway itself is killed, and its workers end.
func TestWorkersKilledUnderLoad(t *testing.T) {
	kills := 30
	if os.Getenv(soak) != "" {
		kills = 1000
	}
	lab := testnet.NewLab(t)
	all := []outcome{
		{mail: clamdMail("clean", []byte("nothing in it")), action: scanner.Deliver},
		{mail: clamdMail("infected", []byte("a leopard")), action: scanner.Replace},
		{mail: clamdMail("large", bytes.Repeat([]byte("0123456789abcdef"), 20<<10)), action: scanner.Deliver},                   // in a file
		{mail: clamdMail("large, infected", append(bytes.Repeat([]byte{'x'}, 100<<10), "leopard"...)), action: scanner.Replace}, // in a file in memory
	}
	var mails []testnet.Mail
	for _, o := range all {
		mails = append(mails, o.mail)
	}
	serveLoad(t, lab, mails)
	rules := write(t, "rules.yar", `rule Leopard { strings: $a = "leopard" condition: $a }`)
	g := startGateway(t, lab, lab.GatewayConfig()+"scan: {cache: 0, limits: {time: 5s}, yara: {workers: 2, rules: ["+rules+"]}}\n")
	workers := workersOf(t, g.PID())
	if len(workers) != 2 {
		t.Fatalf("workers %v", workers)
	}
	for _, pid := range workers {
		confinedWorker(t, pid)
	}
	if e := statusOf(t, lab).Engines[0]; e.State != "ok" || !strings.Contains(e.Detail, "3 rules; 2 workers, system calls filtered") {
		t.Errorf("%+v", e)
	}

	var done atomic.Bool
	var replies, refused atomic.Int64
	var under sync.WaitGroup
	for at := range 6 {
		under.Go(func() { // ends with done, or what goes wrong
			for n := at; !done.Load() && !t.Failed(); n++ {
				if err := fetchAllOf(t, lab, all, n, &replies, &refused); err != nil {
					t.Errorf("session %d: %v", at, err)
				}
			}
		})
	}
	stop := sync.OnceFunc(func() { done.Store(true); under.Wait() })
	defer stop()
	open := func() int {
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", g.PID()))
		if err != nil {
			t.Fatal(err)
		}
		return len(fds)
	}
	both := func() {
		t.Helper()
		testnet.WaitFor(t, "both workers to be ready", func() bool {
			workers = workersOf(t, g.PID())
			return len(workers) == 2 && strings.Contains(statusOf(t, lab).Engines[0].Detail, "; 2 workers")
		})
	}
	var memory int64
	files := open()
	for i := range kills {
		both()
		victim := workers[i%2]
		if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		testnet.WaitFor(t, "its end", func() bool { return !slices.Contains(workersOf(t, g.PID()), victim) })
		seen := replies.Load()
		testnet.WaitFor(t, "mails", func() bool { return replies.Load() > seen || t.Failed() })
		if i == kills/3 { // by then it has what its load takes
			memory = resident(t, g)
		}
		if i%100 == 99 {
			t.Logf("after %d kills: %d MiB resident, %d files open", i+1, resident(t, g)>>20, open())
		}
	}
	if now := resident(t, g); now > memory+64<<20 && !raceDetector {
		t.Errorf("%d MiB are resident, %d after a third of the kills", now>>20, memory>>20)
	}
	if now := open(); now > files+16 { // what is in the spool comes and goes
		t.Errorf("%d files are open, %d before", now, files)
	}

	both()
	before := statusOf(t, lab).Events["yara"]
	if err := syscall.Kill(workers[0], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	testnet.WaitFor(t, "the worker that stands still to be killed", func() bool {
		return statusOf(t, lab).Events["yara"]["workers_late"] > before["workers_late"]
	})
	stop()
	events := statusOf(t, lab).Events["yara"]
	t.Logf("%d kills: %d mails arrived, %d were refused; %v", kills, replies.Load(), refused.Load(), events)
	if events["workers_started"] < uint64(kills) || events["workers_crashed"]+events["workers_lost"] < uint64(kills) || events["answers_rejected"] > 0 {
		t.Errorf("%v", events)
	}
	if refused.Load() > int64(1+kills/10) {
		t.Errorf("%d of %d mails were refused", refused.Load(), replies.Load())
	}

	both()
	g.Kill()
	testnet.WaitFor(t, "the workers to end with the gateway", func() bool {
		return !slices.ContainsFunc(workers, func(pid int) bool {
			return bytes.Contains(fileOf(fmt.Sprintf("/proc/%d/cmdline", pid)), []byte("worker\x00yara"))
		})
	})
}

// fetchAllOf has one session fetch all mails, the nth first. A mail that is refused, since workers were killed twice under it, is still
// on the server.
func fetchAllOf(t *testing.T, lab *testnet.Lab, all []outcome, n int, replies, refused *atomic.Int64) error {
	c, err := lab.Client.Dial(t.Context(), "tcp", mailServer)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil { // a worker that stands still holds one up for seconds
		return err
	}
	s := &mailSession{t: t, conn: c, in: bufio.NewReader(c)}
	if _, err := s.in.ReadString('\n'); err != nil {
		return err
	}
	for _, line := range []string{"USER alice", "PASS " + testnet.Password} {
		if reply, err := s.say(line); err != nil || !strings.HasPrefix(reply, "+OK") {
			return fmt.Errorf("%s: %q, %w", line, reply, err)
		}
	}
	for i := range all {
		o := all[(n+i)%len(all)]
		first, mail, err := s.retr(1 + (n+i)%len(all))
		switch {
		case err == nil && strings.HasPrefix(first, "-ERR message withheld for now"):
			refused.Add(1)
			continue
		case err == nil:
			err = o.check(first, mail, false)
		}
		if err != nil {
			return err
		}
		replies.Add(1)
	}
	_, err = s.say("QUIT")
	return err
}

// confinedWorker says what a worker has that it must not have.
func confinedWorker(t *testing.T, pid int) {
	t.Helper()
	status := string(fileOf(fmt.Sprintf("/proc/%d/status", pid)))
	for _, want := range []string{"CapInh:\t0000000000000000\n", "CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n", "CapAmb:\t0000000000000000\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n"} {
		if !strings.Contains(status, want) {
			t.Errorf("worker %d has not %q:\n%s", pid, want, status)
		}
	}
	limits := string(fileOf(fmt.Sprintf("/proc/%d/limits", pid)))
	for name, want := range map[string]string{"Max data size": "1073741824", "Max core file size": "0", "Max open files": "64"} {
		if raceDetector && name == "Max data size" {
			continue
		}
		_, rest, _ := strings.Cut(limits, name)
		if fields := strings.Fields(rest); len(fields) < 2 || fields[1] != want {
			t.Errorf("worker %d: %s is not %s:\n%s", pid, name, want, limits)
		}
	}
	if fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)); err != nil || len(fds) > 6 { // standard ones, and what the runtime polls with
		t.Errorf("worker %d has %d files open, %v", pid, len(fds), err)
	}
}
