package main

import (
	"context"
	"log/slog"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/control"
)

// rooms are what the commands need of the rest of the program. main takes those that are built in, a test its own.
type rooms struct {
	// newGateway builds the gateway that `run` runs, and opens its device.
	newGateway func(*config.Config, *slog.Logger) (gateway, error)

	// compileRules says what is wrong with YARA rule files and folders, as FILE:LINE: message, one a line.
	compileRules func(paths []string) error

	engines []engineVersion
}

// gateway is a mirror at work.
type gateway interface {
	// Run works until ctx ends, then takes no new session, lets the running ones end and returns.
	Run(ctx context.Context) error
	// Ready returns a channel that is closed once frames flow and the engines have passed their self-test.
	Ready() <-chan struct{}
	// Status is called from several goroutines at once, before and after Ready.
	Status() control.Status
}

// engineVersion is a scan engine the program was built with.
type engineVersion struct {
	name   string
	detail string // the version of its library
}
