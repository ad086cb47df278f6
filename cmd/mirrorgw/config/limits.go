package config

import "time"

// Bounds are what clients and servers may cost in all, as written under limits.
type Bounds struct {
	Sessions       int    // at once
	PerClient      int    // at once, of one client address
	PerClientRate  int    // new ones a minute, of one client address; 0: any number
	Dials          int    // under way at once
	DialsPerServer int    // under way at once to one server
	Received       int64  // octets that servers may send ahead of their sessions
	SpoolMemory    int64  // octets of mail held in memory
	SpoolDisk      int64  // octets of mail held in files
	Memory         int64  // octets the gateway may use; 0: what its cgroup or GOMEMLIMIT says
	MemoryAction   Action // with new sessions when memory runs out
}

// Watchdog says what becomes of new sessions while running ones make no progress.
type Watchdog struct {
	Action Action
	After  time.Duration // without a verdict, while a mail waits for one
}

// Action is what is done with new sessions that cannot be served as they should.
type Action string

// The actions.
const (
	Refuse  Action = "refuse"  // the client is told to try again later
	Forward Action = "forward" // they go to their server past the scanner
)

func defaultBounds() Bounds {
	return Bounds{
		Sessions: 2000, PerClient: 20, Dials: 256, DialsPerServer: 32,
		Received: 32 << 20, SpoolMemory: 256 << 20, SpoolDisk: 32 << 30, MemoryAction: Refuse,
	}
}

// maxSessions is what the flow table holds.
const maxSessions = 16000

func (v value) bounds(b *Bounds) {
	actions := []Action{Refuse, Forward}
	v.fields(map[string]func(value){
		"sessions":         func(v value) { v.count(1, maxSessions, &b.Sessions) },
		"per_client":       func(v value) { v.count(1, maxSessions, &b.PerClient) },
		"per_client_rate":  func(v value) { v.count(0, 1_000_000, &b.PerClientRate) },
		"dials":            func(v value) { v.count(1, maxSessions, &b.Dials) },
		"dials_per_server": func(v value) { v.count(1, maxSessions, &b.DialsPerServer) },
		"received":         func(v value) { v.size(&b.Received) },
		"spool_memory":     func(v value) { v.size(&b.SpoolMemory) },
		"spool_disk":       func(v value) { v.size(&b.SpoolDisk) },
		"memory": func(v value) {
			if s, ok := v.text(); ok && s == "auto" {
				b.Memory = 0
			} else if ok {
				v.size(&b.Memory)
			}
		},
		"memory_action": func(v value) { oneOf(v, &b.MemoryAction, actions) },
	})
}

func (v value) watchdog(w *Watchdog) {
	v.fields(map[string]func(value){
		"action": func(v value) { oneOf(v, &w.Action, []Action{Refuse, Forward}) },
		"after":  func(v value) { v.duration(&w.After) },
	})
}

// minMemory is less than what an idle gateway takes.
const minMemory = 32 << 20

// checkBounds holds the limits against each other.
func (r *reader) checkBounds(c *Config) {
	if b := c.Limits; b.Memory != 0 && b.Memory < minMemory {
		r.failAt(r.file.place("limits.memory"), "limits.memory: %s is less than an idle gateway takes: write %s or more", formatSize(b.Memory), formatSize(minMemory))
	}
}

// write writes b as YAML.
func (b Bounds) write(line func(format string, args ...any)) {
	line("limits:")
	line("  sessions: %d", b.Sessions)
	line("  per_client: %d  # sessions at once", b.PerClient)
	line("  per_client_rate: %d  # new sessions a minute; 0: any number", b.PerClientRate)
	line("  dials: %d  # to servers, under way at once", b.Dials)
	line("  dials_per_server: %d", b.DialsPerServer)
	line("  received: %s  # what servers may send ahead of their sessions", formatSize(b.Received))
	line("  spool_memory: %s  # of all mails", formatSize(b.SpoolMemory))
	line("  spool_disk: %s  # of all mails", formatSize(b.SpoolDisk))
	if b.Memory == 0 {
		line("  memory: auto  # what the cgroup or GOMEMLIMIT allows")
	} else {
		line("  memory: %s", formatSize(b.Memory))
	}
	line("  memory_action: %s  # with new sessions when it runs out", b.MemoryAction)
}
