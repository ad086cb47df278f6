//go:build !noyara

package yara

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"mirrorgw/scanner"
	"mirrorgw/scanner/worker"
)

// maxInline is the longest content that goes to a worker within the request, in octets.
const maxInline = 64 << 10

// remote has workers run the rules.
type remote struct {
	about     report
	image     *os.File // the compiled rules, sealed
	pool      *worker.Pool
	log       *slog.Logger
	questions sync.Pool // of *question
	closing   sync.Once
}

func newRemote(c Config) (*Engine, error) {
	program := worker.Program{Args: WorkerArgs(), Confine: c.Confine, Tally: c.Tally}
	image, about, err := compileAside(c.Rules, program)
	if err != nil {
		return nil, err
	}
	r := &remote{about: about, image: image, log: c.Log}
	r.questions.New = func() any { return &question{rules: len(about.Rules)} }
	r.pool, err = worker.Start(worker.Config{Program: program, Workers: c.Workers, Prepare: r.prepare, Log: c.Log})
	if err != nil {
		image.Close()
		return nil, fmt.Errorf("yara: %w", err)
	}
	return &Engine{about: about, runs: r}, nil
}

// loadTime bounds the loading of the rules in a worker.
const loadTime = 30 * time.Second

// prepare has a new worker load the rules.
func (r *remote) prepare(p *worker.Process) error {
	ctx, cancel := context.WithTimeout(context.Background(), loadTime)
	defer cancel()
	request := []byte{byte(kindLoad), 0}
	if r.about.Variables {
		request[1] = 1
	}
	answer, err := p.Ask(ctx, request, r.image)
	if err != nil {
		return err
	}
	if err := failure(answer); err != nil {
		return err
	}
	if want := uint32(len(r.about.Rules)); len(answer) != 5 || binary.LittleEndian.Uint32(answer[1:]) != want {
		return errors.New("it has not loaded the rules that were compiled")
	}
	return nil
}

// scan implements runner.
func (r *remote) scan(ctx context.Context, part *scanner.Part) (scanner.Findings, error) {
	q := r.questions.Get().(*question)
	defer r.release(q)
	if err := q.about(part, timeOf(ctx)); err != nil {
		return nil, fmt.Errorf("yara: %w", err)
	}
	started := time.Now()
	return r.said(q, r.pool.Ask(ctx, q), part, started)
}

// scanAll implements runner. The parts go to a worker together.
func (r *remote) scanAll(ctx context.Context, parts []*scanner.Part) []scanner.Said {
	questions := make([]worker.Question, len(parts))
	for i, part := range parts {
		if _, file := part.Region(); file != nil { // which goes alone
			return oneByOne(ctx, r, parts)
		}
		q := r.questions.Get().(*question)
		defer r.release(q)
		if err := q.about(part, timeOf(ctx)); err != nil {
			return oneByOne(ctx, r, parts)
		}
		questions[i] = q
	}
	started := time.Now()
	errs := r.pool.AskAll(ctx, questions)
	said := make([]scanner.Said, len(parts))
	for i, part := range parts {
		var err error
		if errs != nil {
			err = errs[i]
		}
		said[i].Findings, said[i].Err = r.said(questions[i].(*question), err, part, started)
	}
	return said
}

// release ends the use of q.
func (r *remote) release(q *question) {
	q.close()
	r.questions.Put(q)
}

// said returns what a worker has said of part, which q is about. err says why none has.
func (r *remote) said(q *question, err error, part *scanner.Part, started time.Time) (scanner.Findings, error) {
	switch {
	case errors.Is(err, worker.ErrClosed):
		return nil, ErrClosed
	case err != nil:
		return nil, fmt.Errorf("yara: %w", err)
	}
	return r.about.findings(q.found, part.Path), scanError(q.failed, started)
}

// health implements runner.
func (r *remote) health() Health {
	workers, hello, err := r.pool.Health()
	return Health{Workers: workers, Hello: hello, Err: err}
}

// close implements runner.
func (r *remote) close() {
	r.closing.Do(func() {
		r.pool.Close()
		r.image.Close()
	})
}

// question is one part, as a worker is asked about it. It is used again for the next one.
type question struct {
	rules   int // in the set
	message []byte
	file    *os.File // of the question's own; nil: the content is in the message

	found  []uint32
	failed error // of the scan; the worker itself is well
}

// about makes q ask about part, which it borrows until close.
func (q *question) about(part *scanner.Part, limit time.Duration) (err error) {
	r := scanRequest{limit: limit, name: part.Name[:min(len(part.Name), maxWords)], size: part.Size()}
	mem, file := part.Region()
	switch {
	case file != nil:
		// Opened anew for reading: through the descriptor it was written by, a worker could change the mail.
		q.file, err = os.Open(fmt.Sprintf("/proc/self/fd/%d", file.File.Fd()))
		r.inFile, r.at = true, file.At
	case len(mem) > maxInline:
		q.file, err = sealed(mem)
		r.inFile = true
	default:
		r.content = mem
	}
	if err != nil {
		return fmt.Errorf("handing a part to a worker: %w", err)
	}
	q.message = appendScan(q.message[:0], r)
	return nil
}

// Request implements worker.Question.
func (q *question) Request() ([]byte, *os.File) { return q.message, q.file }

// Accept implements worker.Question.
func (q *question) Accept(answer []byte) (err error) {
	q.found, q.failed = q.found[:0], nil
	switch status(answer[0]) {
	case statusDone:
	case statusTime:
		q.failed = errTime
	case statusFailed:
		q.failed = failure(answer)
		return nil
	default:
		return fmt.Errorf("an answer of kind %d", answer[0])
	}
	q.found, err = parsePlaces(q.found, answer[1:], q.rules)
	return err
}

// close gives back what about took.
func (q *question) close() {
	if q.file != nil {
		q.file.Close()
		q.file = nil
	}
}

// sealed returns content as a file in memory that nobody can change any more.
func sealed(content []byte) (*os.File, error) {
	f, err := memoryFile("content")
	if err != nil {
		return nil, err
	}
	if _, err = f.Write(content); err == nil {
		err = seal(f)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func memoryFile(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

func seal(f *os.File) error {
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		return fmt.Errorf("sealing a file in memory: %w", err)
	}
	return nil
}
