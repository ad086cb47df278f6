// Command bench measures the gateway beside the kernel: what the same machine does when its own forwarding stands where the
// mirror stands.
//
// # What it holds
//
//   - TCP upload from client to internet (iperf3), with the gateway's offload on and off.
//   - The round trip of a ping on an idle network.
//   - Short POP3 sessions per second over IPv4 and IPv6, without a mail and with ten mails of 4 kB, which the mirror scans.
//     The server is this program: it does nothing that would hide what the mirror costs.
//
// Everything is in one lab of package testnet: client, mirror, router and internet share this machine's cores. Read the
// ratios, not the absolute figures. Each round goes through all ways, so that what else the machine does meets them alike,
// and a figure is the median of the rounds with the least and the greatest beside it.
//
// # What it does not hold
//
// No test: a figure below the project's aim is printed as such and is no failure. The exit status is 1 when something could
// not be measured, and 2 for wrong usage.
//
// # Ownership and end
//
// One goroutine measures one thing after the other. The lab goes when it is done, when something fails and on ctrl-C.
//
// # Decisions
//
//   - 2026-11: the peer has no redirects to send and no connection tracking, the kernel at its best; only the router has NAT, and
//     both ways go through it. Reverse never: a weaker peer flatters.
//   - 2026-11: upload only. With one leg the way back does not touch the mirror, whoever forwards.
package main
