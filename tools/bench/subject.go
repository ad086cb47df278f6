package main

import (
	"context"
	"slices"
	"strings"
)

// subject is a group of measures that -only can name.
type subject struct {
	name string
	mail bool
	add  func(*bench, context.Context) error
}

// subjects are in the order in which they are measured and stand in the table.
func subjects() []subject {
	return []subject{
		{"upload", false, (*bench).addUpload},
		{"packets", false, (*bench).addPackets},
		{"roundtrip", false, (*bench).addRoundTrip},
		{"idle", true, (*bench).addIdle}, // before what leaves memory behind that idle sessions would use
		{"sessions", true, (*bench).addSessions},
		{"large", true, (*bench).addLarge},
	}
}

// Words that stand for more than one subject.
const (
	forwarding = "forwarding"
	mail       = "mail"
)

// measures says whether a subject was asked for.
func (o options) measures(s subject) bool {
	return o.only == "" || o.only == s.name || o.only == forwarding && !s.mail || o.only == mail && s.mail
}

// measuresAny says whether one of some subjects was asked for.
func (o options) measuresAny(some func(subject) bool) bool {
	return slices.ContainsFunc(subjects(), func(s subject) bool { return some(s) && o.measures(s) })
}

// knownSubject says whether -only may have a value.
func knownSubject(name string) bool {
	return name == "" || name == onlyYARA || name == forwarding || name == mail || slices.ContainsFunc(subjects(), func(s subject) bool { return s.name == name })
}

// subjectNames lists the values of -only.
func subjectNames() string {
	names := []string{forwarding, mail, onlyYARA}
	for _, s := range subjects() {
		names = append(names, s.name)
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}
