package config

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"mirrorgw/scanner"
)

// minimal is the shortest complete file.
const minimal = "addresses: [192.168.1.2/24]\nrouters: [192.168.1.1]\n"

func TestMinimalFileIsTheDefaults(t *testing.T) {
	f, err := Parse("f", []byte(minimal), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	want := *Default()
	want.Addresses = []netip.Prefix{netip.MustParsePrefix("192.168.1.2/24")}
	want.Routers = []netip.Addr{netip.MustParseAddr("192.168.1.1")}
	if !reflect.DeepEqual(f.Config, want) {
		t.Errorf("got  %+v\nwant %+v", f.Config, want)
	}
}

// everything sets each key this version has, none to its default.
const everything = `
device:
  name: tap7
  bridge: br0
  mac: "02:00:5e:10:00:01"
  mtu: 9000
  queues: 2
  offload: off
addresses: [192.168.1.2/24, "fd00:1::2/64"]
routers: [192.168.1.1, "fe80::1", 192.168.1.3]
routes: [{to: 10.0.0.0/8, via: 192.168.1.4}, {to: "2001:db8:9::/48", via: "fe80::4"}]
ra: {enabled: true, interval: 1m, lifetime: 2m, preference: low}
intercept:
  - name: mail
    protocol: pop3
    ports: [110, 1110]
    clients: [192.168.1.0/24]
    servers: [203.0.113.7, "2001:db8::/32"]
    skip: {clients: [192.168.1.9], servers: [198.51.100.0/24]}
    source: gateway
    stls: pass
    not_pop3: pass
    drip: 20s
    budget: 1h
    pad: true
limits:
  {sessions: 100, per_client: 5, per_client_rate: 60, dials: 9, dials_per_server: 3, received: 1MiB, spool_memory: 2MiB, spool_disk: 3MiB, memory: 64MiB, memory_action: forward}
watchdog: {action: forward, after: 5m}
spool: {dir: /var/spool/mirrorgw, memory: 64KiB, max: 1GiB}
shadow: true
scan:
  yara: {rules: [/etc/mirrorgw/rules, /opt/more.yar], workers: 4}
  clamd: {address: ["unix:/run/c", "tcp:192.0.2.1:3310"], parallel: 3}
  names: {block: ["*.exe"], double_extensions: true, types: [application/x-dosexec]}
  limits: {message: 1MiB, expanded: 2MiB, depth: 3, parts: 4, time: 1d}
  policy: {infected: tag, encrypted: replace, oversize: retry, partial: deliver, malformed: replace, budget: retry, error: tag}
  cache: 17
spam: {rspamd: "http://127.0.0.1:11333", tag: -1.5, subject: "[SPAM] ", isp_header: "X-Spam-Flag: YES"}
neutralise: {html: true}
notice: {language: de, languages: [{clients: [192.168.1.0/25, "fd00:1::/64"], language: pl}, {clients: [192.168.1.200], language: fr}], template: /etc/mirrorgw/notice.tmpl, keep_rest: true}
quarantine: {dir: /srv/quarantine, keep: 400d, max: 10GiB, history: 7d, flow: 17}
control: {socket: /tmp/ctl}
metrics: {listen: "[::1]:9999"}
log: {level: debug, format: json}
`

func TestEveryKeyIsRead(t *testing.T) {
	f, err := Parse("f", []byte(everything), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	prefixes := func(s ...string) (list []netip.Prefix) {
		for _, p := range s {
			list = append(list, netip.MustParsePrefix(p))
		}
		return list
	}
	want := Config{
		Device:    Device{Name: "tap7", Bridge: "br0", MAC: net.HardwareAddr{2, 0, 0x5e, 0x10, 0, 1}, MTU: 9000, Queues: 2, Offload: OffloadOff},
		Addresses: prefixes("192.168.1.2/24", "fd00:1::2/64"),
		Routers:   []netip.Addr{netip.MustParseAddr("192.168.1.1"), netip.MustParseAddr("fe80::1"), netip.MustParseAddr("192.168.1.3")},
		Routes: []Route{
			{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParseAddr("192.168.1.4")},
			{netip.MustParsePrefix("2001:db8:9::/48"), netip.MustParseAddr("fe80::4")},
		},
		RA: RA{Enabled: true, Interval: time.Minute, Lifetime: 2 * time.Minute, Preference: PreferenceLow},
		Intercept: []Rule{{
			Name: "mail", Protocol: POP3, Ports: []uint16{110, 1110},
			Clients: prefixes("192.168.1.0/24"), Servers: prefixes("203.0.113.7/32", "2001:db8::/32"),
			Skip: Skip{Clients: prefixes("192.168.1.9/32"), Servers: prefixes("198.51.100.0/24")},
			STLS: STLSPass, NotPOP3: NotPOP3Pass, Drip: 20 * time.Second, Budget: time.Hour, Pad: true,
		}},
		Limits: Bounds{
			Sessions: 100, PerClient: 5, PerClientRate: 60, Dials: 9, DialsPerServer: 3,
			Received: 1 << 20, SpoolMemory: 2 << 20, SpoolDisk: 3 << 20, Memory: 64 << 20, MemoryAction: Forward,
		},
		Watchdog: Watchdog{Action: Forward, After: 5 * time.Minute},
		Spool:    scanner.Spool{Dir: "/var/spool/mirrorgw", Memory: 64 << 10, Max: 1 << 30},
		Shadow:   true,
		Scan: Scan{
			YARA:   YARA{Rules: []string{"/etc/mirrorgw/rules", "/opt/more.yar"}, Workers: 4},
			Clamd:  Clamd{Address: []string{"unix:/run/c", "tcp:192.0.2.1:3310"}, Parallel: 3},
			Names:  Names{Block: []string{"*.exe"}, DoubleExtensions: true, Types: []string{"application/x-dosexec"}},
			Limits: Limits{Message: 1 << 20, Expanded: 2 << 20, Depth: 3, Parts: 4, Time: 24 * time.Hour},
			Policy: scanner.Policy{
				scanner.CauseInfected: scanner.Tag, scanner.CauseEncrypted: scanner.Replace, scanner.CauseOversize: scanner.Retry, scanner.CausePartial: scanner.Deliver,
				scanner.CauseMalformed: scanner.Replace, scanner.CauseBudget: scanner.Retry, scanner.CauseError: scanner.Tag,
			},
			Cache: 17,
		},
		Spam:       Spam{Rspamd: "http://127.0.0.1:11333", Tag: -1.5, Subject: "[SPAM] ", IspHeader: "X-Spam-Flag: YES"},
		Neutralise: Neutralise{HTML: true},
		Notice: Notice{
			Language:  "de",
			Languages: []NoticeLanguage{{prefixes("192.168.1.0/25", "fd00:1::/64"), "pl"}, {prefixes("192.168.1.200/32"), "fr"}},
			Template:  "/etc/mirrorgw/notice.tmpl",
			KeepRest:  true,
		},
		Quarantine: Quarantine{Dir: "/srv/quarantine", Keep: 400 * 24 * time.Hour, Max: 10 << 30, History: 7 * 24 * time.Hour, Flow: 17},
		Control:    Control{Socket: "/tmp/ctl"},
		Metrics:    Metrics{Listen: netip.MustParseAddrPort("[::1]:9999")},
		Log:        Log{Level: slog.LevelDebug, Format: LogJSON},
	}
	if !reflect.DeepEqual(f.Config, want) {
		t.Errorf("got  %+v\nwant %+v", f.Config, want)
	}
}

// TestErrors holds the text and place of what is wrong with a file. Each file is what stands in `file`, after minimal
// unless it begins with a line break.
func TestErrors(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		// Not YAML, or not the YAML wanted.
		{"syntax", "log: {level: info", "f:3:1: not valid YAML: did not find expected ',' or '}'"},
		{"tab", "log:\n\tlevel: info", "f:4:1: not valid YAML: found character that cannot start any token (YAML indents with spaces, and here is a tab)"},
		{"second document", "---\nlog: {}", "f:3:1: a second document begins here: one file holds one configuration, so leave the --- out"},
		{"a list at the top", "\n- a", "f:2:1: the file wants keys of its own (addresses, control, device, intercept, limits, log, metrics, neutralise, notice, quarantine, ra, routers, routes, scan, shadow, spam, spool, watchdog), not a list"},
		{"text at the top", "\nhello", "f:2:1: the file wants keys of its own (addresses, control, device, intercept, limits, log, metrics, neutralise, notice, quarantine, ra, routers, routes, scan, shadow, spam, spool, watchdog), not hello"},
		{"list key", "? [a]\n: b", "f:3:3: a key must be a word, not a list"},
		{"alias", "log: &l {}\ncontrol: *l", "f:4:10: control wants keys of its own (socket), not an alias (write the value itself)"},
		{"unknown key", "loog: {}", "f:3:1: unknown key loog; did you mean log?"},
		{"unknown inner key", "device:\n  namee: x", "f:4:3: unknown key device.namee; did you mean name?"},
		{"unlike any key", "log: {colour: blue}", "f:3:7: unknown key log.colour; known here: format, level"},
		{"hostile key", `"a\e[1mb": 1`, `f:3:1: unknown key "a\x1b[1mb"; known here: addresses, control, device, intercept, limits, log, metrics, neutralise, notice, quarantine, ra, routers, routes, scan, shadow, spam, spool, watchdog`},
		{"duplicate key", "log: {level: info}\nlog: {}", "f:4:1: log is written twice, first in line 3"},
		{"duplicate inner key", "log: {level: info, level: warn}", "f:3:20: log.level is written twice, first in line 3"},
		{"no value", "device: {name: }", "f:3:16: device.name has no value"},
		{"list for a value", "device: {name: [a]}", "f:3:16: device.name wants a single value, not a list"},
		{"value for a list", "intercept: 5", "f:3:12: intercept wants a list, not 5: write [ ] around its values"},
		{"nothing for a list", "intercept:", "f:3:11: intercept wants a list, not nothing: write [ ] around its values"},
		{"value for a section", "log: info", "f:3:6: log wants keys of its own (format, level), not info"},

		// Device.
		{"interface name", "device: {name: a-very-long-interface}", "f:3:16: device.name: a-very-long-interface is not an interface name: 1 to 15 letters, digits, - _ ."},
		{"template name", "device: {name: tap%d}", "f:3:16: device.name: tap%d is not an interface name: 1 to 15 letters, digits, - _ ."},
		{"bridge name", "device: {bridge: br/0}", "f:3:18: device.bridge: br/0 is not an interface name: 1 to 15 letters, digits, - _ ."},
		{"its own bridge", "device: {bridge: mirror0}", "f:3:18: device.bridge and device.name are both mirror0: the bridge is another interface"},
		{"mac", "device: {mac: 02:00}", "f:3:15: device.mac: 02:00 is not the MAC address of one host: write one such as 02:00:5e:10:00:01"},
		{"group mac", "device: {mac: 01:00:5e:00:00:01}", "f:3:15: device.mac: 01:00:5e:00:00:01 is not the MAC address of one host: write one such as 02:00:5e:10:00:01"},
		{"mtu", "device: {mtu: 70000}", "f:3:15: device.mtu: 70000 is not a whole number from 576 to 65521"},
		{"octal", "device: {mtu: 01500}", "f:3:15: device.mtu: 01500 is not a whole number from 576 to 65521"},
		{"queues", "device: {queues: -1}", "f:3:18: device.queues: -1 is not a whole number from 0 to 8"},
		{"offload", "device: {offload: yes}", "f:3:19: device.offload: yes is not one of auto, on, off"},
		{"mtu for IPv6", "\naddresses: [fd00::2/64]\nrouters: [fe80::1]\ndevice: {mtu: 1000}", "f:2:13: addresses[0]: IPv6 needs a device.mtu of 1280 or more, and it is 1000 (RFC 8200 section 5)"},

		// Addresses and routers.
		{"nothing at all", "\n", "f:1:1: addresses is missing: write the gateway's own, such as addresses: [192.168.1.2/24]\nf:1:1: routers is missing: write the NAT router's address, such as routers: [192.168.1.1]"},
		{"empty lists", "\naddresses: []\nrouters: []", "f:2:12: addresses is missing: write the gateway's own, such as addresses: [192.168.1.2/24]\nf:3:10: routers is missing: write the NAT router's address, such as routers: [192.168.1.1]"},
		{"no length", "\naddresses: [192.168.1.2]\nrouters: [192.168.1.1]", "f:2:13: addresses[0]: 192.168.1.2 lacks its network's length: write 192.168.1.2/24, if the network has that"},
		{"not an address", "\naddresses: [lan/24]\nrouters: [192.168.1.1]", "f:2:13: addresses[0]: lan/24 is not an address with a network length, such as 192.168.1.2/24 or fd00:1::2/64"},
		{"length too long", "\naddresses: [192.168.1.2/33]\nrouters: [192.168.1.1]", "f:2:13: addresses[0]: 192.168.1.2/33 is not an address with a network length, such as 192.168.1.2/24 or fd00:1::2/64"},
		{"the network", "\naddresses: [192.168.1.0/24]\nrouters: [192.168.1.1]", "f:2:13: addresses[0]: 192.168.1.0/24 is the network itself: write the gateway's own address in it, with the same length"},
		{"the broadcast address", "\naddresses: [192.168.1.255/24]\nrouters: [192.168.1.1]", "f:2:13: addresses[0]: 192.168.1.255/24 is the network's broadcast address: write the gateway's own address"},
		{"loopback", "\naddresses: [127.0.0.2/8]\nrouters: [192.168.1.1]", "f:2:13: addresses[0]: 127.0.0.2/8 is not an address a host can have"},
		{"multicast", "\naddresses: ['ff02::5/64']\nrouters: [192.168.1.1]", "f:2:13: addresses[0]: ff02::5/64 is not an address a host can have"},
		{"this network", "\naddresses: [0.1.2.3/8]\nrouters: [192.168.1.1]", "f:2:13: addresses[0]: 0.1.2.3/8 is not an address a host can have"},
		{"mapped", "\naddresses: ['::ffff:192.0.2.1/120']\nrouters: [192.168.1.1]", "f:2:13: addresses[0]: ::ffff:192.0.2.1/120 is not an address with a network length, such as 192.168.1.2/24 or fd00:1::2/64"},
		{"same address twice", "\naddresses: [192.168.1.2/24, 192.168.1.2/25]\nrouters: [192.168.1.1]", "f:2:29: addresses[1]: 192.168.1.2 is there already"},
		{"router with a length", "\naddresses: [192.168.1.2/24]\nrouters: [192.168.1.1/24]", "f:3:11: routers[0]: 192.168.1.1/24 has a length: write the router's address alone"},
		{"router by name", "\naddresses: [192.168.1.2/24]\nrouters: [fritz.box]", "f:3:11: routers[0]: fritz.box is not an IP address"},
		{"router with a zone", "\naddresses: [fd00::2/64]\nrouters: ['fe80::1%eth0']", "f:3:11: routers[0]: fe80::1%eth0 names an interface: leave out the % and what follows, there is only one"},
		{"router of a group", "\naddresses: [192.168.1.2/24]\nrouters: [224.0.0.2]", "f:3:11: routers[0]: 224.0.0.2 is not the address of a router"},
		{"same router twice", "\naddresses: [192.168.1.2/24]\nrouters: [192.168.1.1, 192.168.1.1]", "f:3:24: routers[1]: 192.168.1.1 is there already"},
		{"five routers", "\naddresses: [192.168.1.2/24]\nrouters: [192.168.1.1, 192.168.1.3, 192.168.1.4, 192.168.1.5, 192.168.1.6]", "f:3:63: routers[4]: 192.168.1.6 is one too many: at most 4 IPv4 routers can stand in for each other"},
		{"second router elsewhere", "\naddresses: [192.168.1.2/24]\nrouters: [192.168.1.1, 192.168.2.1]", "f:3:24: routers[1]: 192.168.2.1 is not in 192.168.1.0/24: the router must be in a network of the gateway's addresses"},

		// Router advertisements.
		{"ra of another kind", "ra: yes", "f:3:5: ra wants keys of its own (enabled, interval, lifetime, preference), not yes"},
		{"ra.enabled", "ra: {enabled: yes}", "f:3:15: ra.enabled: yes is not one of true, false"},
		{"ra without IPv6", "ra: {enabled: true}", "f:3:15: ra.enabled: advertisements are for IPv6, and addresses has none: add one such as fd00:1::2/64"},
		{"ra.interval", "ra: {interval: soon}", "f:3:16: ra.interval: soon is not a duration: write a number with s, m, h or d, such as 120s or 30d"},
		{"ra.interval too short", "ra: {interval: 3s}", "f:3:16: ra.interval: 3s is not from 4s to 30m (RFC 4861 section 6.2.1)"},
		{"ra.interval too long", "ra: {interval: 1h}", "f:3:16: ra.interval: 1h is not from 4s to 30m (RFC 4861 section 6.2.1)"},
		{"ra.lifetime too short", "ra: {interval: 1m, lifetime: 30s}", "f:3:30: ra.lifetime: 30s is not from ra.interval, 1m, to 150m (RFC 4861 section 6.2.1)"},
		{"ra.lifetime too long", "ra: {lifetime: 3h}", "f:3:16: ra.lifetime: 3h is not from ra.interval, 10m, to 150m (RFC 4861 section 6.2.1)"},
		{"ra.preference", "ra: {preference: highest}", "f:3:18: ra.preference: highest is not one of low, medium, high"},

		// Routes.
		{"routes as a word", "routes: 10.0.0.0/8", "f:3:9: routes wants a list, not 10.0.0.0/8: write [ ] around its values"},
		{"route as a word", "routes: [10.0.0.0/8]", "f:3:10: routes[0] wants keys of its own (to, via), not 10.0.0.0/8"},
		{"route without via", "routes: [{to: 10.0.0.0/8}]", "f:3:10: routes[0]: via is missing: write {to: 10.0.0.0/8, via: 192.168.1.3}"},
		{"route without to", "routes: [{via: 192.168.1.3}]", "f:3:10: routes[0]: to is missing: write {to: 10.0.0.0/8, via: 192.168.1.3}"},
		{"route with another key", "routes: [{to: 10.0.0.0/8, via: 192.168.1.3, mtu: 1400}]", "f:3:45: unknown key routes[0].mtu; did you mean to?"},
		{"route with host bits", "routes: [{to: 10.1.0.0/8, via: 192.168.1.3}]", "f:3:15: routes[0].to: 10.1.0.0/8 has host bits: write 10.0.0.0/8 for the network or 10.1.0.0 for the host"},
		{"route to everything", "routes: [{to: 0.0.0.0/0, via: 192.168.1.3}]", "f:3:15: routes[0].to: 0.0.0.0/0 is everything: that is what routers are for"},
		{"route to a group", "routes: [{to: 224.0.0.0/4, via: 192.168.1.3}]", "f:3:15: routes[0].to: 224.0.0.0/4: no router forwards there"},
		{"route to loopback", "routes: [{to: 127.0.0.0/8, via: 192.168.1.3}]", "f:3:15: routes[0].to: 127.0.0.0/8: no router forwards there"},
		{"route to the LAN", "routes: [{to: 192.168.1.64/26, via: 192.168.1.3}]", "f:3:15: routes[0].to: 192.168.1.64/26 is on the LAN, in 192.168.1.0/24: it is reached without a router"},
		{"route twice", "routes: [{to: 10.0.0.0/8, via: 192.168.1.3}, {to: 10.0.0.0/8, via: 192.168.1.4}]", "f:3:51: routes[1].to: there is a route to 10.0.0.0/8 already"},
		{"route in two families", "routes: [{to: 10.0.0.0/8, via: 'fe80::3'}]", "f:3:15: routes[0]: 10.0.0.0/8 is IPv4 and fe80::3 is IPv6: a route is in one family"},
		{"route via a name", "routes: [{to: 10.0.0.0/8, via: branch}]", "f:3:32: routes[0].via: branch is not an IP address"},
		{"route via elsewhere", "routes: [{to: 10.0.0.0/8, via: 10.0.0.1}]", "f:3:32: routes[0].via: 10.0.0.1 is not in 192.168.1.0/24: the router must be in a network of the gateway's addresses"},
		{"route via us", "routes: [{to: 10.0.0.0/8, via: 192.168.1.2}]", "f:3:32: routes[0].via: 192.168.1.2 is the gateway's own address: write the other router's"},
		{"router elsewhere", "\naddresses: [192.168.1.2/24]\nrouters: [192.168.2.1]", "f:3:11: routers[0]: 192.168.2.1 is not in 192.168.1.0/24: the router must be in a network of the gateway's addresses"},
		{"router is us", "\naddresses: [192.168.1.2/24]\nrouters: [192.168.1.2]", "f:3:11: routers[0]: 192.168.1.2 is the gateway's own address: write the NAT router's"},
		{"router of another family", "\naddresses: [192.168.1.2/24]\nrouters: [192.168.1.1, 'fe80::1']", "f:3:24: routers[1]: fe80::1 needs an IPv6 address of the gateway's own: add one to addresses, or leave this router out"},

		// Intercept.
		{"imap", "intercept:\n  - protocol: imap", "f:4:15: imap is not in this version"},
		{"pop3s", "intercept: [{protocol: pop3s}]", "f:3:24: pop3s is not in this version"},
		{"smtp", "intercept: [{protocol: smtp}]", "f:3:24: intercept[0].protocol: smtp is not one of pop3"},
		{"source client", "intercept: [{source: client}]", "f:3:22: source: client is not in this version"},
		{"source", "intercept: [{source: server}]", "f:3:22: intercept[0].source: server is not one of gateway, client"},
		{"stls", "intercept: [{stls: strip}]", "f:3:20: intercept[0].stls: strip is not one of hide, pass"},
		{"not_pop3", "intercept: [{not_pop3: drop}]", "f:3:24: intercept[0].not_pop3: drop is not one of close, pass"},
		{"late drip", "intercept: [{drip: 2m}]", "f:3:20: intercept[0].drip: 2m is not from 1s to 1m"},
		{"no drip", "intercept: [{drip: 0s}]", "f:3:20: intercept[0].drip must be more than 0"},
		{"short budget", "intercept: [{budget: 10s}]", "f:3:22: intercept[0].budget: 10s is not from 1m to 1d"},
		{"port 0", "intercept: [{ports: [0]}]", "f:3:22: intercept[0].ports[0]: 0 is not a whole number from 1 to 65535"},
		{"port 65536", "intercept: [{ports: [110, 65536]}]", "f:3:27: intercept[0].ports[1]: 65536 is not a whole number from 1 to 65535"},
		{"port twice", "intercept: [{ports: [110, 110]}]", "f:3:27: intercept[0].ports[1]: 110 is there already"},
		{"no port", "intercept: [{ports: []}]", "f:3:21: intercept[0].ports is empty, so nothing would match: write [110]"},
		{"rule name", "intercept: [{name: a b}]", `f:3:20: intercept[0].name: "a b" is not a name: 1 to 64 letters, digits and marks`},
		{"rule name twice", "intercept: [{}, {ports: [1110]}]", "f:3:17: intercept[1]: a rule before this one is called pop3 too: give each its own name"},
		{"host bits", "intercept: [{skip: {clients: [192.168.1.9/24]}}]", "f:3:31: intercept[0].skip.clients[0]: 192.168.1.9/24 has host bits: write 192.168.1.0/24 for the network or 192.168.1.9 for the host"},
		{"prefix", "intercept: [{servers: [mail.example]}]", "f:3:24: intercept[0].servers[0]: mail.example is not an address with a network length, such as 192.168.1.2/24 or fd00:1::2/64"},

		// Sizes, durations, paths, words.
		{"size", "spool: {memory: 256KB}", "f:3:17: spool.memory: 256KB is not a size: write a number of octets, or one with KiB, MiB, GiB or TiB, such as 256KiB"},
		{"size overflow", "spool: {max: 9999999999TiB}", "f:3:14: spool.max: 9999999999TiB is not a size: write a number of octets, or one with KiB, MiB, GiB or TiB, such as 256KiB"},
		{"size 0", "spool: {max: 0}", "f:3:14: spool.max must be more than 0"},
		{"memory above max", "spool: {memory: 2MiB, max: 1MiB}", "f:3:17: spool.memory (2MiB) is more than spool.max (1MiB)"},
		{"max below memory", "spool: {max: 1KiB}", "f:3:14: spool.memory (256KiB) is more than spool.max (1KiB)"},
		{"duration", "scan: {limits: {time: 2 minutes}}", `f:3:23: scan.limits.time: "2 minutes" is not a duration: write a number with s, m, h or d, such as 120s or 30d`},
		{"duration 0", "scan: {limits: {time: 0s}}", "f:3:23: scan.limits.time must be more than 0"},
		{"depth", "scan: {limits: {depth: 0}}", "f:3:24: scan.limits.depth: 0 is not a whole number from 1 to 100"},
		{"relative path", "quarantine: {dir: q}", "f:3:19: quarantine.dir: q is not an absolute path: it must begin with /"},
		{"no rules", "scan: {yara: {rules: []}}", "f:3:22: scan.yara.rules is empty: name files or folders, or leave the key out for the built-in rules"},
		{"too many workers", "scan: {yara: {workers: 65}}", "f:3:24: scan.yara.workers: 65 is not a whole number from 0 to 64"},
		{"relative rules", "scan: {yara: {rules: [/a, b]}}", "f:3:27: scan.yara.rules[1]: b is not an absolute path: it must begin with /"},
		{"socket length", "control: {socket: /" + strings.Repeat("s", 107) + "}", "f:3:19: control.socket: the path has 108 octets, and a unix socket's may have 107"},
		{"socket folder", "control: {socket: /run/}", "f:3:19: control.socket: /run/ is a folder: write the socket's name too"},
		{"level", "log: {level: loud}", "f:3:14: log.level: loud is not one of debug, info, warn, error"},
		{"format", "log: {format: xml}", "f:3:15: log.format: xml is not one of text, json"},
		{"long value", "log: {format: " + strings.Repeat("x", 100) + "}", "f:3:15: log.format: \"" + strings.Repeat("x", 64) + "\"… is not one of text, json"},

		{"sessions", "limits: {sessions: 0}", "f:3:20: limits.sessions: 0 is not a whole number from 1 to 16000"},
		{"memory", "limits: {memory: none}", `f:3:18: limits.memory: none is not a size: write a number of octets, or one with KiB, MiB, GiB or TiB, such as 256KiB`},
		{"little memory", "limits: {memory: 1MiB}", "f:3:18: limits.memory: 1MiB is less than an idle gateway takes: write 32MiB or more"},
		{"memory action", "limits: {memory_action: drop}", "f:3:25: limits.memory_action: drop is not one of refuse, forward"},
		{"watchdog action", "watchdog: {action: replace}", "f:3:20: watchdog.action: replace is not one of refuse, forward"},
		{"watchdog time", "watchdog: {after: 0s}", "f:3:19: watchdog.after must be more than 0"},

		// Promised, not landed.
		{"shadow of another kind", "shadow: maybe", "f:3:9: shadow: maybe is not one of true, false"},
		{"names", "scan: {names: {block: [a, '']}}", `f:3:27: scan.names.block[1]: "" is not a pattern for the names of files: write one such as *.exe or invoice*.zip`},
		{"names types", "scan: {names: {types: [exe]}}", "f:3:24: scan.names.types[0]: exe is a media type that cannot be told by content"},
		{"rspamd", "spam: {rspamd: 'http://rspamd:11333'}", "f:3:16: spam.rspamd: http://rspamd:11333 is not the address of an rspamd: write one such as http://127.0.0.1:11333"},
		{"two filters", "spam: {rspamd: 'http://127.0.0.1:11333', spamd: 'tcp:127.0.0.1:783'}", "f:3:7: spam: rspamd and spamd are both there: one filter is asked"},
		{"spam score", "spam: {tag: nan}", "f:3:13: spam.tag: nan is not a score: write a number such as 5.0"},
		{"spam subject", "spam: {subject: Spám}", `f:3:17: spam.subject: "Spám" is not a tag of at most 64 ASCII letters, digits and marks: write one such as "[SPAM] "`},
		{"clamd path", "scan: {clamd: {address: /run/clamd.ctl}}", "f:3:25: scan.clamd.address: /run/clamd.ctl is neither unix:PATH nor tcp:ADDRESS:PORT: write one such as unix:/run/clamav/clamd.ctl"},
		{"clamd name", "scan: {clamd: {address: ['tcp:[::1]:3310', 'tcp:clamd:3310']}}", "f:3:44: scan.clamd.address[1]: tcp:clamd:3310 is not an IP address and a port: write one such as tcp:127.0.0.1:3310 or tcp:[::1]:3310"},
		{"clamd socket", "scan: {clamd: {address: unix:clamd.ctl}}", "f:3:25: scan.clamd.address: unix:clamd.ctl is not the absolute path of a socket: write one such as unix:/run/clamav/clamd.ctl"},
		{"clamd threads", "scan: {clamd: {parallel: 0}}", "f:3:26: scan.clamd.parallel: 0 is not a whole number from 1 to 1000"},
		{"a policy that cannot be kept", "spool: {max: 200MiB}\nscan: {policy: {oversize: replace}}", "f:4:27: scan.policy.oversize: replace keeps the whole mail, and one above scan.limits.message (256MiB) never fits spool.max (200MiB): raise spool.max, or write deliver, tag or retry"},
		{"policy word", "scan: {policy: {error: drop}}", "f:3:24: scan.policy.error: drop is not one of deliver, tag, replace, retry"},
		{"policy cause", "scan: {policy: {infectd: tag}}", "f:3:17: unknown key scan.policy.infectd; did you mean infected?"},
		{"notice language", "notice: {language: xx}", "f:3:20: notice.language: xx is not one of de, en, es, fr, it, pl, pt, ru"},
		{"notice template", "notice: {template: n.tmpl}", "f:3:20: notice.template: n.tmpl is not an absolute path: it must begin with /"},
		{"notice for nobody", "notice: {languages: [{language: de}]}", "f:3:22: notice.languages[0] wants both clients and a language, such as {clients: [192.168.1.0/25], language: de}"},
		{"notice in nothing", "notice: {languages: [{clients: [10.0.0.0/8]}]}", "f:3:22: notice.languages[0] wants both clients and a language, such as {clients: [192.168.1.0/25], language: de}"},
		{"notice client", "notice: {languages: [{clients: [x], language: de}]}", "f:3:33: notice.languages[0].clients[0]: x is not an address with a network length, such as 192.168.1.2/24 or fd00:1::2/64"},
		{"keep", "quarantine: {keep: 23h}", "f:3:20: quarantine.keep: nothing is removed before a day is over: write 1d or more"},
		{"keep that is none", "quarantine: {keep: ever}", "f:3:20: quarantine.keep: ever is not a duration: write a number with s, m, h or d, such as 120s or 30d"},
		{"history", "quarantine: {history: 5h}", "f:3:23: quarantine.history: the history is kept by days: write 1d or more, or 0s for none"},
		{"flow", "quarantine: {flow: 1025}", "f:3:20: quarantine.flow: 1025 is not a whole number from 0 to 1024"},
		{"quarantine max", "quarantine: {max: 0}", "f:3:19: quarantine.max must be more than 0"},
		{"metrics by name", "metrics: {listen: 'localhost:9110'}", "f:3:19: metrics.listen: localhost:9110 is not an address and a port: write one such as 127.0.0.1:9110 or [::1]:9110, or \"\" for none"},
		{"metrics everywhere", "metrics: {listen: ':9110'}", "f:3:19: metrics.listen: :9110 is not an address and a port: write one such as 127.0.0.1:9110 or [::1]:9110, or \"\" for none"},
		{"metrics anywhere", "metrics: {listen: '127.0.0.1:0'}", "f:3:19: metrics.listen: 127.0.0.1:0 is not an address and a port: write one such as 127.0.0.1:9110 or [::1]:9110, or \"\" for none"},

		{"several, in the order of the file", "log: {format: xml}\ndevice:\n  mtu: x\n  namee: y\n", "f:3:15: log.format: xml is not one of text, json\nf:5:8: device.mtu: x is not a whole number from 576 to 65521\nf:6:3: unknown key device.namee; did you mean name?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := c.file
			if !strings.HasPrefix(file, "\n") {
				file = minimal + file
			}
			_, err := Parse("f", []byte(file), Overrides{})
			if err == nil {
				t.Fatalf("accepted; want %s", c.want)
			}
			if _, ok := errors.AsType[Errors](err); !ok {
				t.Errorf("%T, want Errors", err)
			}
			if err.Error() != c.want {
				t.Errorf("got  %s\nwant %s", err, c.want)
			}
		})
	}
}

