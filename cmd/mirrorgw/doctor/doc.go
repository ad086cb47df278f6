// Package doctor names what would defeat a one-legged mirror, on the host and on the LAN, each with its remedy in one line.
//
// # What it holds
//
//   - Facts: a snapshot of what is known, in two halves. Host is read from the kernel (read.go: one netlink dump, sysfs
//     and /proc/sys of the network namespace the process lives in), LAN is what the gateway has seen on the wire.
//   - Examine: every check over one snapshot. A check is a function of the facts and of nothing else.
//   - Doctor: reads the host again from time to time, keeps the latest facts, and logs each finding once.
//
// It changes nothing: no setting is written and no link touched, and no check decides about a frame.
//
// # How it stops
//
// Run ends with its context. Report has Run read the kernel, and judges the reading before where that takes long.
//
// # Decisions
//
//   - 2026-11: the state failing is for what keeps frames from flowing, warning for what lets mail go past the scanner or
//     may do so. Only failing makes a gateway unhealthy: a supervisor that restarts it mends none of the rest.
//   - 2026-11: send_redirects is a warning even where the host does not forward. Then no redirect is sent, but container
//     software switches forwarding on at any time, and one redirect takes a workstation past the scanner for good.
//   - 2026-11: forwarding in IPv4 is the leg's own setting, since the kernel looks at the interface a packet came in by; in
//     IPv6 it is conf.all's, which is what the kernel looks at.
//   - 2026-11: multicast snooping without a querier is no finding: Linux bridges, like switches, flood groups until they hear
//     a querier, and with one the gateway reports its groups. Nor is an address inside the router's DHCP range, which
//     cannot be known from here; the conflict it leads to is seen.
//   - 2026-11: a network card that a hypervisor made is a finding only while a router does not answer. Most of them pass
//     foreign MACs; those that do not leave this one trace.
//   - 2026-11: bridges are asked by netlink, not by sysfs, which shows the network namespace it was mounted in. What only
//     sysfs knows (wireless, driver) is believed where its interface index is the one netlink gave.
package doctor
