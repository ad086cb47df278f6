package gateway

import (
	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/forwarder"
	"mirrorgw/stack"
)

// forwarderRoutes says in the forwarder's words what is behind other routers.
func forwarderRoutes(routes []config.Route) []forwarder.Route {
	list := make([]forwarder.Route, len(routes))
	for i, r := range routes {
		list[i] = forwarder.Route{To: r.To, Via: r.Via}
	}
	return list
}

// stackRoutes says the same in the stack's words.
func stackRoutes(routes []config.Route) []stack.Route {
	list := make([]stack.Route, len(routes))
	for i, r := range routes {
		list[i] = stack.Route{To: r.To, Via: r.Via}
	}
	return list
}

// advertise says in the forwarder's words how the gateway advertises itself.
func advertise(ra config.RA) forwarder.Advertise {
	a := forwarder.Advertise{Enabled: ra.Enabled, Interval: ra.Interval, Lifetime: ra.Lifetime}
	switch ra.Preference {
	case config.PreferenceHigh:
		a.Preference = forwarder.High
	case config.PreferenceMedium:
		a.Preference = forwarder.Medium
	case config.PreferenceLow:
		a.Preference = forwarder.Low
	}
	return a
}
