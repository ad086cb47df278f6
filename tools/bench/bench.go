package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"mirrorgw/testnet"
)

// errNotMeasured reports figures that the table lacks; what was in their way has been told as it happened.
var errNotMeasured = errors.New("not everything could be measured")

// measure is something to be measured on each of some ways.
type measure struct {
	name string
	unit unit
	ways []way

	// aim is the least ratio to the kernel that the project wants, 0 for none.
	aim float64

	take func(context.Context) (float64, error)

	got map[way]series
}

// bench is one run of the program.
type bench struct {
	options
	lab      *testnet.Lab
	measures []*measure
	progress io.Writer
	failed   bool
}

// measureAll builds the lab, measures, writes the table and takes the lab down.
//
// Errors: errNotMeasured; what kept the lab from coming up; the context's.
func measureAll(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	if err := needTools(o); err != nil {
		return err
	}
	b := &bench{options: o, progress: stderr}
	b.tell("building client, LAN, router and internet")
	b.lab, err = testnet.Up(ctx, testnet.Config{Name: o.name})
	if errors.Is(err, testnet.ErrLabExists) {
		return fmt.Errorf("another run is under way, or was killed: %w, with --name %s", err, o.name)
	}
	if err != nil {
		return err
	}
	defer func() {
		b.tell("taking the lab down")
		err = errors.Join(err, b.lab.Down(context.WithoutCancel(ctx)))
	}()
	if o.only != "sessions" {
		if err := b.addForwarding(ctx); err != nil {
			return err
		}
	}
	if o.only != "forwarding" {
		server, err := b.addSessions(ctx)
		if err != nil {
			return err
		}
		defer server.Close()
	}
	for round := range o.runs {
		for _, w := range ways() {
			if err := b.goRound(ctx, round, w); err != nil {
				return err
			}
		}
	}
	if err := writeTable(stdout, b.measures); err != nil {
		return err
	}
	if b.failed {
		return errNotMeasured
	}
	return nil
}

// goRound measures once whatever is measured on a way.
//
// Errors: the context's; the way's, when it could not be cleared and would spoil the next one.
func (b *bench) goRound(ctx context.Context, round int, w way) error {
	var here []*measure
	for _, m := range b.measures {
		if m.measuredOn(w) {
			here = append(here, m)
		}
	}
	if len(here) == 0 {
		return nil
	}
	heading := fmt.Sprintf("round %d of %d, %s", round+1, b.runs, w)
	leave, err := b.enter(ctx, w)
	if err != nil {
		b.miss(ctx, heading, err)
		return context.Cause(ctx)
	}
	for _, m := range here {
		value, err := m.take(ctx)
		if err != nil {
			b.miss(ctx, heading+": "+m.name, err)
			continue
		}
		m.got[w] = append(m.got[w], value)
		b.tell("%s: %s: %s", heading, m.name, m.unit.format(value))
	}
	return errors.Join(leave(context.WithoutCancel(ctx)), context.Cause(ctx))
}

// add puts a measure on the list.
func (b *bench) add(m measure) {
	m.got = make(map[way]series)
	b.measures = append(b.measures, &m)
}

// miss tells of something that could not be measured, unless it was the user who ended it.
func (b *bench) miss(ctx context.Context, what string, err error) {
	if ctx.Err() != nil {
		return
	}
	b.failed = true
	b.tell("%s: not measured: %v", what, err)
}

// tell writes a line of progress.
func (b *bench) tell(format string, args ...any) {
	fmt.Fprintf(b.progress, format+"\n", args...)
}

func (m *measure) measuredOn(w way) bool {
	return slices.Contains(m.ways, w)
}
