package testnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// clamdReadyLimit covers reading a small database on a busy machine.
const clamdReadyLimit = 60 * time.Second

// Clamd is a ClamAV daemon: the installed program (clamd, of Debian's clamav-daemon) with a folder, a socket and a database of its
// own. Its socket is a file, so that every host of a lab reaches it. It is not safe for concurrent use.
type Clamd struct {
	folder string
	cmd    *exec.Cmd
	said   *bytes.Buffer
	ended  chan struct{} // closed when the process has ended
}

// NewClamd writes what a daemon needs into a folder, which must exist. settings are lines of clamd.conf beside those of the place;
// database is the files of its database by name, which may be as small as one signature. Start starts it, Kill must follow.
//
// Errors: exec.ErrNotFound where clamd is not installed.
func NewClamd(folder, settings string, database map[string]string) (*Clamd, error) {
	if _, err := exec.LookPath("clamd"); err != nil {
		return nil, err
	}
	c := &Clamd{folder: folder}
	files := map[string]string{}
	for name, text := range database {
		files[filepath.Join("db", name)] = text
	}
	if err := os.MkdirAll(filepath.Join(folder, "db"), 0o755); err != nil {
		return nil, err
	}
	maps.Copy(files, map[string]string{"clamd.conf": "Foreground yes\nSelfCheck 0\nLocalSocket " + c.socket() + "\nDatabaseDirectory " + folder +
		"/db\nTemporaryDirectory " + folder + "\n" + settings})
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *Clamd) socket() string { return filepath.Join(c.folder, "s") }

// Address is where it listens, as scan.clamd.address has it.
func (c *Clamd) Address() string { return "unix:" + c.socket() }

// Start starts the daemon, which does not run, and waits until it takes connections. It may be started again after Kill.
//
// Errors: what the daemon said, when it ends or does not listen within a minute.
func (c *Clamd) Start(ctx context.Context) error {
	c.cmd, c.said, c.ended = exec.Command("clamd", "-c", filepath.Join(c.folder, "clamd.conf")), new(bytes.Buffer), make(chan struct{})
	c.cmd.Stdout, c.cmd.Stderr = c.said, c.said
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		c.cmd = nil
		return fmt.Errorf("clamd: %w", err)
	}
	cmd, ended := c.cmd, c.ended
	go func() { // ends with the process
		defer close(ended)
		_ = cmd.Wait() // its end is told by what it said
	}()
	err := waitFor(ctx, "clamd", clamdReadyLimit, func() bool {
		select {
		case <-ended:
			return true
		default:
		}
		conn, err := net.Dial("unix", c.socket())
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
	select {
	case <-ended:
		err = errors.New("it has ended")
	default:
	}
	if err != nil {
		c.Kill()
		return fmt.Errorf("clamd: %w: %s", err, c.said)
	}
	return nil
}

// Kill ends the daemon as a crash does, its socket left behind, and waits for it. Killing what does not run does nothing.
func (c *Clamd) Kill() {
	if c.cmd == nil {
		return
	}
	_ = c.cmd.Process.Kill() // it may have ended
	<-c.ended
	c.cmd = nil
}

// Signal sends a signal to the daemon, which runs.
func (c *Clamd) Signal(s os.Signal) error { return c.cmd.Process.Signal(s) }

// StartClamd starts a daemon that ends with the test, in a folder of the test's own. Where clamd is not installed the test is skipped.
func StartClamd(t TB, folder, settings string, database map[string]string) *Clamd {
	t.Helper()
	c, err := NewClamd(folder, settings, database)
	if errors.Is(err, exec.ErrNotFound) {
		t.Skipf("%v (Debian's package clamav-daemon)", err)
	}
	if err == nil {
		t.Cleanup(c.Kill)
		err = c.Start(t.Context())
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	return c
}
