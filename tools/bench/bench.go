package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"mirrorgw/testnet"
)

// errNotMeasured reports figures that the table lacks; what was in their way has been told as it happened.
var errNotMeasured = errors.New("not everything could be measured")

// measure is something to be done on each of some ways, which gives one or more figures.
type measure struct {
	name    string
	page    page
	ways    []way
	figures []*figure

	// take returns a value for each of figures; one that is not a number cannot be told on that way.
	take func(context.Context, way) ([]float64, error)
}

// figure is one line of the table, and its values so far.
type figure struct {
	name string
	unit unit
	aims []aim
	got  map[way]series
}

// bench is one run of the program.
type bench struct {
	options
	lab      *testnet.Lab
	measures []*measure
	progress io.Writer
	failed   bool

	process *testnet.Process // what forwards on the way at hand; nil where that is the kernel
	iperf   bool             // iperf3 listens in the internet
	mails   []testnet.Mail   // what is served in the internet; nil while nothing is

	// closers end what was added to the lab, in reverse order.
	closers []func(context.Context) error
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
		ctx := context.WithoutCancel(ctx)
		for _, end := range slices.Backward(b.closers) {
			err = errors.Join(err, end(ctx))
		}
		err = errors.Join(err, b.lab.Down(ctx))
	}()
	if err := b.quietenBridge(ctx); err != nil {
		return err
	}
	for _, s := range subjects() {
		if o.measures(s) {
			if err := s.add(b, ctx); err != nil {
				return err
			}
		}
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
		if m.measuredOn(w) && (len(b.options.ways) == 0 || slices.Contains(b.options.ways, w)) {
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
		values, err := m.take(ctx, w)
		if err != nil {
			b.miss(ctx, heading+": "+m.name, err)
			continue
		}
		for i, f := range m.figures {
			f.got[w] = append(f.got[w], values[i])
			if !math.IsNaN(values[i]) {
				b.tell("%s: %s: %s", heading, f.name, f.unit.format(values[i]))
			}
		}
	}
	return errors.Join(leave(context.WithoutCancel(ctx)), context.Cause(ctx))
}

// add puts a measure on the list.
func (b *bench) add(m measure) {
	for _, f := range m.figures {
		f.got = make(map[way]series)
	}
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
