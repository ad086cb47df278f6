package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// asWorker is the argument that makes the test binary a worker.
const asWorker = "a-worker-of-this-test"

// broken are workers that cannot be started.
const broken = "broken"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asWorker {
		if len(os.Args) > 2 {
			Refuse(os.Stdin, errors.New("broken on purpose"))
			os.Exit(1)
		}
		if Serve(os.Stdin, "hello", fickle{}) != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// fickle does what it is told.
type fickle struct{}

func (fickle) Answer(request []byte, file *os.File) []byte {
	word, rest, _ := strings.Cut(string(request), " ")
	switch word {
	case "crash":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSEGV)
		time.Sleep(time.Hour) // a process that waits for nothing the runtime ends as well: two ends at once may wait for each other
	case "crash-unless": // the file is there by the second time
		if _, err := os.Stat(rest); err != nil {
			_ = os.WriteFile(rest, nil, 0o600)
			os.Exit(3)
		}
		return []byte("second")
	case "stall-unless": // the file is there by the second time
		if _, err := os.Stat(rest); err != nil {
			_ = os.WriteFile(rest, nil, 0o600)
			time.Sleep(time.Hour)
		}
	case "slow":
		time.Sleep(2 * inCompany)
	case "long":
		return append([]byte("echo "+rest), make([]byte, MaxAnswer/2)...)
	case "send": // as many answers as it says, in place of its own
		count, words, _ := strings.Cut(rest, " ")
		var message []byte
		for range count[0] - '0' {
			message = appendOne(message, []byte(words))
		}
		_, _ = os.Stdin.Write(message)
		time.Sleep(time.Hour)
	case "torn": // an answer cut off
		_, _ = os.Stdin.Write(appendOne(nil, []byte(rest))[:lengthSize+1])
		time.Sleep(time.Hour)
	case "hang":
		for {
			runtime.Gosched()
		}
	case "file":
		content, err := io.ReadAll(file)
		if err != nil {
			return []byte(err.Error())
		}
		return append([]byte("read "), content...)
	case "pid":
		return fmt.Append(nil, os.Getpid())
	case "slack":
		n, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
		return fmt.Append(nil, time.Duration(n), err)
	}
	return []byte("echo " + rest)
}

// asked is a question whose answer must be one of some.
type asked struct {
	request string
	file    *os.File
	want    func(answer string) bool
	answer  string
}

func (a *asked) Request() ([]byte, *os.File) { return []byte(a.request), a.file }

func (a *asked) Accept(answer []byte) error {
	a.answer = string(answer)
	if a.want != nil && !a.want(a.answer) {
		return errors.New("no honest answer")
	}
	return nil
}

