package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/scanner/yara"
)

func main() {
	p := &program{args: os.Args, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, rooms: builtIn()}
	ctx, stop := untilSignal(context.Background())
	code := p.main(ctx)
	stop()
	os.Exit(code)
}

// program is one call of the command.
type program struct {
	args           []string // the command's name first
	stdin          io.Reader
	stdout, stderr io.Writer
	rooms          rooms
}

// main runs the command and returns its exit code. Errors go to standard error, one a line.
func (p *program) main(ctx context.Context) int {
	err := p.app().RunContext(ctx, p.args)
	if err == nil {
		return exitDone
	}
	if wrong, ok := errors.AsType[config.Errors](err); ok {
		fmt.Fprintln(p.stderr, wrong) // each begins with its place, as compilers write it
		return exitUsage
	}
	exit, ok := errors.AsType[*exitError](err)
	if !ok {
		exit = &exitError{exitNo, err}
		if _, wrong := errors.AsType[*yara.CompileError](err); wrong { // rules are configuration
			exit.code = exitUsage
		}
	}
	if exit.err != nil {
		fmt.Fprintln(p.stderr, "mirrorgw:", err)
	}
	return exit.code
}

// The exit codes promised to users.
const (
	exitDone  = 0
	exitNo    = 1 // the answer is no: infected, not there, not running
	exitUsage = 2 // the command line or the configuration is wrong
)

// exitError is an error with an exit code of its own. Without err the command has said all there is to say.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usagef returns an error about the command line.
func usagef(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// untilSignal returns a context that the first SIGTERM or SIGINT ends. By then signals do again what they do by default, so
// that the second one ends the process at once.
func untilSignal(parent context.Context) (ctx context.Context, stop func()) {
	ctx, stop = context.WithCancel(parent)
	arrived := make(chan os.Signal, 1)
	signal.Notify(arrived, syscall.SIGTERM, syscall.SIGINT)
	go func() { // ends with the first signal, or with stop
		select {
		case <-arrived:
		case <-ctx.Done():
		}
		signal.Stop(arrived)
		stop()
	}()
	return ctx, stop
}
