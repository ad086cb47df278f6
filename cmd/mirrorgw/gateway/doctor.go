package gateway

import (
	"net"
	"net/netip"
	"slices"
	"time"

	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/cmd/mirrorgw/doctor"
	"mirrorgw/forwarder"
)

// newDoctor returns who says what would defeat this gateway. Its device is open.
func (m *Mirror) newDoctor() (*doctor.Doctor, error) {
	return doctor.New(doctor.Config{
		Device: m.device.Name(), Bridge: m.cfg.Device.Bridge, MAC: m.device.MAC(), LAN: m.seenOnLAN, Log: m.log,
	})
}

// seenOnLAN returns what the forwarder knows of the LAN, in the doctor's words.
func (m *Mirror) seenOnLAN() doctor.LAN {
	now := time.Now()
	lan := doctor.LAN{
		Now:        now,
		Uptime:     now.Sub(m.started),
		Received:   m.forwarder.Counters().Received,
		Advertises: m.cfg.RA.Enabled,
		Claim:      sighting(m.forwarder.AddressClaimed()),
		Redirect:   sighting(m.forwarder.Redirected()),
		IPv6: slices.ContainsFunc(m.cfg.Addresses, func(p netip.Prefix) bool {
			return p.Addr().Is6() && !p.Addr().IsLinkLocalUnicast()
		}),
	}
	for _, r := range m.forwarder.Routers() {
		lan.Routers = append(lan.Routers, doctor.Router{Addr: r.Addr, Answers: r.Reachable, Spare: !r.InUse || r.To.IsValid()})
	}
	if others := m.forwarder.Advertisers(); len(others) > 0 {
		lan.Advertisement = sighting(forwarder.Sighting{Addr: others[0].Addr, MAC: others[0].MAC, Last: others[0].Seen})
	}
	return lan
}

func sighting(s forwarder.Sighting) doctor.Sighting {
	return doctor.Sighting{Addr: s.Addr, MAC: net.HardwareAddr(s.MAC[:]), Last: s.Last}
}

// addFindings adds what the doctor says.
func (m *Mirror) addFindings(s *control.Status) {
	for _, f := range m.doctor.Report() {
		s.Doctor = append(s.Doctor, control.Finding{Check: f.Check, State: string(f.State), Detail: f.Detail, Fix: f.Fix})
	}
}
