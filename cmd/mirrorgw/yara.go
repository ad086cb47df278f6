package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"runtime"
	"strings"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/confine"
	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/scanner/clamd"
	"mirrorgw/scanner/worker"
	"mirrorgw/scanner/yara"
)

// yaraConfig says how the rules of a configuration run, in workers confined by confine. tally may be nil.
func yaraConfig(c config.YARA, confine func() error, tally *worker.Tally, log *slog.Logger) yara.Config {
	workers := c.Workers
	if workers == config.AutoWorkers {
		workers = runtime.GOMAXPROCS(0)
	}
	return yara.Config{Rules: c.Rules, Workers: workers, Confine: confine, Tally: tally, Log: log}
}

// confineWorkers returns what confines the threads that start workers. It is called before this process is confined itself, and can no
// longer learn what it was loaded from.
func confineWorkers() func() error {
	files := ownFiles()
	return func() error { return confine.Thread(files) }
}

// compileRules says what is wrong with rules, and which are slow.
func compileRules(c config.YARA) (slow []string, err error) {
	cfg := yaraConfig(c, confineWorkers(), nil, nil)
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
	return yara.New(yaraConfig(c, confineWorkers(), nil, log))
}

// maxShownSlow bounds the slow rules named in a status.
const maxShownSlow = 3

// addYARA adds the engine to a status. older is the number of rule sets from before a reload.
func (m *mirror) addYARA(s *control.Status, engine *yara.Engine, older int) {
	e := control.Engine{Name: yara.Name, State: string(clamd.OK), Detail: fmt.Sprintf("libyara %s, %d rules", yara.Version(), engine.Rules())}
	health := engine.Health()
	if health.Workers > 0 {
		e.Detail += fmt.Sprintf("; %d workers, %s", health.Workers, health.Hello)
	}
	if health.Err != nil {
		e.State = string(clamd.Down)
		e.Detail += "; " + health.Err.Error()
	}
	if older > 0 {
		e.Detail += fmt.Sprintf("; older rules of %d reloads until their sessions end", older)
	}
	if slow := engine.Slow(); len(slow) > 0 {
		var named []string
		for _, rule := range slow[:min(len(slow), maxShownSlow)] {
			named = append(named, cmp.Or(rule.Rule, rule.File))
		}
		e.Detail += fmt.Sprintf("; %d slow rules, the slowest: %s", len(slow), strings.Join(named, ", "))
	}
	s.Engines = []control.Engine{e}
	s.Events[yara.Name] = figures(m.workers.Counters())
}