func TestHalfWrittenFilesAreAccepted(t *testing.T) {
	for name, file := range map[string]string{
		"a section whose keys are commented out": minimal + "scan:\n  # yara: {}\n",
		"nothing intercepted":                    minimal + "intercept: []\n",
		"a rule of defaults":                     minimal + "intercept: [{}]\n",
		"point-to-point":                         "addresses: [192.0.2.0/31]\nrouters: [192.0.2.1]\n",
		"link-local router":                      "addresses: [fd00::2/64]\nrouters: [fe80::1]\n",
		"leading document mark":                  "---\n" + minimal,
		"CRLF line ends":                         strings.ReplaceAll(minimal, "\n", "\r\n"),
		"promised values that change nothing":    minimal + "shadow: false\nroutes: []\nmetrics: {listen: ''}\nscan: {policy: {error: retry}}\n",
	} {
		if _, err := Parse("f", []byte(file), Overrides{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOverrides(t *testing.T) {
	addresses := []string{"10.0.0.2/8"}
	routers := []string{"10.0.0.1"}
	t.Run("stand for a file", func(t *testing.T) {
		f, err := Load("", Overrides{Addresses: addresses, Routers: routers, Bridge: "br1"})
		if err != nil {
			t.Fatal(err)
		}
		c := f.Config
		if c.Addresses[0].String() != "10.0.0.2/8" || c.Routers[0].String() != "10.0.0.1" || c.Device.Bridge != "br1" || c.Device.MTU != 1500 {
			t.Errorf("got %+v", c)
		}
	})
	t.Run("replace what the file says", func(t *testing.T) {
		onlyIPv4 := regexp.MustCompile(`(?m)^(routes|ra): .*\n`).ReplaceAllString(everything, "")
		f, err := Parse("f", []byte(onlyIPv4), Overrides{Addresses: addresses, Routers: routers, Bridge: "br1"})
		if err != nil {
			t.Fatal(err)
		}
		c := f.Config
		if len(c.Addresses) != 1 || len(c.Routers) != 1 || c.Device.Bridge != "br1" || c.Device.Name != "tap7" {
			t.Errorf("got %+v", c)
		}
	})
	for _, c := range []struct {
		over Overrides
		want string
	}{
		{Overrides{Addresses: []string{"10.0.0.2"}, Routers: routers}, "--address: addresses[0]: 10.0.0.2 lacks its network's length: write 10.0.0.2/24, if the network has that"},
		{Overrides{Addresses: addresses, Routers: []string{"10.0.0.2"}}, "--router: routers[0]: 10.0.0.2 is the gateway's own address: write the NAT router's"},
		{Overrides{Addresses: addresses}, "configuration: routers is missing: write the NAT router's address, such as routers: [192.168.1.1]"},
		{Overrides{Addresses: addresses, Routers: routers, Bridge: "a b"}, `--bridge: device.bridge: "a b" is not an interface name: 1 to 15 letters, digits, - _ .`},
	} {
		if _, err := Load("", c.over); err == nil || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
}

func TestLoadSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	long := filepath.Join(dir, "long")
	if err := os.WriteFile(long, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "no such file: write it, name another with -c FILE or MIRRORGW_CONFIG, or use `run` with --address and --router",
		dir:                        "cannot be read: is a directory",
		long:                       "is longer than 1 MiB, so it is hardly a configuration",
	} {
		if _, err := Load(path, Overrides{}); err == nil || err.Error() != path+": "+want {
			t.Errorf("got  %v\nwant %s: %s", err, path, want)
		}
	}
}

func TestErrorfPointsAtTheKeyOrItsSection(t *testing.T) {
	f, err := Parse("f", []byte(minimal+"scan:\n  yara:\n    rules: [/a, /b]\n"), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"scan.yara.rules[1]": "f:5:17: gone",
		"scan.yara.rules[7]": "f:5:12: gone",
		"scan.limits.time":   "f:4:3: gone",
		"quarantine.dir":     "f:1:1: gone",
	} {
		if got := f.Errorf(key, "gone").Error(); got != want {
			t.Errorf("%s: got %s, want %s", key, got, want)
		}
	}
}

func TestWriteReadsBack(t *testing.T) {
	for _, file := range []string{minimal, everything} {
		checkRoundTrip(t, file)
	}
}

// checkRoundTrip holds the law of Write: what it writes reads back as the same Config, and is written the same again.
func checkRoundTrip(t *testing.T, file string) {
	t.Helper()
	f, err := Parse("f", []byte(file), Overrides{})
	if err != nil {
		return
	}
	var first, second strings.Builder
	if err := Write(&first, &f.Config); err != nil {
		t.Fatal(err)
	}
	back, err := Parse("g", []byte(first.String()), Overrides{})
	if err != nil {
		t.Fatalf("%v\nin\n%s", err, first.String())
	}
	if !reflect.DeepEqual(f.Config, back.Config) {
		t.Errorf("got  %+v\nwant %+v", back.Config, f.Config)
	}
	if err := Write(&second, &back.Config); err != nil {
		t.Fatal(err)
	}
	if first.String() != second.String() {
		t.Errorf("written first:\n%s\nwritten again:\n%s", first.String(), second.String())
	}
}

func TestWriteNamesEveryCause(t *testing.T) {
	c := Default()
	for cause := range c.Scan.Policy {
		var b strings.Builder
		if err := Write(&b, c); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), "    "+string(cause)+": "+c.Scan.Policy[cause].String()+"  # ") {
			t.Errorf("%s is not in\n%s", cause, b.String())
		}
	}
}

// FuzzParse: any bytes give a Config or Errors with a place, and every Config survives Write and Parse.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{minimal, everything, "", "\x00", "a: &a [*a]", "log: {level: \"\\xff\"}", "? {a: b}\n: c", "<<: {log: 1}", "!!binary x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file string) {
		_, err := Parse("f", []byte(file), Overrides{})
		if err != nil {
			list, ok := errors.AsType[Errors](err)
			if !ok || len(list) == 0 || len(list) > maxErrors {
				t.Fatalf("%T of %d: %v", err, len(list), err)
			}
			for _, e := range list {
				if e.Source != "f" || e.Line < 1 || e.Col < 1 || strings.ContainsAny(e.Msg, "\n\r\x1b") {
					t.Errorf("%#v", e)
				}
			}
			return
		}
		checkRoundTrip(t, file)
	})
}

