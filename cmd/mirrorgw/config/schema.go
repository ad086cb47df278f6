package config

import (
	"log/slog"
	"net"
	"strings"

	"mirrorgw/scanner"
)

// config reads the whole file over the defaults in c.
func (r *reader) config(top value, c *Config) {
	top.fields(map[string]func(value){
		"device":     func(v value) { v.device(&c.Device) },
		"addresses":  func(v value) { v.addresses(&c.Addresses) },
		"routers":    func(v value) { v.routers(&c.Routers) },
		"routes":     func(v value) { v.routes(&c.Routes) },
		"ra":         func(v value) { v.ra(&c.RA) },
		"intercept":  func(v value) { v.intercept(&c.Intercept) },
		"limits":     func(v value) { v.bounds(&c.Limits) },
		"watchdog":   func(v value) { v.watchdog(&c.Watchdog) },
		"spool":      func(v value) { v.spool(&c.Spool) },
		"shadow":     func(v value) { v.boolean(&c.Shadow) },
		"scan":       func(v value) { v.scan(&c.Scan) },
		"spam":       func(v value) { v.spam(&c.Spam) },
		"neutralise": func(v value) { v.neutralise(&c.Neutralise) },
		"notice":     func(v value) { v.notice(&c.Notice) },
		"quarantine": func(v value) { v.quarantine(&c.Quarantine) },
		"control":    func(v value) { v.control(&c.Control) },
		"metrics":    func(v value) { v.metrics(&c.Metrics) },
		"log":        func(v value) { v.log(&c.Log) },
	})
}

func (v value) device(d *Device) {
	v.fields(map[string]func(value){
		"name": func(v value) { v.interfaceName(&d.Name) },
		"bridge": func(v value) {
			if s, ok := v.text(); ok && s != "" {
				v.interfaceName(&d.Bridge)
			}
		},
		"mac":     func(v value) { v.mac(&d.MAC) },
		"mtu":     func(v value) { v.count(minMTU, maxMTU, &d.MTU) },
		"queues":  func(v value) { v.count(0, 8, &d.Queues) },
		"offload": func(v value) { oneOf(v, &d.Offload, []Offload{OffloadAuto, OffloadOn, OffloadOff}) },
	})
}

const (
	minMTU = 576   // every host must take a datagram of 576 octets, RFC 791 section 3.1
	maxMTU = 65521 // what a TAP takes: 65535 less the Ethernet header
)

// interfaceName reads v as a name Linux takes for an interface (dev_valid_name), without the % that TUNSETIFF expands.
func (v value) interfaceName(to *string) {
	s, ok := v.text()
	if !ok {
		return
	}
	bad := strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune("/:%", c) })
	if s == "" || len(s) > 15 || s == "." || s == ".." || bad {
		v.fail("%s: %s is not an interface name: 1 to 15 letters, digits, - _ .", v.name(), show(s))
		return
	}
	*to = s
}

func (v value) mac(to *net.HardwareAddr) {
	s, ok := v.text()
	if !ok || s == "" {
		return
	}
	mac, err := net.ParseMAC(s)
	if err != nil || len(mac) != 6 || mac[0]&1 != 0 || [6]byte(mac) == [6]byte{} {
		v.fail("%s: %s is not the MAC address of one host: write one such as 02:00:5e:10:00:01", v.name(), show(s))
		return
	}
	*to = mac
}

func (v value) intercept(to *[]Rule) {
	items, ok := v.list()
	if !ok {
		return
	}
	rules := make([]Rule, 0, len(items))
	names := make(map[string]bool)
	for _, item := range items {
		rule := item.rule()
		if names[rule.Name] {
			item.fail("%s: a rule before this one is called %s too: give each its own name", item.name(), show(rule.Name))
		}
		names[rule.Name] = true
		rules = append(rules, rule)
	}
	*to = rules
}

func (v value) rule() Rule {
	rule := defaultRule()
	named := false
	v.fields(map[string]func(value){
		"name": func(v value) {
			named = true
			v.ruleName(&rule.Name)
		},
		"protocol": func(v value) {
			oneOf(v, &rule.Protocol, []Protocol{POP3}, "pop3s", "imap", "imaps")
		},
		"ports":   func(v value) { v.ports(&rule.Ports) },
		"clients": func(v value) { v.prefixes(&rule.Clients) },
		"servers": func(v value) { v.prefixes(&rule.Servers) },
		"skip": func(v value) {
			v.fields(map[string]func(value){
				"clients": func(v value) { v.prefixes(&rule.Skip.Clients) },
				"servers": func(v value) { v.prefixes(&rule.Skip.Servers) },
			})
		},
		"source": func(v value) {
			if s, ok := v.text(); ok && s == "client" {
				v.refuse("source: client")
			} else if ok && s != "gateway" {
				v.fail("%s: %s is not one of gateway, client", v.name(), show(s))
			}
		},
		"stls":     func(v value) { oneOf(v, &rule.STLS, []STLS{STLSHide, STLSPass}) },
		"not_pop3": func(v value) { oneOf(v, &rule.NotPOP3, []NotPOP3{NotPOP3Close, NotPOP3Pass}) },
		"drip":     func(v value) { v.span(minDrip, maxDrip, &rule.Drip) },
		"budget":   func(v value) { v.span(minBudget, maxBudget, &rule.Budget) },
		"pad":      func(v value) { v.boolean(&rule.Pad) },
	})
	if !named {
		rule.Name = string(rule.Protocol)
	}
	return rule
}

