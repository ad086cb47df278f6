package main

import (
	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/scanner/quarantine"
)

// limitsOf says in the quarantine's words for how long and how much it keeps.
func limitsOf(q config.Quarantine) quarantine.Limits {
	return quarantine.Limits{Keep: q.Keep, Max: q.Max}
}