func TestUnits(t *testing.T) {
	for in, want := range map[string]int64{"0": 0, "1": 1, "1KiB": 1024, "400MiB": 400 << 20, "4GiB": 4 << 30, "7TiB": 7 << 40} {
		if n, err := parseSize(in); n != want || err != nil || formatSize(n) != in {
			t.Errorf("%s: got %d %v, back %s", in, n, err, formatSize(n))
		}
	}
	for _, in := range []string{"", "KiB", "1 KiB", "1kib", "+1", "-1", "0x1", "1_000", "1.5MiB", "00", "8388608TiB", "9223372036854775808"} {
		if n, err := parseSize(in); err == nil {
			t.Errorf("%q: got %d", in, n)
		}
	}
	for in, want := range map[string]time.Duration{"1s": time.Second, "2m": 2 * time.Minute, "1h": time.Hour, "30d": 30 * day, "1.5s": 1500 * time.Millisecond} {
		if d, err := parseDuration(in); d != want || err != nil || formatDuration(d) != in {
			t.Errorf("%s: got %v %v, back %s", in, d, err, formatDuration(d))
		}
	}
	for _, in := range []string{"", "5", "d", "-1s", "1.5d", "1w", "999999999d"} {
		if d, err := parseDuration(in); err == nil {
			t.Errorf("%q: got %v", in, d)
		}
	}
}

func TestNearest(t *testing.T) {
	keys := []string{"addresses", "routers", "routes", "log"}
	for word, want := range map[string]string{"adresses": "addresses", "router": "routers", "lgo": "log", "xyz": "", "": "", strings.Repeat("a", 5000): ""} {
		if got := Nearest(word, keys); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}
