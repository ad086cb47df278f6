package config

import (
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

// Write writes c as YAML with every default written out. Parse reads it back as an equal Config.
//
// Errors: those of w.
func Write(w io.Writer, c *Config) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }

	line("device:")
	line("  name: %s", quote(c.Device.Name))
	line("  bridge: %s", quote(c.Device.Bridge))
	line("  mac: %s  # empty: derived, stable", quote(c.Device.MAC.String()))
	line("  mtu: %d", c.Device.MTU)
	line("  queues: %d  # 0: one per CPU, at most 8", c.Device.Queues)
	line("  offload: %s", quote(string(c.Device.Offload)))
	line("addresses: %s", prefixList(c.Addresses))
	line("routers: %s", flow(c.Routers, func(a netip.Addr) string { return quote(a.String()) }))
	line("routes: %s", flow(c.Routes, func(r Route) string {
		return "{to: " + quote(r.To.String()) + ", via: " + quote(r.Via.String()) + "}"
	}))
	line("ra:")
	line("  enabled: %t  # advertise the gateway as IPv6 router", c.RA.Enabled)
	line("  interval: %s", formatDuration(c.RA.Interval))
	line("  lifetime: %s", formatDuration(c.RA.Lifetime))
	line("  preference: %s  # a NAT router's is medium", c.RA.Preference)
	line("intercept:%s", ifEmpty(c.Intercept, " []  # nothing is intercepted"))
	for _, r := range c.Intercept {
		line("  - name: %s", quote(r.Name))
		line("    protocol: %s", quote(string(r.Protocol)))
		line("    ports: %s", flow(r.Ports, func(p uint16) string { return strconv.Itoa(int(p)) }))
		line("    clients: %s%s", prefixList(r.Clients), ifEmpty(r.Clients, "  # the gateway's own networks"))
		line("    servers: %s%s", prefixList(r.Servers), ifEmpty(r.Servers, "  # all"))
		line("    skip: {clients: %s, servers: %s}", prefixList(r.Skip.Clients), prefixList(r.Skip.Servers))
		line("    source: gateway  # the address the server sees")
		line("    stls: %s  # %s", quote(string(r.STLS)), r.STLS.meaning())
		line("    not_pop3: %s  # %s", quote(string(r.NotPOP3)), r.NotPOP3.meaning())
		line("    drip: %s  # a client that waits this long for a mail is given its first header fields", formatDuration(r.Drip))
		line("    budget: %s  # a mail that takes longer, download and judgement in one, is not delivered this time", formatDuration(r.Budget))
		line("    pad: %t  # a notice gets blank lines up to the size the server has announced", r.Pad)
	}
	c.Limits.write(line)
	line("watchdog:")
	line("  action: %s  # with new sessions while no mail gets its verdict", c.Watchdog.Action)
	line("  after: %s", formatDuration(c.Watchdog.After))
	line("spool:")
	line("  dir: %s%s", quote(c.Spool.Dir), ifEmpty([]byte(c.Spool.Dir), "  # the system's folder for temporary files"))
	line("  memory: %s", formatSize(c.Spool.Memory))
	line("  max: %s", formatSize(c.Spool.Max))
	if c.Shadow {
		line("shadow: true  # mail is judged and logged, and delivered whatever is found")
	} else {
		line("shadow: false")
	}
	line("scan:")
	c.Scan.YARA.write(line)
	line("  clamd:")
	line("    address: %s%s", flow(c.Scan.Clamd.Address, quote), ifEmpty(c.Scan.Clamd.Address, "  # not used"))
	line("    parallel: %d  # parts it is asked about at once; fewer than its MaxThreads", c.Scan.Clamd.Parallel)
	line("  names:")
	line("    block: %s%s", flow(c.Scan.Names.Block, quote), ifEmpty(c.Scan.Names.Block, "  # no file is unwanted for its name"))
	line("    double_extensions: %t  # true: names made to look like something else than what runs are unwanted", c.Scan.Names.DoubleExtensions)
	line("    types: %s%s", flow(c.Scan.Names.Types, quote), ifEmpty(c.Scan.Names.Types, "  # no file is unwanted for its kind"))
	line("  limits:")
	line("    message: %s", formatSize(c.Scan.Limits.Message))
	line("    expanded: %s", formatSize(c.Scan.Limits.Expanded))
	line("    depth: %d", c.Scan.Limits.Depth)
	line("    parts: %d", c.Scan.Limits.Parts)
	line("    time: %s", formatDuration(c.Scan.Limits.Time))
	if c.Shadow {
		line("  policy:  # logged and not done, since shadow is true")
	} else {
		line("  policy:")
	}
	for _, cause := range causes() {
		action := c.Scan.Policy[cause.cause]
		line("    %s: %s  # %s: %s", cause.cause, action, cause.meaning, meaningOf(cause.cause, action))
	}
	line("  cache: %d  # verdicts remembered by a mail's content; 0: none", c.Scan.Cache)
	line("spam:")
	line("  rspamd: %s%s", quote(c.Spam.Rspamd), ifEmpty([]byte(c.Spam.Rspamd), "  # not asked"))
	line("  spamd: %s%s", quote(c.Spam.Spamd), ifEmpty([]byte(c.Spam.Spamd), "  # not asked"))
	line("  tag: %s  # score from which a mail is spam", strconv.FormatFloat(c.Spam.Tag, 'f', -1, 64))
	line("  subject: %s%s", quote(c.Spam.Subject), ifEmpty([]byte(c.Spam.Subject), "  # the subject of spam stays as it is"))
	line("  isp_header: %s%s", quote(c.Spam.IspHeader), ifEmpty([]byte(c.Spam.IspHeader), "  # no field of the mail's own counts"))
	line("neutralise:")
	line("  html: %t  # nothing in the HTML of a mail is fetched or run", c.Neutralise.HTML)
	line("notice:")
	line("  language: %s  # of what clients get in place of a mail", quote(c.Notice.Language))
	line("  languages: %s", flow(c.Notice.Languages, func(l NoticeLanguage) string {
		return "{clients: " + prefixList(l.Clients) + ", language: " + quote(l.Language) + "}"
	}))
	line("  template: %s%s", quote(c.Notice.Template), ifEmpty([]byte(c.Notice.Template), "  # the built-in texts"))
	line("  keep_rest: %t  # true: only the parts with a finding are replaced, where that is safe", c.Notice.KeepRest)
	line("quarantine:")
	line("  dir: %s", quote(c.Quarantine.Dir))
	line("  keep: %s", formatDuration(c.Quarantine.Keep))
	line("  max: %s  # then the oldest goes, though never before a day is over", formatSize(c.Quarantine.Max))
	line("  history: %s  # who got which mail, by its hash, for quarantine hunt; 0s: not recorded", formatDuration(c.Quarantine.History))
	line("  flow: %d  # frames of each session of which the headers are remembered, and kept with a mail; 0: none", c.Quarantine.Flow)
	line("control:")
	line("  socket: %s", quote(c.Control.Socket))
	line("metrics:")
	if c.Metrics.Listen.IsValid() {
		line("  listen: %s", quote(c.Metrics.Listen.String()))
	} else {
		line(`  listen: ""  # off`)
	}
	line("log:")
	line("  level: %s", strings.ToLower(c.Log.Level.String()))
	line("  format: %s", quote(string(c.Log.Format)))

	_, err := io.WriteString(w, b.String())
	return err
}

// meaning says in words what s does.
func (s STLS) meaning() string {
	if s == STLSPass {
		return "TLS inside a session is let through, and its mail is not scanned"
	}
	return "TLS inside a session is not offered, so that its mail can be scanned"
}

// meaning says in words what n does.
func (n NotPOP3) meaning() string {
	if n == NotPOP3Pass {
		return "connections that speak something else are let through unscanned"
	}
	return "connections that speak something else are closed"
}

// quote returns s as a double-quoted YAML scalar, whose escapes are those of Go.
func quote(s string) string { return strconv.Quote(s) }

func prefixList(list []netip.Prefix) string {
	return flow(list, func(p netip.Prefix) string { return quote(p.String()) })
}

// flow returns list as a YAML flow sequence.
func flow[T any](list []T, show func(T) string) string {
	items := make([]string, len(list))
	for i, v := range list {
		items[i] = show(v)
	}
	return "[" + strings.Join(items, ", ") + "]"
}

func ifEmpty[T any](list []T, words string) string {
	if len(list) == 0 {
		return words
	}
	return ""
}
