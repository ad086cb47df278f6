// Package testnet is the network lab: hosts, wires, routers, mail servers, loss and delay, in memory and in network
// namespaces.
//
// # What it holds
//
// In memory, for tests that want three network stacks in one process and no kernel:
//
//   - Wire: an Ethernet segment with a learning switch, seeded loss, delay, a bounded queue per end and a small MTU.
//   - Node: a host on a wire, with a real TCP/IP stack, ARP and neighbour discovery.
//   - Tap: the bare end of a wire, which reads and writes frames as a TAP device with a virtio-net header does.
//
// In network namespaces, for tests and demonstrations with kernel hosts, real servers and real clients:
//
//   - Lab: client, mirror, router and internet, wired up as in the picture below.
//   - MailServer (dovecot), MailutilsServer, WebServer, Gateway: what runs in it.
//   - Mail, CleanMails, VariedMails, EICAR: the mail they serve, the same for the same seed.
//   - Clamd: a ClamAV daemon, which belongs to no host; ServeClamd: what gives any answer such a daemon may.
//   - Demo: the story that "mirrorgw lab demo" tells, as a table of lines that hold or do not.
//
// The lab as drawn. The mirror namespace holds the LAN's bridge and the gateway's process, and no address: .2 belongs to
// the gateway's own stack behind its TAP.
//
//	   client                mirror                     router                        internet
//	┌──────────┐   ┌────────────────────────┐   ┌──────────────────────┐   ┌───────────────────────────┐
//	│ 192.168. │   │ br0                    │   │ 192.168.1.1          │   │ 203.0.113.2               │
//	│   1.10   ├───┤  ├── TAP of mirrorgw   ├───┤ fd00:1::1 fe80::1    ├───┤ 2001:db8:2::2             │
//	│ fd00:1:: │   │  │   192.168.1.2       │   │ NAT: 203.0.113.1     │   │ mail 198.51.100.10        │
//	│   10     │   │  │   fd00:1::2         │   │ 2001:db8:2::1        │   │      2001:db8:100::10     │
//	└──────────┘   └────────────────────────┘   └──────────────────────┘   │ web  198.51.100.80, …::80 │
//	                                                                       └───────────────────────────┘
//
// # What it does not hold
//
// No gateway: it imports neither stack nor forwarder, so that what it says about them is said from outside. Nothing in
// the product's data path imports it; tests, tools and the lab command do.
//
// # Ownership and end
//
// A Wire starts no goroutine; a Node has one, which reads its end of the wire and ends in Node.Close. A Lab owns its
// namespaces, its folder and every process started through it; Down ends all of them, also from another process and
// also after a crash, from the lab's record in /run/mirrorgw. The network of the namespace a Lab is made from is never
// changed.
//
// # Decisions
//
//   - 2026-11: the wire hands over whole Ethernet frames without segmentation or checksum offload, as a plain cable does. A
//     Tap completes a checksum that is asked for and refuses segmentation. Reverse when a test needs 64 KiB frames in memory.
//   - 2026-11: namespaces are named ones under /run/netns, not anonymous: "ip netns exec" and a second process find them.
//   - 2026-11: this package names a TB of its own in place of testing.TB, so that the product does not link package testing.
package testnet
