package gateway

import (
	"cmp"
	"fmt"
	"strings"

	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/scanner/clamd"
	"mirrorgw/scanner/yara"
)

// maxShownSlow bounds the slow rules named in a status.
const maxShownSlow = 3

// addYARA adds the engine to a status. older is the number of rule sets from before a reload.
func (m *Mirror) addYARA(s *control.Status, engine *yara.Engine, older int) {
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