// ruleName reads v as a name fit for a log line.
func (v value) ruleName(to *string) {
	s, ok := v.text()
	if !ok {
		return
	}
	if s == "" || len(s) > 64 || strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' }) {
		v.fail("%s: %s is not a name: 1 to 64 letters, digits and marks", v.name(), show(s))
		return
	}
	*to = s
}

func (v value) ports(to *[]uint16) {
	items, ok := v.list()
	if !ok {
		return
	}
	if len(items) == 0 {
		v.fail("%s is empty, so nothing would match: write [110]", v.name())
		return
	}
	ports := make([]uint16, 0, len(items))
	seen := make(map[int]bool)
	for _, item := range items {
		port := 0
		item.count(1, 65535, &port)
		if port != 0 && seen[port] {
			item.fail("%s: %d is there already", item.name(), port)
		}
		seen[port] = true
		ports = append(ports, uint16(port))
	}
	*to = ports
}

func (v value) spool(s *scanner.Spool) {
	v.fields(map[string]func(value){
		"dir": func(v value) {
			if dir, ok := v.text(); ok && dir != "" {
				v.path(&s.Dir)
			}
		},
		"memory": func(v value) { v.size(&s.Memory) },
		"max":    func(v value) { v.size(&s.Max) },
	})
}

// checkSpool holds the limits of the spool against each other.
func (r *reader) checkSpool(c *Config) {
	if c.Spool.Memory > c.Spool.Max {
		key := "spool.memory"
		if _, ok := r.file.places[key]; !ok {
			key = "spool.max"
		}
		r.failAt(r.file.place(key), "spool.memory (%s) is more than spool.max (%s)", formatSize(c.Spool.Memory), formatSize(c.Spool.Max))
	}
}

func (v value) scan(s *Scan) {
	v.fields(map[string]func(value){
		"yara":  func(v value) { v.yara(&s.YARA) },
		"clamd": func(v value) { v.clamd(&s.Clamd) },
		"names": func(v value) { v.namesRules(&s.Names) },
		"limits": func(v value) {
			v.fields(map[string]func(value){
				"message":  func(v value) { v.size(&s.Limits.Message) },
				"expanded": func(v value) { v.size(&s.Limits.Expanded) },
				"depth":    func(v value) { v.count(1, 100, &s.Limits.Depth) },
				"parts":    func(v value) { v.count(1, 1_000_000, &s.Limits.Parts) },
				"time":     func(v value) { v.duration(&s.Limits.Time) },
			})
		},
		"policy": func(v value) { v.policy(s.Policy) },
		"cache":  func(v value) { v.count(0, 1_000_000, &s.Cache) },
	})
}

func (v value) rules(to *[]string) {
	items, ok := v.list()
	if !ok {
		return
	}
	if len(items) == 0 {
		v.fail("%s is empty: name files or folders, or leave the key out for the built-in rules", v.name())
		return
	}
	paths := make([]string, len(items))
	for i, item := range items {
		item.path(&paths[i])
	}
	*to = paths
}

func (v value) quarantine(q *Quarantine) {
	v.fields(map[string]func(value){
		"dir": func(v value) { v.path(&q.Dir) },
		"keep": func(v value) {
			if v.duration(&q.Keep); q.Keep < day {
				v.fail("%s: nothing is removed before a day is over: write 1d or more", v.name())
			}
		},
		"max": func(v value) { v.size(&q.Max) },
		"history": func(v value) {
			if s, ok := v.text(); ok && s == "0s" {
				q.History = 0
			} else if v.duration(&q.History); q.History < day {
				v.fail("%s: the history is kept by days: write 1d or more, or 0s for none", v.name())
			}
		},
		"flow": func(v value) { v.count(0, maxFlowFrames, &q.Flow) },
	})
}

// maxFlowFrames bounds the frames of a flow: they take 128 KiB of each session that has had as many.
const maxFlowFrames = 1024

func (v value) control(c *Control) {
	v.fields(map[string]func(value){"socket": func(v value) {
		var path string
		v.path(&path)
		switch {
		case path == "":
		case len(path) > maxSocketPath:
			v.fail("%s: the path has %d octets, and a unix socket's may have %d", v.name(), len(path), maxSocketPath)
		case strings.HasSuffix(path, "/"):
			v.fail("%s: %s is a folder: write the socket's name too", v.name(), show(path))
		default:
			c.Socket = path
		}
	}})
}

const maxSocketPath = 107 // sun_path without its NUL, unix(7)

func (v value) log(l *Log) {
	v.fields(map[string]func(value){
		"level": func(v value) {
			var word string
			oneOf(v, &word, []string{"debug", "info", "warn", "error"})
			if word != "" {
				l.Level = logLevels()[word]
			}
		},
		"format": func(v value) { oneOf(v, &l.Format, []LogFormat{LogText, LogJSON}) },
	})
}

func logLevels() map[string]slog.Level {
	return map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
}
