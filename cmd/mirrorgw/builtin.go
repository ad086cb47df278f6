package main

import (
	"log/slog"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/engines"
	"mirrorgw/cmd/mirrorgw/gateway"
	"mirrorgw/cmd/mirrorgw/service"
	"mirrorgw/scanner/yara"
)

// builtIn returns the rooms of this build.
func builtIn() rooms {
	return rooms{newGateway: newGateway, confine: service.Confine, compileRules: compileRules, openEngine: openEngine, openMatcher: openMatcher, engines: engines.Versions()}
}

func newGateway(cfg *config.Config, log *slog.Logger) (service.Gateway, error) {
	m, err := gateway.New(cfg, buildOf(nil).version, log)
	if err != nil {
		return nil, err // and no gateway that is a nil pointer
	}
	return m, nil
}

// compileRules says what is wrong with rules, and which are slow.
func compileRules(c config.YARA) (slow []string, err error) {
	cfg := engines.YARA(c, engines.ConfineWorkers(), nil, nil)
	cfg.Workers = min(cfg.Workers, 1) // nothing is scanned
	engine, err := yara.New(cfg)
	if err != nil {
		return nil, err
	}
	for _, s := range engine.Slow() {
		slow = append(slow, s.String())
	}
	return slow, engine.Close()
}

// openEngine compiles rules for the command that judges without a gateway.
func openEngine(c config.YARA, log *slog.Logger) (engine, error) {
	return yara.New(engines.YARA(c, engines.ConfineWorkers(), nil, log))
}

// openMatcher compiles rule files and folders for the command that says where they match.
func openMatcher(rules []string) (matcher, error) {
	return yara.NewMatcher(yara.Config{Rules: rules})
}
