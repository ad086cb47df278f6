package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/scanner/quarantine"
	"mirrorgw/testnet"
)

// TestFewDescriptors is C16: with 64 file descriptors and more mails on their way than that, each in a file of its own, every client gets
// its mail or is told to try again, an infected mail is never let through, other traffic goes on, nothing spins, and all is well again
// afterwards.
func TestFewDescriptors(t *testing.T) {
	t.Parallel()
	lab := testnet.NewLab(t)
	const limit, clients = 64, 90
	halfway, goOn := make(chan struct{}, clients+1), make(chan struct{})
	letGo := sync.OnceFunc(func() { close(goOn) })
	defer letGo()
	infected := string(testnet.EICAR().Data)
	serveMail(t, lab, mailServer, func(c net.Conn, lines *bufio.Scanner) {
		for answer := "+OK ready\r\n"; ; {
			if _, err := io.WriteString(c, answer); err != nil || !lines.Scan() {
				return
			}
			answer = "+OK\r\n"
			if strings.HasPrefix(lines.Text(), "RETR") {
				if _, err := io.WriteString(c, "+OK\r\n"+infected[:len(infected)/2]); err != nil {
					return
				}
				halfway <- struct{}{}
				<-goOn
				answer = infected[len(infected)/2:] + ".\r\n"
			}
		}
	})
	few := write(t, "mirrorgw", fmt.Sprintf("#!/bin/sh\nulimit -n %d && exec %s \"$@\"\n", limit, product(t)))
	if err := os.Chmod(few, 0o700); err != nil {
		t.Fatal(err)
	}
	g := startProgram(t, lab, few, lab.GatewayConfig()+"spool: {memory: 64}\nlimits: {per_client: 200}\n")
	fds := func() int { return len(namesIn(t, fmt.Sprintf("/proc/%d/fd", g.PID()))) }
	idle := fds()

	replies := make([]string, clients)
	var asking sync.WaitGroup
	for i := range clients {
		s, _ := dialMail(t, lab)
		s.mustSay(fmt.Sprintf("USER a%d", i)) // the mail of one reader would be kept once
		s.mustSay("PASS b")
		asking.Go(func() { // ends with the reply, which has a deadline
			s.conn.SetDeadline(time.Now().Add(2 * patience))
			var err error
			if replies[i], err = s.retrieve(); err != nil {
				t.Error(err)
			}
		})
	}
	testnet.WaitFor(t, "all mails to be on their way", func() bool { return len(halfway) == clients })
	testnet.WaitFor(t, "the descriptors to be used up", func() bool { return fds() >= limit-1 })
	t.Logf("%d descriptors idle, %d with %d mails on their way", idle, fds(), clients)
	shell(t, lab.Client, "ping -c 3 -i 0.1 -W 5 "+testnet.WebIPv4.String())
	before, began := cpuTime(t, g), time.Now()
	shell(t, lab.Client, "ping -c 11 -i 0.1 -W 5 "+testnet.WebIPv4.String())
	if used, took := cpuTime(t, g)-before, time.Since(began); used > took/4 {
		t.Errorf("%v of CPU time in %v of nothing to do", used, took)
	}
	letGo()
	asking.Wait()
	notices, refused := 0, 0
	for i, reply := range replies {
		switch {
		case strings.HasPrefix(reply, "-ERR"):
			refused++
		case strings.Contains(reply, "Subject: [mirrorgw]"):
			notices++
		default:
			t.Errorf("client %d got %.300q", i, reply)
		}
	}
	t.Logf("%d notices, %d refused", notices, refused)
	if refused == 0 || notices+refused != clients {
		t.Errorf("%d notices, %d refused", notices, refused)
	}
	items, err := quarantine.At(lab.QuarantineFolder()).List()
	if err != nil || len(items) != notices {
		t.Errorf("%d mails in quarantine, %v", len(items), err)
	}
	testnet.WaitFor(t, "the descriptors to be free", func() bool { return fds() <= idle })
	last, _ := dialMail(t, lab)
	last.mustSay("USER a")
	last.mustSay("PASS b")
	if reply, err := last.retrieve(); err != nil || !strings.Contains(reply, "Subject: [mirrorgw]") {
		t.Errorf("afterwards: %.300q, %v", reply, err)
	}
	// The interface is looked at from time to time, and could not be without a descriptor.
	testnet.WaitFor(t, "the gateway to be well", func() bool { return statusOf(t, lab).Health == control.OK })
}

// cpuTime returns what a gateway has used of the processors.
func cpuTime(t *testing.T, g *testnet.Gateway) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", g.PID()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ") // behind the program's name
	fields := strings.Fields(rest)
	const user, system, ticksPerSecond = 11, 12, 100 // proc(5)
	if len(fields) <= system {
		t.Fatalf("%s", text)
	}
	var ticks time.Duration
	for _, field := range fields[user : system+1] {
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		ticks += time.Duration(n)
	}
	return ticks * time.Second / ticksPerSecond
}
