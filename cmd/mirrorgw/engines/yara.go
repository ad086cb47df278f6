package engines

import (
	"log/slog"
	"runtime"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/confine"
	"mirrorgw/scanner/worker"
	"mirrorgw/scanner/yara"
)

// YARA says how the rules of a configuration run, in workers whose threads confine confines, see ConfineWorkers. tally may be nil.
func YARA(c config.YARA, confine func() error, tally *worker.Tally, log *slog.Logger) yara.Config {
	workers := c.Workers
	if workers == config.AutoWorkers {
		workers = runtime.GOMAXPROCS(0)
	}
	return yara.Config{Rules: c.Rules, Workers: workers, Confine: confine, Tally: tally, Log: log}
}

// ConfineWorkers returns what confines the threads that start workers. It is called before this process is confined itself, and can no
// longer learn what it was loaded from.
func ConfineWorkers() func() error {
	files := confine.OwnFiles()
	return func() error { return confine.Thread(files) }
}
