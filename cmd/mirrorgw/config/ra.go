package config

import "time"

// Bounds of RFC 4861 section 6.2.1.
const (
	minRAInterval = 4 * time.Second
	maxRAInterval = 30 * time.Minute
	maxRALifetime = 9000 * time.Second
)

// ra reads v as how the gateway advertises itself. Without a lifetime of its own an advertisement is believed for three intervals.
func (v value) ra(ra *RA) {
	lifetime := time.Duration(0)
	v.fields(map[string]func(value){
		"enabled":    func(v value) { v.boolean(&ra.Enabled) },
		"interval":   func(v value) { v.duration(&ra.Interval) },
		"lifetime":   func(v value) { v.duration(&lifetime) },
		"preference": func(v value) { oneOf(v, &ra.Preference, []Preference{PreferenceLow, PreferenceMedium, PreferenceHigh}) },
	})
	if lifetime == 0 {
		lifetime = min(3*ra.Interval, maxRALifetime)
	}
	ra.Lifetime = lifetime
}

// checkRA holds the times of advertising against each other and against the addresses.
func (r *reader) checkRA(c *Config) {
	ra := c.RA
	switch {
	case ra.Interval < minRAInterval || ra.Interval > maxRAInterval:
		r.failAt(r.file.place("ra.interval"), "ra.interval: %s is not from %s to %s (RFC 4861 section 6.2.1)",
			formatDuration(ra.Interval), formatDuration(minRAInterval), formatDuration(maxRAInterval))
	case ra.Lifetime < ra.Interval || ra.Lifetime > maxRALifetime:
		r.failAt(r.file.place("ra.lifetime"), "ra.lifetime: %s is not from ra.interval, %s, to %s (RFC 4861 section 6.2.1)",
			formatDuration(ra.Lifetime), formatDuration(ra.Interval), formatDuration(maxRALifetime))
	}
	if !ra.Enabled {
		return
	}
	for _, p := range c.Addresses {
		if p.Addr().Is6() {
			return
		}
	}
	r.failAt(r.file.place("ra.enabled"), "ra.enabled: advertisements are for IPv6, and addresses has none: add one such as fd00:1::2/64")
}
