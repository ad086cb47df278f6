package main

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
