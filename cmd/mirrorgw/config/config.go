package config

import (
	"log/slog"
	"net"
	"net/netip"
	"time"

	"mirrorgw/scanner"
	"mirrorgw/scanner/clamd"
	"mirrorgw/scanner/notice"
)

// DefaultPath is where the configuration is looked for when nothing else is said.
const DefaultPath = "/etc/mirrorgw/mirrorgw.yaml"

// Config is a complete configuration. Load returns one with every field set.
type Config struct {
	Device     Device
	Addresses  []netip.Prefix // the gateway's own address in each network, with the network's length
	Routers    []netip.Addr   // the NAT router, on-link; of several in one family the first that answers is used
	Routes     []Route        // networks behind other routers
	RA         RA
	Intercept  []Rule // first match wins
	Limits     Bounds
	Watchdog   Watchdog
	Spool      scanner.Spool
	Shadow     bool // judge and log, change nothing
	Scan       Scan
	Spam       Spam
	Neutralise Neutralise
	Notice     Notice
	Quarantine Quarantine
	Control    Control
	Metrics    Metrics
	Log        Log
}

// Route is a network that another router than the NAT router leads to.
type Route struct {
	To  netip.Prefix
	Via netip.Addr // on-link
}

// RA configures router advertisements of our own (RFC 4861 section 6.2), so that workstations choose the gateway over IPv6.
type RA struct {
	Enabled    bool
	Interval   time.Duration // between two at most
	Lifetime   time.Duration // for which workstations believe one
	Preference Preference
}

// Preference is how much a router wants to be chosen (RFC 4191).
type Preference string

// The preferences. A NAT router's is nearly always medium.
const (
	PreferenceLow    Preference = "low"
	PreferenceMedium Preference = "medium"
	PreferenceHigh   Preference = "high"
)

// Device is the TAP interface.
type Device struct {
	Name    string           // interface name
	Bridge  string           // Linux bridge to join; empty: the interface is left alone
	MAC     net.HardwareAddr // 6 octets, unicast; nil: a stable one is derived
	MTU     int              // octets of an IP packet
	Queues  int              // 0: one per CPU, at most 8
	Offload Offload
}

// Offload says whether the device is opened with the virtio-net header.
type Offload string

// The ways to open the device.
const (
	OffloadAuto Offload = "auto" // with the header where the kernel allows it
	OffloadOn   Offload = "on"   // with the header, or not at all
	OffloadOff  Offload = "off"  // plain
)

// Rule names flows to intercept.
type Rule struct {
	Name     string
	Protocol Protocol
	Ports    []uint16
	Clients  []netip.Prefix // empty: the gateway's own networks
	Servers  []netip.Prefix // empty: all
	Skip     Skip
	STLS     STLS
	NotPOP3  NotPOP3
	Drip     time.Duration // how long a client waits for a mail before its first header fields drip
	Budget   time.Duration // for one mail, download and judgement
	Pad      bool          // a notice is as long as the mail it replaces
}

// Skip names flows of a rule that are forwarded untouched after all.
type Skip struct {
	Clients []netip.Prefix
	Servers []netip.Prefix
}

// Protocol is a mail access protocol.
type Protocol string

// POP3 is the protocol of RFC 1939.
const POP3 Protocol = "pop3"

// STLS says what becomes of a client's wish for TLS inside the session (RFC 2595 section 4).
type STLS string

// What a rule may do with STLS.
const (
	STLSHide STLS = "hide" // not offered, answered -ERR: mail stays readable for the scanner
	STLSPass STLS = "pass" // opaque after +OK, counted as not scanned
)

// NotPOP3 says what becomes of a connection on which no POP3 is spoken: the server does not greet, or the client speaks first.
type NotPOP3 string

// What a rule may do with such a connection.
const (
	NotPOP3Close NotPOP3 = "close"
	NotPOP3Pass  NotPOP3 = "pass" // opaque, counted as not scanned
)

// Scan configures the judging of mail.
type Scan struct {
	YARA   YARA
	Clamd  Clamd
	Names  Names
	Limits Limits
	Policy scanner.Policy
	Cache  int // verdicts remembered; 0: none
}

// Limits bound the work for one mail. What does not fit them is unscannable.
type Limits struct {
	Message  int64 // octets of a mail
	Expanded int64 // octets of everything taken out of it
	Depth    int   // nesting of MIME
	Parts    int
	Time     time.Duration
}

// Quarantine says where replaced mail is kept.
type Quarantine struct {
	Dir  string
	Keep time.Duration // then it is removed
	Max  int64         // octets; beyond them the oldest goes

	History time.Duration // for how long deliveries are remembered; 0: not at all

	Flow int // frames of the flow, its last ones, whose headers are kept with a mail; 0: none
}

// Control says where a running gateway answers questions.
type Control struct {
	Socket string // path of a unix socket
}

// Metrics says where a running gateway offers its figures to Prometheus.
type Metrics struct {
	Listen netip.AddrPort // on the host, not on the LAN's gateway address; the zero value: nowhere
}

// Log configures the log, which goes to standard error.
type Log struct {
	Level  slog.Level
	Format LogFormat
}

// LogFormat is how a log line is written.
type LogFormat string

// The formats of a log line.
const (
	LogText LogFormat = "text" // key=value
	LogJSON LogFormat = "json"
)

// Default returns the configuration of an empty file. It has no addresses and no routers, which have no default.
func Default() *Config {
	return &Config{
		Device:    Device{Name: "mirror0", MTU: 1500, Offload: OffloadAuto},
		RA:        RA{Interval: 10 * time.Minute, Lifetime: 30 * time.Minute, Preference: PreferenceHigh},
		Intercept: []Rule{defaultRule()},
		Limits:    defaultBounds(),
		Watchdog:  Watchdog{Action: Refuse, After: 3 * time.Minute},
		Spool:     scanner.Spool{Memory: scanner.DefaultSpoolMemory, Max: scanner.DefaultSpoolMax},
		Scan: Scan{
			YARA:   YARA{Workers: AutoWorkers},
			Clamd:  Clamd{Parallel: clamd.DefaultParallel},
			Limits: Limits{Message: 256 << 20, Expanded: 400 << 20, Depth: 16, Parts: 10000, Time: 120 * time.Second},
			Policy: scanner.DefaultPolicy(),
			Cache:  10_000,
		},
		Spam:       Spam{Tag: 5},
		Notice:     Notice{Language: notice.English},
		Quarantine: Quarantine{Dir: "/var/lib/mirrorgw/quarantine", Keep: 30 * 24 * time.Hour, Max: 2 << 30, History: 30 * 24 * time.Hour, Flow: 256},
		Control:    Control{Socket: "/run/mirrorgw/control.sock"},
		Metrics:    Metrics{Listen: netip.MustParseAddrPort("127.0.0.1:9110")},
		Log:        Log{Level: slog.LevelInfo, Format: LogText},
	}
}

func defaultRule() Rule {
	return Rule{Name: string(POP3), Protocol: POP3, Ports: []uint16{110}, STLS: STLSHide, NotPOP3: NotPOP3Close, Drip: 15 * time.Second, Budget: 30 * time.Minute}
}
