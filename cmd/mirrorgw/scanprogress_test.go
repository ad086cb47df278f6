package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudoterminal: what is written to tty can be read from screen.
func terminal(t *testing.T) (screen, tty *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skip("no pseudoterminals here:", err)
	}
	t.Cleanup(func() { screen.Close() })
	raw, err := screen.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number int
	var failed error
	if err := raw.Control(func(fd uintptr) {
		if failed = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); failed == nil {
			number, failed = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	}); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudoterminals here:", err)
	}
	t.Cleanup(func() { tty.Close() })
	return screen, tty
}

// readUntil reads from screen until it has seen part.
func readUntil(t *testing.T, screen *os.File, part string) string {
	t.Helper()
	if err := screen.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var seen strings.Builder
	b := make([]byte, 1024)
	for !strings.Contains(seen.String(), part) {
		n, err := screen.Read(b)
		seen.Write(b[:n])
		if err != nil {
			t.Fatalf("%v, having read %q", err, seen.String())
		}
	}
	return seen.String()
}

func TestProgressIsShownOnATerminal(t *testing.T) {
	screen, tty := terminal(t)
	dir := tree(t, map[string]string{"a": eicarMail, "b": slowMail})
	slow, resume := make(chan struct{}, 1), make(chan struct{})
	s := &stub{slow: slow, resume: resume}
	var out bytes.Buffer
	p := &program{args: []string{"mirrorgw", "scan", dir}, stdout: &out, stderr: tty, rooms: s.rooms()}
	ended := make(chan int, 1)
	go func() { ended <- p.main(t.Context()) }()
	readUntil(t, screen, "mails: 0 clean, 1 infected, 0 unscannable")
	close(resume)
	readUntil(t, screen, "\r\x1b[K")
	if code := <-ended; code != exitNo || strings.Contains(out.String(), "\r") {
		t.Errorf("exit %d, %q", code, out.String())
	}
}

func TestProgressMakesRoom(t *testing.T) {
	var w bytes.Buffer
	p := &progress{w: &w, end: make(chan struct{})}
	p.draw() // nothing to say yet
	p.say("one")
	p.draw()
	p.aside(func() { w.WriteString("a line\n") })
	p.say("two")
	p.draw()
	p.stop()
	if want := "one\r\x1b[Ka line\ntwo\r\x1b[K"; w.String() != want {
		t.Errorf("got %q, want %q", w.String(), want)
	}
}

func TestProgressIsForTerminalsOnly(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, w := range []io.Writer{&bytes.Buffer{}, null} {
		if p := startProgress(w); p != nil {
			p.stop()
			t.Errorf("progress is shown on a %T", w)
		}
	}
}
