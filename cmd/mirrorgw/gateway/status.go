package gateway

import (
	"net"
	"net/netip"
	"reflect"
	"regexp"
	"strings"
	"time"

	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/cmd/mirrorgw/doctor"
	"mirrorgw/scanner/clamd"
	"mirrorgw/scanner/yara"
	"mirrorgw/stack"
)

// Status returns how the gateway is, before and after it is ready. It may be called from several goroutines at once.
func (m *Mirror) Status() control.Status {
	frames, flows := m.forwarder.Counters(), m.stack.Counters()
	s := control.Status{
		Version: m.version,
		Uptime:  int64(time.Since(m.started) / time.Second),
		Frames: control.Frames{
			Received:  frames.Received,
			Forwarded: frames.Forwarded,
			Punted:    frames.PuntedOwn + frames.PuntedIntercept,
			Dropped:   make(map[string]uint64, len(frames.Dropped)),
		},
		Sessions: make(map[string]uint64),
		Flowing:  []control.Flow{},
	}
	for reason, n := range frames.Dropped {
		s.Frames.Dropped[reason.String()] = n
	}
	s.Events = map[string]map[string]uint64{"frames": figures(frames), "flows": figures(flows), "capture": figures(m.tap.Counters()), "device": figures(m.device.Counters()), "quarantine": figures(m.store.Counters()), "history": m.hunter.figures(m.history)}
	s.Flows.Open, s.Flows.Total = uint64(max(flows.Active, 0)), uint64(flows.Flows)
	for _, r := range m.forwarder.Routers() {
		router := control.Router{Address: r.Addr.String(), Standby: !r.InUse}
		if r.To.IsValid() {
			router.To = r.To.String()
		}
		if r.Reachable {
			router.MAC = net.HardwareAddr(r.MAC[:]).String()
		}
		s.Routers = append(s.Routers, router)
	}
	s.Device = m.deviceStatus()
	s.Quarantine = m.quarantineStatus()
	s.Intake = m.intake.state()
	s.Bypass = s.Intake.State == control.IntakeForward
	s.Events["spool"] = figures(m.quota.Counters())
	m.addMail(&s)
	m.addFindings(&s)
	s.Health = m.health(&s)
	return s
}

// addMail adds what the rooms behind the engines know.
func (m *Mirror) addMail(s *control.Status) {
	for _, rule := range m.cfg.Intercept {
		s.Sessions[string(rule.Protocol)] = 0
	}
	m.mu.RLock()
	rooms, older := m.mail, m.older
	m.mu.RUnlock()
	if rooms == nil {
		s.Engines = []control.Engine{{Name: yara.Name, State: "starting", Detail: "compiling rules"}}
		return
	}
	m.addYARA(s, rooms.engine, older)
	s.Flowing = flowsOf(m.cfg.Intercept, rooms.relays)
	addOthers(s, rooms.others)
	addSpam(s, rooms.spam)
	addNeutral(s, rooms.neutral)
	s.Shadow = rooms.cfg.Shadow
	judged := rooms.judge.Counters()
	s.Events["messages"] = figures(judged)
	s.Events["notices"] = figures(rooms.notice.Counters())
	s.Events["messages"]["refused_for_memory"] = m.judgements.refused.Load()
	s.Messages = control.Messages{Clean: judged.Clean, Infected: judged.Infected, Unscannable: judged.Unscannable}
	for i, relay := range rooms.relays {
		c := relay.Counters()
		s.Sessions[string(m.cfg.Intercept[i].Protocol)] += c.SessionsActive
		s.Flows.Unscanned += c.OpaqueFlows + c.NotPOP3Passed
		name := string(m.cfg.Intercept[i].Protocol)
		sums := s.Events[name]
		if sums == nil {
			sums = make(map[string]uint64)
			s.Events[name] = sums
		}
		for figure, n := range figures(c) {
			sums[figure] += n
		}
	}
}

// deviceStatus returns how the device is, and what is wrong with it.
func (m *Mirror) deviceStatus() control.Device {
	state, err := m.device.State()
	d := control.Device{Name: m.device.Name(), State: state.String()}
	if err != nil {
		d.Detail = err.Error()
	}
	return d
}

// quarantineStatus returns what is in quarantine, and why nothing can be put there.
func (m *Mirror) quarantineStatus() control.Quarantine {
	count, octets, err := m.store.Stat()
	q := control.Quarantine{Count: uint64(count), Bytes: uint64(octets)}
	if fault := m.store.Fault(); fault != nil { // which says what to do
		err = fault
	}
	if err != nil {
		q.Detail = err.Error()
	}
	return q
}

// figures returns the numbers in a room's struct of counters, named as its fields are, in snake case.
func figures(counters any) map[string]uint64 {
	v := reflect.ValueOf(counters)
	all := make(map[string]uint64, v.NumField())
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Uint64:
			all[snakeCase(v.Type().Field(i).Name)] = f.Uint()
		case reflect.Int64:
			all[snakeCase(v.Type().Field(i).Name)] = uint64(max(f.Int(), 0))
		default: // not a number: shown elsewhere
		}
	}
	return all
}

// wordEdge is where a word of a Go name begins: before a capital that a small letter precedes or follows.
var wordEdge = regexp.MustCompile(`([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])`)

// snakeCase turns ICMPErrorsSent into icmp_errors_sent.
func snakeCase(name string) string {
	return strings.ToLower(wordEdge.ReplaceAllString(name, "${1}${3}_${2}${4}"))
}

// health says whether the gateway does what it is there for.
func (m *Mirror) health(s *control.Status) control.Health {
	m.mu.RLock()
	ending := m.ending
	m.mu.RUnlock()
	select {
	case <-m.ready:
	default:
		return control.Starting
	}
	if ending {
		return control.Draining
	}
	if s.Device.State != stack.DeviceUp.String() {
		return control.Failing
	}
	if s.Intake.Failing || s.Quarantine.Detail != "" { // infected mail then has nowhere to go
		return control.Failing
	}
	for _, r := range s.Routers {
		if r.MAC == "" && !r.Standby && r.To == "" { // another stands in for it, or it serves one route
			return control.Failing
		}
	}
	for _, e := range s.Engines {
		if e.State == string(clamd.Down) {
			return control.Failing
		}
	}
	for _, f := range s.Doctor {
		if f.State == string(doctor.Failing) {
			return control.Failing
		}
	}
	return control.OK
}

// addrPort returns the address of a TCP connection's end.
func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		p := tcp.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	return netip.AddrPort{}
}
