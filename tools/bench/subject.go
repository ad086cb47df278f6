package main

import (
	"context"
	"slices"
	"strings"
)

// subject is a group of measures that -only can name.
type subject struct {
	name string
	add  func(*bench, context.Context) error
}

// subjects are in the order in which they are measured and stand in the table.
func subjects() []subject {
	return []subject{
		{"upload", (*bench).addUpload},
		{"packets", (*bench).addPackets},
		{"roundtrip", (*bench).addRoundTrip},
		{"sessions", (*bench).addSessions},
	}
}

// forwarding stands for all subjects but the sessions.
const forwarding = "forwarding"

// measures says whether a subject was asked for.
func (o options) measures(name string) bool {
	return o.only == "" || o.only == name || o.only == forwarding && name != "sessions"
}

// knownSubject says whether -only may have a value.
func knownSubject(name string) bool {
	return name == "" || name == forwarding || slices.ContainsFunc(subjects(), func(s subject) bool { return s.name == name })
}

// subjectNames lists the values of -only.
func subjectNames() string {
	names := []string{forwarding}
	for _, s := range subjects() {
		names = append(names, s.name)
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}
