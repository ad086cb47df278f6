package control

// Status is how a gateway is. The JSON names are promised to users.
type Status struct {
	Version    string            `json:"version"`
	Uptime     int64             `json:"uptime_s"` // seconds since the start
	Health     Health            `json:"health"`
	Bypass     bool              `json:"bypass"` // new mail flows are forwarded unscanned
	Intake     Intake            `json:"intake"`
	Shadow     bool              `json:"shadow"` // mail is judged and delivered whatever is found, by configuration
	Device     Device            `json:"device"`
	Frames     Frames            `json:"frames"`
	Flows      Flows             `json:"intercepted"`
	Flowing    []Flow            `json:"flows"`    // running now, at most MaxFlows
	Sessions   map[string]uint64 `json:"sessions"` // running now, by protocol
	Messages   Messages          `json:"messages"`
	Engines    []Engine          `json:"engines"`
	Quarantine Quarantine        `json:"quarantine"`
	Routers    []Router          `json:"routers"`
	Doctor     []Finding         `json:"doctor"`

	// Confinement says what the process has given up, in a line that begins with confined or not confined.
	Confinement string `json:"confinement"`

	// Events is everything else the rooms count since the start: by room, then by name.
	Events map[string]map[string]uint64 `json:"events"`
}

// Health is whether the gateway does what it is there for.
type Health string

// The states of a gateway. Only OK is healthy.
const (
	OK       Health = "ok"       // frames flow and every engine has passed its self-test
	Starting Health = "starting" // not all of that yet
	Failing  Health = "failing"  // a part of it has stopped working; Device, Engines, Routers, Quarantine and Doctor tell which
	Draining Health = "draining" // asked to end: takes no new session
)

// Device is the interface the frames come and go by.
type Device struct {
	Name   string `json:"name"`
	State  string `json:"state"`  // up, down, gone or unfit
	Detail string `json:"detail"` // what is wrong with it; empty: nothing
}

// Frames counts what became of Ethernet frames since the start.
type Frames struct {
	Received  uint64            `json:"received"`
	Forwarded uint64            `json:"forwarded"`
	Punted    uint64            `json:"punted"`  // handed to the netstack: mail flows and what is for the gateway itself
	Dropped   map[string]uint64 `json:"dropped"` // by reason
}

// Flows counts intercepted TCP flows.
type Flows struct {
	Open      uint64 `json:"open"`      // now
	Total     uint64 `json:"total"`     // since the start
	Unscanned uint64 `json:"unscanned"` // passed on opaquely since the start
}

// Messages counts judged mails by verdict since the start.
type Messages struct {
	Clean       uint64 `json:"clean"`
	Infected    uint64 `json:"infected"`
	Unscannable uint64 `json:"unscannable"`
}

// Engine is one scan engine.
type Engine struct {
	Name   string `json:"name"`
	State  string `json:"state"` // ok, starting, weak (it sees less than it should) or down
	Detail string `json:"detail"`
}

// Quarantine is what is kept of replaced mail.
type Quarantine struct {
	Count  uint64 `json:"count"`
	Bytes  uint64 `json:"bytes"`
	Detail string `json:"detail,omitempty"` // why nothing can be kept; absent: it can
}

// Finding is how one check for what would defeat the gateway came out.
type Finding struct {
	Check  string `json:"check"`
	State  string `json:"state"`  // ok, unknown, warning or failing
	Detail string `json:"detail"` // what is wrong; empty: nothing
	Fix    string `json:"fix"`    // what to do about it, in one line
}

// Router is one next hop and whether it is found.
type Router struct {
	Address string `json:"address"`
	MAC     string `json:"mac"`          // empty: it does not answer
	Standby bool   `json:"standby"`      // frames leave by another NAT router
	To      string `json:"to,omitempty"` // the network a route leads to; empty: a NAT router
}
