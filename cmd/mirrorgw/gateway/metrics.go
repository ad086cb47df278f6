package gateway

import (
	"maps"
	"runtime"
	"slices"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/cmd/mirrorgw/metrics"
	"mirrorgw/forwarder/pop3"
	"mirrorgw/scanner"
)

// Turns returns a number for each loop that forwards frames: odd while it is at work, and another one at each turn.
func (m *Mirror) Turns() []uint64 { return m.forwarder.Turns() }

// Metrics returns the figures for Prometheus, those of s, a status of this gateway, among them. It may be called as Status may. All that is published for Prometheus is published here.
func (m *Mirror) Metrics(s control.Status) *metrics.Page {
	p := &metrics.Page{}
	p.Family("mirrorgw_build_info", metrics.Gauge, "What this program was made of.").Add(1, "version", s.Version, "go", runtime.Version())
	p.Family("mirrorgw_uptime_seconds", metrics.Gauge, "Time since the start.").Add(float64(s.Uptime))
	p.Family("mirrorgw_healthy", metrics.Gauge, "Whether the gateway does what it is there for.").Add(one(s.Health == control.OK))
	p.Family("mirrorgw_bypass", metrics.Gauge, "Whether mail is forwarded unscanned.").Add(one(s.Bypass))
	p.Family("mirrorgw_shadow", metrics.Gauge, "Whether mail is judged and delivered whatever is found.").Add(one(s.Shadow))
	m.addFrames(p)
	m.addSessions(p)
	m.addMessages(p)

	up := p.Family("mirrorgw_engine_up", metrics.Gauge, "Whether an engine has passed its self-test and answers.")
	for _, e := range s.Engines {
		up.Add(one(e.State == "ok"), "engine", e.Name)
	}
	p.Histogram("mirrorgw_scan_seconds", "Time an engine took for one part of a mail, waiting for its turn included.", "engine", &m.scanTimes)

	routers := p.Family("mirrorgw_router_up", metrics.Gauge, "Whether a router answers.")
	shown := make(map[string]bool) // one router may have several routes
	for _, r := range s.Routers {
		if !shown[r.Address] {
			routers.Add(one(r.MAC != ""), "router", r.Address)
		}
		shown[r.Address] = true
	}
	p.Family("mirrorgw_flows", metrics.Gauge, "Intercepted flows that are open.").Add(float64(s.Flows.Open))
	p.Family("mirrorgw_quarantine_mails", metrics.Gauge, "Mails in quarantine.").Add(float64(s.Quarantine.Count))
	p.Family("mirrorgw_quarantine_bytes", metrics.Gauge, "Octets of the mails in quarantine.").Add(float64(s.Quarantine.Bytes))
	events := p.Family("mirrorgw_events", metrics.Untyped, "What else is counted, as events in mirrorgw status --json; nearly all only grow.")
	for _, room := range slices.Sorted(maps.Keys(s.Events)) {
		for _, name := range slices.Sorted(maps.Keys(s.Events[room])) {
			events.Add(float64(s.Events[room][name]), "room", room, "event", name)
		}
	}
	return p
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// addFrames adds what became of frames.
func (m *Mirror) addFrames(p *metrics.Page) {
	c := m.forwarder.Counters()
	frames := p.Family("mirrorgw_frames_total", metrics.Counter, "Frames received, by what became of them; punted ones are for the gateway itself (own) or of intercepted flows.")
	frames.Add(float64(c.Forwarded), "fate", "forward")
	frames.Add(float64(c.PuntedOwn), "fate", "punt", "reason", "own")
	frames.Add(float64(c.PuntedIntercept), "fate", "punt", "reason", "intercept")
	for _, reason := range slices.Sorted(maps.Keys(c.Dropped)) {
		frames.Add(float64(c.Dropped[reason]), "fate", "drop", "reason", reason.String())
	}
	octets := p.Family("mirrorgw_bytes_total", metrics.Counter, "Octets of the frames forwarded and punted.")
	octets.Add(float64(c.ForwardedBytes), "fate", "forward")
	octets.Add(float64(c.PuntedOwnBytes+c.PuntedInterceptBytes), "fate", "punt")
}

// addSessions adds the sessions relayed, by protocol: several rules may have the same.
func (m *Mirror) addSessions(p *metrics.Page) {
	m.mu.RLock()
	rooms := m.mail
	m.mu.RUnlock()
	active, ended := make(map[config.Protocol]uint64), make(map[config.Protocol]map[pop3.End]uint64)
	for i, rule := range m.cfg.Intercept {
		active[rule.Protocol] += 0
		if rooms == nil {
			continue
		}
		if ended[rule.Protocol] == nil {
			ended[rule.Protocol] = make(map[pop3.End]uint64)
		}
		active[rule.Protocol] += rooms.relays[i].Counters().SessionsActive
		for end, n := range rooms.relays[i].Ends() {
			ended[rule.Protocol][end] += n
		}
	}
	now := p.Family("mirrorgw_sessions", metrics.Gauge, "Sessions being relayed.")
	for _, protocol := range slices.Sorted(maps.Keys(active)) {
		now.Add(float64(active[protocol]), "protocol", string(protocol))
	}
	total := p.Family("mirrorgw_sessions_total", metrics.Counter, "Sessions that have ended, by how.")
	for _, protocol := range slices.Sorted(maps.Keys(ended)) {
		for _, end := range slices.Sorted(maps.Keys(ended[protocol])) {
			total.Add(float64(ended[protocol][end]), "protocol", string(protocol), "end", end.String())
		}
	}
}

// addMessages adds the mails judged. What any gateway will meet is there from the start, at zero: an increase from nothing is
// none to Prometheus.
func (m *Mirror) addMessages(p *metrics.Page) {
	m.mu.RLock()
	rooms := m.mail
	m.mu.RUnlock()
	total := p.Family("mirrorgw_messages_total", metrics.Counter, "Mails judged, by verdict and by what became of them.")
	if rooms == nil {
		return
	}
	rulings := rooms.judge.Rulings()
	if rulings == nil {
		rulings = make(map[scanner.RulingKind]uint64)
	}
	for _, rule := range rooms.cfg.Intercept {
		protocol := string(rule.Protocol)
		rulings[scanner.RulingKind{Protocol: protocol, Class: scanner.Clean, Action: scanner.Deliver}] += 0
		for cause, action := range rooms.cfg.Scan.Policy {
			class := scanner.Unscannable
			if cause == scanner.CauseInfected {
				class = scanner.Infected
			}
			rulings[scanner.RulingKind{Protocol: protocol, Class: class, Action: action}] += 0
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(rulings), scanner.RulingKind.Compare) {
		total.Add(float64(rulings[k]), "protocol", k.Protocol, "verdict", k.Class.String(), "action", k.Action.String())
	}
}
