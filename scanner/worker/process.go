package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// grace is what a worker gets beyond a question's time.
	grace = 2 * time.Second

	// severalTime is what a worker gets for a message of several questions, whose own times are not looked at meanwhile: the questions it has not
	// come to after inCompany are left, so that this is the time of one.
	severalTime = 5 * time.Second

	// startTime bounds the start of a worker, up to its hello.
	startTime = 20 * time.Second

	// slack is how late the timers of a worker may be. The runtime's monitor would look every 20 µs whether a thread is held up in a system
	// call, and there the one of a worker is at home.
	slack = 10 * time.Millisecond
)

var (
	errUnread = errors.New("the worker had ended before") // it has not seen the question
	errEnded  = errors.New("the worker ended")
	errLate   = errors.New("the worker did not answer in time and was killed")

	errNoAnswer = errors.New("the worker's message does not answer the one it was sent")
)

// Process is one worker. One goroutine at a time asks it.
type Process struct {
	cmd    *exec.Cmd
	conn   *os.File // a socket in blocking mode; Close while it is read is safe
	hello  string
	asked  []byte // the message that is made of requests
	answer []byte // the message that was read

	late  func()      // p.expire, made once
	timer *time.Timer // kills the worker; runs only when a question's time is up
	timed chan struct{}
}

// Program is this one, started as a worker.
type Program struct {
	Args    []string     // that make it one
	Confine func() error // confines the calling thread, which has no other goroutine and ends with the worker, and what it starts; nil: nothing does
	Tally   *Tally       // counts; required
}

// start executes the program as a worker and waits for its hello. The calling goroutine has its thread to itself, and keeps it for as
// long as the worker is to live.
func (g Program) start() (*Process, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("starting a worker: socketpair: %w", err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "worker")
	defer theirs.Close()
	p := &Process{conn: os.NewFile(uintptr(pair[0]), "worker"), answer: make([]byte, answerMessage), timed: make(chan struct{}, 1)}
	p.late = p.expire
	p.timer = time.AfterFunc(time.Hour, p.Kill)
	p.timer.Stop()
	p.cmd = &exec.Cmd{
		Path:  "/proc/self/exe",
		Args:  append([]string{"mirrorgw"}, g.Args...),
		Env:   append(os.Environ(), "GOMAXPROCS=1"),
		Stdin: theirs,
		// A group of its own: what a terminal sends to the gateway's is not meant for it.
		SysProcAttr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true},
	}
	if err := p.cmd.Start(); err != nil {
		p.conn.Close()
		return nil, fmt.Errorf("starting a worker: %w", err)
	}
	theirs.Close() // so that the socket ends with the worker
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	hello, err := p.await(ctx)
	if err != nil {
		time.AfterFunc(time.Second, p.Kill) // it has most likely ended, and then how is of interest
		return nil, fmt.Errorf("starting a worker: %w: %s", err, p.end())
	}
	p.hello = string(hello)
	if words, cannot := strings.CutPrefix(p.hello, cannotServe); cannot {
		p.Kill()
		p.end()
		return nil, fmt.Errorf("starting a worker: it says: %s", words)
	}
	g.Tally.started.Add(1)
	return p, nil
}

// lockThread gives the calling goroutine a thread for itself, which ends with it, and confines it. What the thread starts has its slack.
func (g Program) lockThread() error {
	runtime.LockOSThread()                                                        // never unlocked: the kernel kills the worker when this thread ends
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack.Nanoseconds()), 0, 0, 0) // where it is refused, workers cost more
	if g.Confine == nil {
		return nil
	}
	return g.Confine()
}

