package main

import (
	"context"
	"log/slog"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/confine"
	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/cmd/mirrorgw/metrics"
	"mirrorgw/scanner"
)

// rooms are what the commands need of the rest of the program. main takes those that are built in, a test its own.
type rooms struct {
	// newGateway builds the gateway that `run` runs, and opens its device.
	newGateway func(*config.Config, *slog.Logger) (gateway, error)

	// confine takes what a gateway at work does not need from this process, for good; file is where the configuration was read.
	confine func(cfg *config.Config, file string) (confine.Report, error)

	// compileRules says what is wrong with YARA rules, as FILE:LINE: message, one a line, and which are slow.
	compileRules func(config.YARA) (slow []string, err error)

	// openEngine compiles YARA rules for `scan`. What is wrong with them it says as compileRules does.
	openEngine func(cfg config.YARA, log *slog.Logger) (engine, error)

	// openMatcher compiles YARA rules for `scan --explain`, which asks where they match.
	openMatcher func(rules []string) (matcher, error)

	engines []engineVersion
}

// engine judges parts of mails until it is closed.
type engine interface {
	scanner.Engine
	Close() error
}

// matcher says where rules match until it is closed.
type matcher interface {
	scanner.Matcher
	Close() error
}

// gateway is a mirror at work.
type gateway interface {
	// Run works until ctx ends, then takes no new session, lets the running ones end and returns.
	Run(ctx context.Context) error
	// Ready returns a channel that is closed once frames flow and the engines have passed their self-test.
	Ready() <-chan struct{}
	// Status is called from several goroutines at once, before and after Ready.
	Status() control.Status
	// Metrics returns the figures for Prometheus, those of a status among them. It is called as Status is.
	Metrics(control.Status) *metrics.Page
	// Reload has new sessions begin with what a configuration and its rules say, which differs from the one before only in
	// what may change. On an error nothing has changed.
	Reload(context.Context, *config.Config) error
	// Turns returns a number for each loop that forwards frames: odd while it is at work, and another one at each turn.
	Turns() []uint64
}

// engineVersion is a scan engine the program was built with.
type engineVersion struct {
	name   string
	detail string // the version of its library
}
