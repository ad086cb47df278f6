package config

import "strconv"

// YARA configures the yara engine.
type YARA struct {
	Rules   []string // files and folders; empty: the built-in rules only
	Workers int      // processes that scan; 0: the gateway's own; AutoWorkers: one for each processor
}

// AutoWorkers stands for one worker for each processor.
const AutoWorkers = -1

// maxWorkers is more than there are processors in any gateway.
const maxWorkers = 64

func (v value) yara(y *YARA) {
	v.fields(map[string]func(value){
		"rules": func(v value) { v.rules(&y.Rules) },
		"workers": func(v value) {
			if s, ok := v.text(); ok && s == "auto" {
				y.Workers = AutoWorkers
			} else if ok {
				v.count(0, maxWorkers, &y.Workers)
			}
		},
	})
}

func (y *YARA) write(line func(format string, args ...any)) {
	workers := "auto  # processes that scan, one for each processor"
	switch y.Workers {
	case AutoWorkers:
	case 0:
		workers = "0  # scanned within the gateway's own process"
	default:
		workers = strconv.Itoa(y.Workers) + "  # processes that scan"
	}
	line("  yara:")
	if len(y.Rules) > 0 {
		line("    rules: %s", flow(y.Rules, quote))
	}
	line("    workers: %s", workers)
}
