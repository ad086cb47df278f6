package testnet

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// POP3Idle is many sessions that have logged in and say nothing.
type POP3Idle struct{ open []*os.File }

// Open has l.Sessions sessions log in from a host, l.Concurrency at a time, and leaves them there. Their owner must close them, also
// when there is an error: it comes with the sessions that logged in.
//
// Errors: the sessions' first; the context's.
func (l POP3Load) Open(ctx context.Context, from *Host) (*POP3Idle, error) {
	idle := new(POP3Idle)
	run, err := l.prepare(from)
	if err != nil {
		return idle, fmt.Errorf("load: %w", err)
	}
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		failed  error
	)
	for range min(run.Concurrency, l.Sessions) {
		// Ends with the last session, the first failure, or ctx.
		workers.Go(func() {
			lines := bufio.NewReaderSize(nil, maxLoadCommand)
			for ctx.Err() == nil && run.begun.Add(1) <= int64(l.Sessions) {
				c, err := run.dialer.dial(ctx, time.Now().Add(sessionLimit))
				if err == nil {
					lines.Reset(c)
					_, err = run.login(pop3Session{r: lines, w: c})
				}
				mu.Lock()
				if c != nil {
					idle.open = append(idle.open, c)
				}
				if err != nil {
					failed = errors.Join(failed, err)
				}
				stop := failed != nil
				mu.Unlock()
				if stop {
					return
				}
			}
		})
	}
	workers.Wait()
	return idle, errors.Join(failed, run.dialer.Close(), context.Cause(ctx))
}

// Close ends the sessions without a word.
func (i *POP3Idle) Close() error {
	var errs []error
	for _, c := range i.open {
		errs = append(errs, c.Close())
	}
	i.open = nil
	return errors.Join(errs...)
}

// Quit ends the sessions in order, and fails unless all were still there. Thousands of connections that are closed at once would lose
// much of what they say.
func (i *POP3Idle) Quit(ctx context.Context) error {
	var (
		workers sync.WaitGroup
		next    atomic.Int64
		mu      sync.Mutex
		failed  error
	)
	for range loadConcurrency {
		// Ends with the last session, the first failure, or ctx.
		workers.Go(func() {
			lines := bufio.NewReaderSize(nil, maxLoadCommand)
			for n := int(next.Add(1)); n <= len(i.open) && ctx.Err() == nil; n = int(next.Add(1)) {
				c := i.open[n-1]
				lines.Reset(c)
				err := c.SetDeadline(time.Now().Add(sessionLimit))
				if err == nil {
					err = quit(pop3Session{r: lines, w: c})
				}
				if err != nil {
					mu.Lock()
					failed = errors.Join(failed, fmt.Errorf("idle session %d of %d: %w", n, len(i.open), err))
					mu.Unlock()
					return
				}
			}
		})
	}
	workers.Wait()
	return errors.Join(failed, context.Cause(ctx), i.Close())
}
