// Package forwarder decides the fate of every frame that reaches the gateway (forward, punt, drop) and does the
// forwarding, its ICMP errors included.
//
// # The way of a frame
//
//  1. A loop, one per device queue, reads a batch of frames (queue.go).
//  2. parse looks at each once and leaves what it saw in a packet; it cannot fail, a fault is a value (packet.go).
//  3. decide answers with a decision; it reads tables and changes nothing (decide.go; route.go for the next hop, rule.go and
//     quote.go for what is intercepted). Only of a later fragment of TCP the loop decides, by how far its datagram has come.
//  4. The loop carries it out: two MACs, TTL and header checksum rewritten in the buffer (rewrite.go), or the packet cut into
//     fragments (fragment.go), or an ICMP error built (icmp.go), or a next hop asked for (neighbour.go), or what was told of
//     routers noted (advertiser.go), or a counter (counters.go).
//  5. A tap is shown the batch, where there is one and somebody looks at it (tap.go).
//  6. Forwarded frames leave with one write, punted ones with one call for each of the host's two doors.
//
// Nothing on this way allocates, but for the first frame from a station that a table takes up. Step 1 and 4 to 6 happen in
// the queue's own goroutine; two queues share the neighbour and client
// tables and the rate limits, nothing else.
//
// # What it does not hold
//
// No TCP, no answers to ARP, neighbour solicitations or ping: that is the host's, a netstack behind the Host interface. No
// device: a Port is handed in. No state about flows that are forwarded, but for TCP in fragments (tcpfragment.go).
//
// # Ownership
//
// A queue owns its buffers. Port and Host borrow them for the length of a call. A Forwarder's methods may be called from any goroutine.
//
// # How it stops
//
// Run starts one goroutine for each port, one that asks for neighbours and one that asks for routers and advertises us. The owner of
// the ports closes them: a loop ends on os.ErrClosed, the other two with the last loop, and Run returns.
//
// # Requirements
//
// Which test holds which row of the router's requirements is in requirements_test.go at the root.
//
// # Decisions
//
//   - 2026-11: IP is forwarded here and never by netstack, which forwards martians and sends TTL 1 on as TTL 0. Reversed by
//     nothing short of a netstack with RFC 1812 checks.
//   - 2026-11: frames and headers are read by hand, without a packet library: a bounds check and a load per field, no
//     allocation, no second idea of what a frame is.
//   - 2026-11: a batch is as large as a core's cache likes. 64 superframes at once, 4 MiB, cost a tenth more CPU time for each GB than
//     two do, 128 KiB; frames of ordinary size come in whole batches. Reversed by measuring.
//   - 2026-11: TTL is looked at before interception, so that the gateway is hop 1 for mail ports too.
//   - 2026-11: an Authentication Header (RFC 4302) is opaque. What is behind it reaches only an endpoint that shares a security
//     association, and could not be replaced by us anyway.
//   - 2026-11: the router's MAC is refreshed by unicast requests, and while it answers those no other MAC is believed
//     (requirement A18). A request to all, which any answer may satisfy, follows only where unicast went unanswered.
//   - 2026-11: no ICMP redirect is ever sent, and none reaches the host (deviation from RFC 1812 section 5.2.7.2 and RFC 4861 section
//     8.2): a client that obeys one bypasses the gateway.
//   - 2026-11: fragments of TCP to an intercepted port or to us are dropped: nothing legitimate sends mail so, and whoever
//     reassembles differently than the endpoint has a hole. Reversed by a client that needs it.
//   - 2026-11: fragments of other TCP go on as they came, each exactly where the one before it ended; any other ends its datagram.
//     One that comes before its first is dropped, not held: senders and routers send them in order, one queue keeps that order,
//     and what is held for a first fragment that never comes is memory for whoever asks. TCP sends again what is lost. Reversed by
//     a network that reorders them.
//   - 2026-11: during a bypass each segment of an intercepted flow is asked for at the host, and only then: flows keep no state
//     here, and those that the host has must stay with it to their last ACK.
//   - 2026-11: of several routers the first that answers is used. They are asked every second, and three requests go to the known MAC
//     alone: one lost frame neither moves the LAN's traffic nor lets a forged answer in. All of them count as outside.
//   - 2026-11: sources are held against routes as destinations are: a network behind a router may only be heard by its MAC.
//   - 2026-11: ICMP that would shrink a flow below 552 octets (IPv6 1,280) is not believed, neither about our own packets nor
//     about those in a server's name.
//   - 2026-11: SYNs are limited by client, and a client that finishes its handshakes not at all. The limit is no defence against
//     forged sources, which the host's cookies are; it keeps one broken or hostile station from filling the host's tables.
//   - 2026-11: another's router advertisement is noted and dropped, the configured router's included: it is what leads IPv6 past the
//     gateway. Our own carry no prefixes: addresses stay the router's business.
//   - 2026-11: a panic costs the frame that caused it; a panic inside Host is not caught, since a netstack that
//     panicked may hold its locks. Reversed if Host ever promises to survive one.
package forwarder
