package config

import "net/netip"

// metrics reads where figures are offered. A name is no address: it may mean another one at the next start.
func (v value) metrics(m *Metrics) {
	v.fields(map[string]func(value){"listen": func(v value) {
		s, ok := v.text()
		if !ok {
			return
		}
		if s == "" {
			m.Listen = netip.AddrPort{}
			return
		}
		at, err := netip.ParseAddrPort(s)
		if err != nil || at.Port() == 0 || at.Addr().IsMulticast() {
			v.fail("%s: %s is not an address and a port: write one such as 127.0.0.1:9110 or [::1]:9110, or \"\" for none", v.name(), show(s))
			return
		}
		m.Listen = at
	}})
}