// Open starts one worker for the caller alone and gives it to use. The worker has ended when Open returns.
//
// Errors: that it could not be started; use's own.
func (g Program) Open(use func(*Process) error) error {
	type result struct {
		p   *Process
		err error
	}
	started, ended := make(chan result, 1), make(chan struct{})
	go func() { // ends with the worker; waited for below
		defer close(ended)
		err := g.lockThread()
		var p *Process
		if err == nil {
			p, err = g.start()
		}
		started <- result{p, err}
		if err == nil {
			p.end()
		}
	}()
	r := <-started
	if r.err == nil {
		r.err = use(r.p) // not in that thread, which is confined
		r.p.Kill()
	}
	<-ended
	return r.err
}

// Ask puts one request of 1 to MaxRequest octets to the worker, with file, which may be nil, beside it. The answer is valid until the next call.
//
// Errors: that the worker has ended, or was killed since it did not answer before ctx ended; then it is of no use any more.
func (p *Process) Ask(ctx context.Context, request []byte, file *os.File) ([]byte, error) {
	p.begin()
	p.add(request)
	if err := p.send(file); err != nil {
		return nil, err
	}
	answers, err := p.await(ctx)
	if err != nil {
		return nil, err
	}
	answer, rest, ok := cutOne(answers)
	if !ok || len(rest) > 0 {
		return nil, errNoAnswer
	}
	return answer, nil
}

// begin begins a message, add adds a request to it.
func (p *Process) begin()             { p.asked = p.asked[:0] }
func (p *Process) add(request []byte) { p.asked = appendOne(p.asked, request) }

// send sends the message, with file, which may be nil, beside it. Errors: errUnread; those of the socket.
func (p *Process) send(file *os.File) (err error) {
	if file == nil {
		_, err = p.conn.Write(p.asked)
	} else {
		err = p.sendFile(p.asked, file)
	}
	switch {
	case errors.Is(err, unix.EPIPE), errors.Is(err, unix.ECONNRESET), errors.Is(err, os.ErrClosed):
		return errUnread
	case err != nil:
		return fmt.Errorf("asking the worker: %w", err)
	}
	return nil
}

// sendFile writes a request with a descriptor.
func (p *Process) sendFile(request []byte, file *os.File) error {
	raw, err := p.conn.SyscallConn()
	if err != nil {
		return err
	}
	rights := unix.UnixRights(int(file.Fd()))
	if raw.Write(func(fd uintptr) bool {
		err = unix.Sendmsg(int(fd), request, rights, nil, unix.MSG_NOSIGNAL)
		return true
	}) != nil {
		return os.ErrClosed // which is the one reason, and not what it is called
	}
	return err
}

// await reads one message. When ctx ends the worker gets its grace.
//
// Errors: errEnded, errLate; those of the socket.
func (p *Process) await(ctx context.Context) ([]byte, error) {
	stop := context.AfterFunc(ctx, p.late)
	message, err := p.read()
	if !stop() { // the time was up meanwhile
		<-p.timed
		if !p.timer.Stop() {
			return nil, errLate
		}
	}
	return message, err
}

// awaitSeveral is await for a message of several questions, which has a time of its own.
func (p *Process) awaitSeveral() ([]byte, error) {
	p.timer.Reset(severalTime)
	message, err := p.read()
	if !p.timer.Stop() {
		return nil, errLate
	}
	return message, err
}

// read reads one message.
func (p *Process) read() ([]byte, error) {
	n, err := p.conn.Read(p.answer)
	switch {
	case err == nil && n > 0:
		return p.answer[:n], nil
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, unix.ECONNRESET), errors.Is(err, os.ErrClosed):
		return nil, errEnded
	default:
		return nil, fmt.Errorf("reading the worker's answer: %w", err)
	}
}

// expire begins the worker's grace.
func (p *Process) expire() {
	p.timer.Reset(grace)
	p.timed <- struct{}{}
}

// Kill ends the worker, whatever it is doing.
func (p *Process) Kill() { _ = p.cmd.Process.Kill() } // it may have ended

// end waits for the worker's end and says how it came. It is called once.
func (p *Process) end() string {
	_ = p.cmd.Wait() // what it says is in the state
	p.conn.Close()
	return p.cmd.ProcessState.String()
}
