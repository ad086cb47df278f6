// Package stack owns the TAP device and the netstack: frames in and out, and intercepted TCP flows as pairs of
// connections, with neither end noticing.
//
// # What it holds
//
//   - Device, Queue: the TAP interface, with offload (virtio-net header) or plain; one Queue per thread of packet work.
//   - Stack: one gVisor netstack with two NICs over that device. "own" has the gateway's addresses and answers ARP, ND
//     and ping and dials the servers; "intercept" takes any address and is the client side of intercepted flows.
//   - Flow: the two connections of one intercepted flow, handed to a Handler, and its Trace.
//   - Trace: the headers of a flow's last frames, for who has to tell later what passed.
//
// It decides nothing about frames (package forwarder does) and knows no mail protocol. gVisor's own package of the same
// name is imported as netstack everywhere.
//
// # The way of an intercepted flow
//
//	SYN from the client      DeliverIntercept parks it: the client hears nothing yet
//	dial                     from the gateway's address to the server's, through the NIC own
//	refused                  our RST to the client; silence: nothing, and the client's next SYN tries again
//	connected                the SYN goes into the NIC intercept, whose listener shakes hands as the server
//	accepted                 paired with the dialled connection by its 4-tuple; Handler.ServeFlow has both
//
// With many SYNs parked or unclaimed, further ones go straight in: the listener's cookies prove the client, and the
// server is dialled after that. SYNs that a limit forbids go straight in too, and no server is dialled: the handler tells the
// client why, if the limit still holds once it has shaken hands.
//
// # Ownership and end
//
// Frames handed to DeliverOwn, DeliverIntercept and WriteFrames are borrowed until the call returns. A Flow's connections
// belong to the Handler until ServeFlow returns; Run then closes what it left open. Run ends when its context does: new
// flows are refused from then on, running ones get Config.Drain to end, and what is left is reset. The Device outlives the
// Stack, so that forwarding goes on to the last moment; closing it ends the loops that read its queues, and Device.Run.
//
// tcpip.Error becomes error in this package and nowhere else.
//
// # Decisions
//
//   - 2026-11 No link resolution on intercept: its frames go to the client's MAC as the forwarder learnt it. With ARP the
//     NIC would answer for every address on the LAN; with ND every IPv6 dial times out. Reversed by: a netstack whose
//     promiscuous NICs can be told what not to answer for.
//   - 2026-11 A listener per intercepted port instead of tcp.Forwarder: it has SYN cookies, and takes a SYN that reuses a
//     port in TIME_WAIT at once where the Forwarder stays silent for a minute.
//   - 2026-11 songgao/water opens the plain device, golang.org/x/sys/unix the one with offload, since water knows no
//     virtio header; vishvananda/netlink does all that ip-link(8) would. gVisor is pinned to its "go" branch, which is
//     the one meant for import.
//   - 2026-11 "TAP busy" is an abstract unix socket named after the device: it is bound to the network namespace as the
//     device is, and vanishes with the process however that ends. A lock file would need a folder, a name for the
//     namespace, and sweeping up.
//   - 2026-11 Device.Run opens a deleted interface again and joins a recreated bridge, but leaves an interface down that
//     somebody set down, and out of a bridge that somebody took it out of: the administrator's word is the last. Queues keep
//     their identity and get another file, so that nobody above has to know.
//   - 2026-11 An ICMP error reaches netstack only when the sequence number it quotes lies within what its flow lately sent
//     (RFC 5927) and it tells of 552 octets or more, 1,280 in IPv6: netstack itself believes any. What was sent is noted
//     in a table of fixed size without locks; exact bounds of what is in flight would take a look into netstack's
//     endpoints, which it does not offer. Reversed by: a netstack that checks for itself.
//   - 2026-11 Acknowledgements that carry nothing else wait up to 40 ms for company (ackdelay.go): the netstack acknowledges each command and each
//     reply in a frame of its own, and every frame passes bridge and peer. Reversed by: a netstack that delays them itself.
//   - 2026-11 Connections read and write by themselves in place of gonet, which makes a channel for each read that waits and a timer for each
//     deadline.
//   - 2026-11 Limits count clients that have shaken hands, so that forged SYNs use up nobody's share; of several flows that a
//     client opens in one instant a server may then be dialled for some that are refused.
//   - 2026-11 A server that answers nobody has 32 dials at once, and those who want to reach it wait for each other. What
//     waits is parked, and so bounded like all that is unproven.
//   - 2026-11 What is written to a client that takes nothing is bounded by a send buffer of 256 KiB, 128 KiB from the 129th flow on, and what servers
//     send ahead by a budget they share: each may have 4 MiB while flows are few.
//   - 2026-11 Congestion control is Reno's (RFC 5681). Cubic, as the netstack has it, may compute a window of no segments at all, when round trips
//     grow on a busy machine before anything was lost: nothing is sent any more then, and no timer runs. One in some 20 mails of 10 MB stood
//     still like that beside four processes that keep the processors busy; with Reno none of 156. Mail mostly leaves for
//     the LAN, where the two are alike.
//   - 2026-11 Losses are found by SACK and by time (RFC 6675, RFC 6298), without RACK and its probes (RFC 8985). The netstack probes after twice
//     the round trip, however short that is, and takes the acknowledgement that was only late for proof of a loss: half of the window is
//     gone. A client that is busy with what it got was probed a dozen times for each mail of 10 MB, and cost a third of all frames more to
//     send to. The price is paid where frames are lost: with one of 50 lost and 2 ms there and back, 20 kB take 51 ms in place of 44 in the
//     mean, and 200 kB 186 in place of 134; with one of 200, 27 in place of 21, and 69 in place of 67. Reversed by: a netstack that gives
//     a client time, and tells a late acknowledgement from a loss.
//   - 2026-11 A write that did not fit goes on when half of the buffer is free, not with each acknowledgement: what that makes room for would
//     leave in a frame of its own.
//   - 2026-11 A Trace is filled for every flow, since which flow will bring malware shows at its end only: 0.15 to 0.3 µs for each frame,
//     some 3 % of what short sessions cost the gateway in CPU time, and 2 KiB for each 16 frames. It is found by a map of its own, not the
//     flow table, whose lock others hold for long; the netstack lets nobody ride along with a segment to its endpoint. Frames are cut
//     behind TCP, or a trace of a session would hold its password and its mail; how long a password was their lengths still tell.
//   - 2026-11 Neighbour advertisements get their R flag on the way out, since netstack ties it to forwarding, which stays off.
package stack