func newPool(t *testing.T, workers int) (*Pool, *Tally) {
	t.Helper()
	tally := new(Tally)
	p, err := Start(Config{Program: Program{Args: []string{asWorker}, Tally: tally}, Workers: workers, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p, tally
}

// until waits for something outside this process.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}

func TestAsk(t *testing.T) {
	p, tally := newPool(t, 2)
	q := &asked{request: "echo there"}
	if err := p.Ask(t.Context(), q); err != nil || q.answer != "echo there" {
		t.Errorf("%q, %v", q.answer, err)
	}
	long := strings.Repeat("x", MaxAnswer-5)
	q = &asked{request: "echo " + long}
	if err := p.Ask(t.Context(), q); err != nil || q.answer != "echo "+long {
		t.Errorf("%d octets, %v", len(q.answer), err)
	}
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("content"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	q = &asked{request: "file", file: f}
	if err := p.Ask(t.Context(), q); err != nil || q.answer != "read content" {
		t.Errorf("%q, %v", q.answer, err)
	}
	if err := p.Ask(t.Context(), &asked{request: strings.Repeat("x", MaxRequest+1)}); err == nil {
		t.Error("too long a request was sent")
	}
	if c := tally.Counters(); c.WorkersStarted < 1 || c.WorkersCrashed+c.WorkersLate > 0 {
		t.Errorf("%+v", c)
	}
	if n, hello, err := p.Health(); n < 1 || hello != "hello" || err != nil {
		t.Errorf("%d workers, %q, %v", n, hello, err)
	}
}

func TestCrash(t *testing.T) {
	p, tally := newPool(t, 1)
	if err := p.Ask(t.Context(), &asked{request: "crash"}); !errors.Is(err, errEnded) {
		t.Errorf("a crash: %v", err)
	}
	if c := tally.Counters(); c.WorkersCrashed != 2 || c.AskedAgain != 1 {
		t.Errorf("%+v", c)
	}
	q := &asked{request: "crash-unless " + t.TempDir() + "/there"}
	if err := p.Ask(t.Context(), q); err != nil || q.answer != "second" {
		t.Errorf("%q, %v", q.answer, err)
	}
	if err := p.Ask(t.Context(), &asked{request: "echo x"}); err != nil {
		t.Errorf("after crashes: %v", err)
	}
}

func TestHang(t *testing.T) {
	p, tally := newPool(t, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	started := time.Now()
	err := p.Ask(ctx, &asked{request: "hang"})
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(started) > grace+5*time.Second {
		t.Errorf("after %v: %v", time.Since(started), err)
	}
	if c := tally.Counters(); c.WorkersLate != 1 || c.AskedAgain != 0 {
		t.Errorf("%+v", c)
	}
	if err := p.Ask(t.Context(), &asked{request: "echo x"}); err != nil {
		t.Errorf("after a hang: %v", err)
	}
}

// TestLateWithinGrace: a worker that answers soon after the question's time is alive afterwards.
func TestLateWithinGrace(t *testing.T) {
	p, tally := newPool(t, 1)
	for range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel() // at any moment of the question
		if err := p.Ask(ctx, &asked{request: "echo x"}); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if c := tally.Counters(); c.WorkersStarted != 1 || c.WorkersLate > 0 {
		t.Errorf("%+v", c)
	}
}

func TestLies(t *testing.T) {
	p, tally := newPool(t, 1)
	if err := p.Ask(t.Context(), &asked{request: "echo x", want: func(string) bool { return false }}); err == nil {
		t.Error("a lie was believed")
	}
	if c := tally.Counters(); c.AnswersRejected != 2 {
		t.Errorf("%+v", c)
	}
}

// TestKilledUnderLoad: whatever worker is killed at whatever moment, each question gets its answer, and nothing is left behind.
func TestKilledUnderLoad(t *testing.T) {
	kills := int32(30)
	if os.Getenv("MIRRORGW_SOAK") != "" {
		kills = 1000
	}
	p, tally := newPool(t, 2)
	before := openFiles(t)
	var pids sync.Map
	var killed atomic.Int32
	var asking sync.WaitGroup
	for i := range 12 {
		asking.Go(func() {
			for n := 0; killed.Load() < kills; n++ {
				request := fmt.Sprintf("echo %d/%d", i, n)
				if n%4 == 0 {
					request = "pid"
				}
				q := &asked{request: request}
				// Killed twice in a row a question fails, which is for whoever asked to hear; no other error is one.
				if err := p.Ask(t.Context(), q); err != nil && !errors.Is(err, errEnded) {
					t.Errorf("%s: %v", request, err)
					return
				}
				if request == "pid" {
					pids.Store(q.answer, true)
				} else if q.answer != "" && q.answer != request {
					t.Errorf("asked %q, got %q", request, q.answer)
					return
				}
			}
		})
	}
	for killed.Load() < kills {
		p.mu.Lock()
		for _, s := range p.slots {
			if s.process != nil && s.process.cmd.Process.Kill() == nil && killed.Add(1) == kills {
				break
			}
		}
		p.mu.Unlock()
		started := tally.Counters().WorkersStarted
		until(t, "a new worker", func() bool { return tally.Counters().WorkersStarted > started || t.Failed() })
	}
	asking.Wait()
	c := tally.Counters()
	t.Logf("%+v", c)
	if c.WorkersLate+c.AnswersRejected+c.StartsFailed > 0 || c.WorkersCrashed == 0 {
		t.Errorf("%+v", c)
	}
	until(t, "both workers", func() bool { n, _, _ := p.Health(); return n == 2 })
	if after := openFiles(t); after > before+4 { // a worker may just have been started then
		t.Errorf("%d files are open, %d before", after, before)
	}
	p.Close()
	pids.Range(func(pid, _ any) bool {
		if _, err := os.Stat("/proc/" + pid.(string)); err == nil && pid != "" && strings.Contains(commandOf(pid.(string)), asWorker) {
			t.Errorf("worker %s is left", pid)
		}
		return true
	})
}

func openFiles(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

func commandOf(pid string) string {
	line, _ := os.ReadFile("/proc/" + pid + "/cmdline") // nothing when it has ended
	return string(bytes.ReplaceAll(line, []byte{0}, []byte{' '}))
}

func TestIdleWorkerIsReplaced(t *testing.T) {
	p, tally := newPool(t, 1)
	p.mu.Lock()
	p.slots[0].process.Kill()
	p.mu.Unlock()
	until(t, "another worker", func() bool { return tally.Counters().WorkersStarted == 2 })
	if err := p.Ask(t.Context(), &asked{request: "echo x"}); err != nil {
		t.Error(err)
	}
	if c := tally.Counters(); c.WorkersLost != 1 || c.WorkersCrashed+c.AskedAgain > 0 {
		t.Errorf("%+v", c)
	}
}

func TestNoWorkerCanBeStarted(t *testing.T) {
	tally := new(Tally)
	_, err := Start(Config{Program: Program{Args: []string{asWorker, broken}, Tally: tally}, Workers: 2})
	if err == nil || !strings.Contains(err.Error(), "broken on purpose") {
		t.Errorf("got %v", err)
	}
	_, err = Start(Config{Program: Program{Args: []string{asWorker}, Tally: tally, Confine: func() error { return errors.New("no confinement") }}, Workers: 1})
	if err == nil || !strings.Contains(err.Error(), "no confinement") {
		t.Errorf("got %v", err)
	}
	_, err = Start(Config{Program: Program{Args: []string{asWorker}, Tally: tally}, Workers: 1, Prepare: func(*Process) error { return errors.New("not ready") }})
	if err == nil || !strings.Contains(err.Error(), "not ready") {
		t.Errorf("got %v", err)
	}
	if c := tally.Counters(); c.StartsFailed < 3 {
		t.Errorf("%+v", c)
	}
}

func TestClose(t *testing.T) {
	p, _ := newPool(t, 2)
	var asking sync.WaitGroup
	begun := make(chan struct{}, 12)
	for range cap(begun) {
		asking.Go(func() {
			for n := 0; ; n++ {
				err := p.Ask(t.Context(), &asked{request: "echo x"})
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				if n == 0 {
					begun <- struct{}{}
				}
			}
		})
	}
	for range cap(begun) {
		<-begun
	}
	p.Close()
	asking.Wait()
	p.Close()
}

func TestOpen(t *testing.T) {
	g := Program{Args: []string{asWorker}, Tally: new(Tally)}
	var pid string
	err := g.Open(func(p *Process) error {
		answer, err := p.Ask(t.Context(), []byte("pid"), nil)
		pid = string(answer)
		return err
	})
	if err != nil || pid == "" || strings.Contains(commandOf(pid), asWorker) {
		t.Errorf("worker %q: %v", pid, err)
	}
	own := errors.New("own")
	if err := g.Open(func(*Process) error { return own }); !errors.Is(err, own) {
		t.Errorf("got %v", err)
	}
}

// TestSlack: a worker's threads have it from the one that started the worker.
func TestSlack(t *testing.T) {
	p, _ := newPool(t, 1)
	q := &asked{request: "slack"}
	if err := p.Ask(t.Context(), q); err != nil || q.answer != fmt.Sprint(slack, nil) {
		t.Errorf("%q, %v", q.answer, err)
	}
}

// TestAskedOnceClosed: the pool may have closed the socket of a worker that has ended when it is asked.
func TestAskedOnceClosed(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := (Program{Args: []string{asWorker}, Tally: new(Tally)}).Open(func(p *Process) error {
		p.conn.Close()
		for _, beside := range []*os.File{nil, file} {
			if _, err := p.Ask(t.Context(), []byte("echo"), beside); !errors.Is(err, errUnread) {
				t.Errorf("with a file %t: %v", beside != nil, err)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestAskAllocates(t *testing.T) {
	p, _ := newPool(t, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	q := &constant{[]byte("echo x")}
	if n := testing.AllocsPerRun(100, func() {
		if err := p.Ask(ctx, q); err != nil {
			t.Error(err)
		}
	}); n > 4 {
		t.Errorf("%v allocations for a question", n)
	}
}

// constant is a question that costs nothing itself.
type constant struct{ request []byte }

func (c *constant) Request() ([]byte, *os.File) { return c.request, nil }

func (c *constant) Accept([]byte) error { return nil }
