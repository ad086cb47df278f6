package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
)

func main() {
	source := flag.String("source", "tools/corpus", "folder that this program's source lies in")
	keep := flag.String("keep", "", "write the mails into this folder, and leave them there")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *source, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "corpus:", err)
		os.Exit(1)
	}
}

// errMissed is returned when the gateway misses something.
var errMissed = errors.New("mirrorgw misses what a parser extracts")

// run makes the corpus, asks everybody, and prints the tables.
func run(ctx context.Context, source, keep string) (err error) {
	scratch, err := os.MkdirTemp("", "corpus")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	r, err := measure(ctx, source, scratch, func(all []mail) []mail { return all })
	if err != nil {
		return err
	}
	if keep != "" {
		if err := writeTo(keep, r.mails); err != nil {
			return err
		}
	}
	if err := r.print(os.Stdout); err != nil {
		return err
	}
	for _, engine := range r.engines() {
		if len(r.misses(engine)) > 0 {
			return errMissed
		}
	}
	return nil
}

// measure makes the corpus in scratch and has every parser and scanner read those mails that choose takes of it.
func measure(ctx context.Context, source, scratch string, choose func([]mail) []mail) (*result, error) {
	source, err := filepath.Abs(source)
	if err != nil {
		return nil, err
	}
	known, err := payloads()
	if err != nil {
		return nil, err
	}
	r := new(result)
	if r.mails, err = corpus(); err != nil {
		return nil, err
	}
	r.mails = choose(r.mails)
	folder := filepath.Join(scratch, "mails")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	if err := writeTo(folder, r.mails); err != nil {
		return nil, err
	}
	program, err := buildGateway(ctx, source, scratch)
	if err != nil {
		return nil, err
	}
	clamd, err := startClamd(ctx, scratch, known)
	if err == nil {
		defer clamd.Kill()
		r.clamd, err = askClamd(ctx, clamd, folder)
	}
	if err != nil {
		clamd, r.clamd, r.missing = nil, nil, append(r.missing, fmt.Sprintf("clamd: %v", err))
	}
	if r.alone, err = askGateway(ctx, program, folder, scratch, known, nil); err != nil {
		return nil, err
	}
	if clamd != nil {
		if r.both, err = askGateway(ctx, program, folder, scratch, known, clamd); err != nil {
			return nil, err
		}
	}
	var digests []string
	for _, p := range known {
		digests = append(digests, p.digest())
	}
	var missing []string
	r.extracted, missing, err = askOracle(ctx, source, folder, scratch, r.mails, digests)
	r.missing = append(r.missing, missing...)
	return r, err
}
