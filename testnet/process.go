package testnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// stopLimit is the time a process has to end in order before it is killed.
	stopLimit = 5 * time.Second

	// logTail is how much of a log an error quotes, in octets.
	logTail = 2000
)

// Process is a program that runs on a host in the background. It outlives this process unless stopped, or taken down with
// its lab.
type Process struct {
	name  string
	cmd   *exec.Cmd
	log   string
	start int64 // where this run's part of the log begins

	done chan struct{} // closed when the process has ended and err is set
	err  error
}

// Start runs a program on the host in the background, in a session of its own. Its output is added to NAME.log in the
// lab's folder.
func (h *Host) Start(name string, argv ...string) (*Process, error) {
	if err := needTools(argv[0]); err != nil {
		return nil, err
	}
	path := filepath.Join(h.folder, name+".log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer log.Close()
	start, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	// The context of a caller bounds what it waits for, not the life of what it starts.
	cmd := h.Command(context.Background(), argv...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &Process{name: name, cmd: cmd, log: path, start: start, done: make(chan struct{})}
	// Ends with the process.
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Log returns what the process has written so far.
func (p *Process) Log() (string, error) {
	f, err := os.Open(p.log)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, p.start, 1<<62))
	return string(b), err
}

// Signal sends a signal.
//
// Errors: os.ErrProcessDone.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Stop asks the process to end (SIGTERM) and waits; after five seconds, or when ctx ends, it is killed. It returns how the
// process ended: nil for exit status 0. A process that has ended already is no error of its own.
func (p *Process) Stop(ctx context.Context) error {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("stop %s: %w", p.name, p.err)
		}
		return nil
	case <-limit.C:
	case <-ctx.Done():
	}
	return errors.Join(fmt.Errorf("stop %s: had to be killed", p.name), p.Kill())
}

// Kill ends the process as a crash does (SIGKILL) and waits for it.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	<-p.done
	return nil
}

// waitReady waits until ready holds or the process ends, whichever is first.
func (p *Process) waitReady(ctx context.Context, limit time.Duration, ready func() bool) error {
	ended := false
	err := waitFor(ctx, p.name+" to be ready", limit, func() bool {
		select {
		case <-p.done:
			ended = true
			return true
		default:
			return ready()
		}
	})
	if ended {
		err = fmt.Errorf("%s ended before it was ready: %v", p.name, exitStatus(p.err))
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, p.tail())
	}
	return nil
}

// tail is the end of the log, for errors.
func (p *Process) tail() string {
	log, err := p.Log()
	if err != nil {
		return err.Error()
	}
	if len(log) > logTail {
		log = "…" + log[len(log)-logTail:]
	}
	return strings.TrimSpace(log)
}

func exitStatus(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// endProcesses ends every process in a network namespace, this one excepted: SIGTERM, and SIGKILL for what is left after
// three seconds.
func endProcesses(ctx context.Context, namespace string) error {
	inside, err := os.Stat(filepath.Join(namespaceFolder, namespace))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	signal := func(s os.Signal) (left int, err error) {
		folders, err := filepath.Glob("/proc/[0-9]*")
		if err != nil {
			return 0, err
		}
		for _, folder := range folders {
			pid, err := strconv.Atoi(filepath.Base(folder))
			if err != nil || pid == os.Getpid() {
				continue
			}
			if !inNamespace(folder, inside) {
				continue
			}
			// The handle is the process's own: looking once more after opening it makes sure it is not one that took over the id.
			process, err := os.FindProcess(pid)
			if err != nil {
				continue
			}
			if inNamespace(folder, inside) && process.Signal(s) == nil {
				left++
			}
			_ = process.Release() // frees what FindProcess took
		}
		return left, nil
	}
	if left, err := signal(syscall.SIGTERM); err != nil || left == 0 {
		return err
	}
	gone := func() bool {
		left, err := signal(syscall.Signal(0))
		return err == nil && left == 0
	}
	if waitFor(ctx, "processes in "+namespace, 3*time.Second, gone) == nil {
		return nil
	}
	if _, err := signal(syscall.SIGKILL); err != nil {
		return err
	}
	return waitFor(ctx, "killed processes in "+namespace, 3*time.Second, gone)
}

// inNamespace tells whether the process of a folder in /proc is in the network namespace that inside describes. A zombie
// is in none.
func inNamespace(folder string, inside fs.FileInfo) bool {
	namespace, err := os.Stat(filepath.Join(folder, "ns/net"))
	return err == nil && os.SameFile(namespace, inside)
}
