package main

import (
	"log/slog"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/confine"
	"mirrorgw/cmd/mirrorgw/engines"
	"mirrorgw/cmd/mirrorgw/service"
	"mirrorgw/scanner"
)

// rooms are what the commands need of the rest of the program. main takes those that are built in, a test its own.
type rooms struct {
	// newGateway builds the gateway that `run` runs, and opens its device.
	newGateway func(*config.Config, *slog.Logger) (service.Gateway, error)

	// confine takes what a gateway at work does not need from this process, for good; file is where the configuration was read.
	confine func(cfg *config.Config, file string) (confine.Report, error)

	// compileRules says what is wrong with YARA rules, as FILE:LINE: message, one a line, and which are slow.
	compileRules func(config.YARA) (slow []string, err error)

	// openEngine compiles YARA rules for `scan`. What is wrong with them it says as compileRules does.
	openEngine func(cfg config.YARA, log *slog.Logger) (engine, error)

	// openMatcher compiles YARA rules for `scan --explain`, which asks where they match.
	openMatcher func(rules []string) (matcher, error)

	engines []engines.Version // this program was built with
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
